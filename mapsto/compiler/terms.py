"""Walking over formulas: their parts, what they read, and the same formula with some parts replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word

F = TypeVar("F", bound=Formula)
LEAVES = (Index, Literal)  # terms without parts


def children(term: Formula) -> tuple[Formula, ...]:
    """The parts of a formula, one level down."""
    if isinstance(term, Word):
        return term.terms
    if isinstance(term, Load):
        more = [part for part in (term.guard, term.fill) if part is not None]
        return (*term.index, *more) if more else term.index
    if isinstance(term, Reduce):
        return term.index, term.start, term.body
    return ()


def parts(*terms: Formula) -> Iterator[Formula]:
    """Every part of some formulas, once each, the whole before its parts."""
    seen: set[Formula] = set()
    stack = list(terms[::-1])
    while stack:
        term = stack.pop()
        if term not in seen:
            seen.add(term)
            yield term
            if term.__class__ not in LEAVES:
                stack.extend(children(term)[::-1])


def loads(*terms: Formula) -> Sequence[Load]:
    """What formulas read, in order, once each."""
    return of_kind(terms, Load)


def folds(*terms: Formula) -> Sequence[Reduce]:
    """The reductions in formulas, outer before inner."""
    return of_kind(terms, Reduce)


@lru_cache(2**12)
def of_kind(terms: tuple[Formula, ...], kind: type[F]) -> tuple[F, ...]:
    """The parts of some formulas that are of a kind; of the same formulas it is asked again and again."""
    return tuple([term for term in parts(*terms) if isinstance(term, kind)])


def rebuilt(
    term: Formula,
    change: Callable[[Formula], Formula | None],
    memo: dict[Formula, Formula] | None = None,
) -> Formula:
    """A formula in which every part for which `change` has another is replaced by it (and not looked into again)."""
    memo = {} if memo is None else memo
    found = memo.get(term)
    if found is None:
        found = change(term)
        if found is None:
            found = term if term.__class__ in LEAVES else made_of(term, change, memo)
        memo[term] = found
    return found


def made_of(term: Formula, change: Callable[[Formula], Formula | None], memo: dict[Formula, Formula]) -> Formula:
    """A formula of changed parts; where none has changed, itself."""
    if isinstance(term, Word):
        terms = tuple([memo.get(part) or rebuilt(part, change, memo) for part in term.terms])
        return term if terms == term.terms else Word(term.word, terms, term.dtype)
    if isinstance(term, Load):
        index = tuple([memo.get(part) or rebuilt(part, change, memo) for part in term.index])
        guard = None if term.guard is None else rebuilt(term.guard, change, memo)
        fill = None if term.fill is None else rebuilt(term.fill, change, memo)
        same = index == term.index and guard is term.guard and fill is term.fill
        return term if same else Load(term.input, index, guard, fill)
    if isinstance(term, Reduce):
        found = rebuilt(term.index, change, memo)
        if not isinstance(found, Index):
            raise TypeError("a reduction runs over an index")
        return Reduce(term.word, found, rebuilt(term.start, change, memo), rebuilt(term.body, change, memo))
    raise TypeError(f"not a formula: {term!r}")


def renamed(formula: Formula, names: Mapping[int, int]) -> Formula:
    """A formula that reads other arrays."""

    def change(term: Formula) -> Formula | None:
        if not isinstance(term, Load) or term.input not in names:
            return None
        index = tuple(rebuilt(part, change) for part in term.index)
        guard, fill = (None if part is None else rebuilt(part, change) for part in (term.guard, term.fill))
        return Load(names[term.input], index, guard, fill)

    return rebuilt(formula, change)
