"""Borders: which turns of a summed letter meet a term that exists."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from mapsto.compiler.contraction.index import Index, divided, least, most, total
from mapsto.compiler.contraction.letters import Guard
from mapsto.ir.build import Builder

Valid = TypeVar("Valid", bound=Hashable)


def clipped(
    b: Builder, guard: Guard, name: str, known: Mapping[str, Index], begin: Index, end: Index
) -> tuple[Index, Index]:
    """A range of a letter ↦ the part of it where the guard holds; the guard's other letters are known.

    From `0 ≤ c·s + r < E`: for c > 0, ⌈-r / c⌉ ≤ s < ⌈(E - r) / c⌉, and for c = -d < 0, ⌊(r - E) / d⌋ < s ≤ ⌊r / d⌋.
    """
    c = guard.coefficient(name)
    others = [(coefficient, known[letter]) for letter, coefficient in guard.terms if letter != name]
    if c > 0:
        away = [(-coefficient, index) for coefficient, index in others]
        first = divided(b, total(b, away, c - 1 - guard.shift), c)
        last = divided(b, total(b, away, guard.extent - guard.shift + c - 1), c)
    else:
        first = divided(b, total(b, others, guard.shift - guard.extent - c), -c)
        last = divided(b, total(b, others, guard.shift - c), -c)
    return most(b, begin, first), least(b, end, last)


@lru_cache(1024)
def interior(guard: Guard, name: str, other: str, extent: int, other_extent: int) -> tuple[int, int]:
    """The range of a letter where a guard of two letters holds for every turn of the other.

    >>> interior(Guard((("j", 1), ("k", 1)), -1, 8), "j", "k", 8, 3)
    (1, 7)
    """
    ends = [guard.coefficient(other) * turn + guard.shift for turn in (0, max(0, other_extent - 1))]
    holds = [
        turn
        for turn in range(extent)
        if min(ends) + guard.coefficient(name) * turn >= 0 and max(ends) + guard.coefficient(name) * turn < guard.extent
    ]
    return (holds[0], holds[-1] + 1) if holds else (0, 0)


def pieces(extent: int, valid: Callable[[int], Valid]) -> Sequence[tuple[int, int, Valid]]:
    """The turns of a letter ↦ ranges in which the same terms exist, with these.

    >>> pieces(5, lambda turn: turn > 3)
    [(0, 4, False), (4, 5, True)]
    """
    found: list[tuple[int, int, Valid]] = []
    for turn in range(extent):
        now = valid(turn)
        if found and found[-1][2] == now:
            found[-1] = (found[-1][0], turn + 1, now)
        else:
            found.append((turn, turn + 1, now))
    return found
