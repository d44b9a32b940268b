"""Value numbering of formulas: equal for formulas that differ only in which arrays and indices they name.

What is made of formulas (a kernel, a flat loop) is made once for all that have equal numberings, by `MadeOnce`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word

Made = TypeVar("Made")


class Numbering:
    """Gives every term of some formulas a number, and keeps one line for it.

    A line names other terms by their numbers, arrays by their places in a list, and indices by their extents, so equal
    lines mean formulas that differ in names alone.
    """

    def __init__(self, arrays: Sequence[int]) -> None:
        self.arrays = {array: place for place, array in enumerate(arrays)}
        self.terms: dict[Formula, int] = {}
        self.lines: list[Any] = []

    def numbers(self, terms: Sequence[Formula]) -> tuple[int, ...]:
        """The numbers of several terms."""
        return tuple([self.number(term) for term in terms])

    def number(self, term: Formula | None) -> int:
        """The number of a term's line; -1 for none."""
        if term is None:
            return -1
        number = self.terms.get(term)
        if number is None:
            line = self.line(term)
            number = self.terms[term] = len(self.lines)
            self.lines.append(line)
        return number

    def line(self, term: Formula) -> Any:
        """What a term is, in terms of the numbers of its parts."""
        match term:
            case Index(extent):
                return extent
            case Word(name, terms, dtype):
                return name, dtype, self.numbers(terms)
            case Load(array, index, guard, fill):
                return self.arrays[array], self.numbers(index), self.number(guard), self.number(fill)
            case Literal():
                return term.key()
            case Reduce(name, index, start, body):
                return "fold", name, self.numbers((index, start, body))
            case _:
                raise TypeError(f"not a formula: {term!r}")

    def shapes(self, specs: Sequence[Spec]) -> tuple[Any, ...]:
        """The types and shapes of the arrays."""
        return tuple([(specs[array].dtype, specs[array].shape) for array in self.arrays])


class MadeOnce(Generic[Made]):
    """A cache of what is made of formulas: formulas with equal numberings share it, each with arrays of its own."""

    def __init__(self) -> None:
        self.known: dict[Hashable, tuple[Made, tuple[int, ...]]] = {}

    def get(self, key: Hashable, arrays: tuple[int, ...], make: Callable[[], Made]) -> tuple[Made, dict[int, int]]:
        """A key and arrays ↦ what was made for the first that had this key, and (its arrays ↦ the given ones)."""
        if key not in self.known:
            self.known[key] = make(), arrays
        made, others = self.known[key]
        return made, dict(zip(others, arrays, strict=True))
