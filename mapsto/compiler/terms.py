"""Walking over formulas: their parts, what they read, and the same formula with some parts replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word


def children(term: Formula) -> tuple[Formula, ...]:
    """The parts of a formula, one level down."""
    match term:
        case Word(_, terms, _):
            return terms
        case Load(_, index, guard, fill):
            return (*index, *(part for part in (guard, fill) if part is not None))
        case Reduce(_, index, start, body):
            return index, start, body
        case _:
            return ()


def parts(*terms: Formula) -> Iterator[Formula]:
    """Every part of some formulas, once each, the whole before its parts."""
    seen: set[Formula] = set()
    stack = list(reversed(terms))
    while stack:
        term = stack.pop()
        if term not in seen:
            seen.add(term)
            yield term
            stack.extend(reversed(children(term)))


def loads(*terms: Formula) -> list[Load]:
    """What formulas read, in order, once each."""
    return [term for term in parts(*terms) if isinstance(term, Load)]


def folds(*terms: Formula) -> list[Reduce]:
    """The reductions in formulas, outer before inner."""
    return [term for term in parts(*terms) if isinstance(term, Reduce)]


def rebuilt(
    term: Formula,
    change: Callable[[Formula], Formula | None],
    memo: dict[Formula, Formula] | None = None,
) -> Formula:
    """A formula in which every part for which `change` has another is replaced by it (and not looked into again)."""
    memo = {} if memo is None else memo
    if term not in memo:
        changed = change(term)
        memo[term] = made_of(term, change, memo) if changed is None else changed
    return memo[term]


def made_of(term: Formula, change: Callable[[Formula], Formula | None], memo: dict[Formula, Formula]) -> Formula:
    def again(part: Formula) -> Formula:
        return rebuilt(part, change, memo)

    match term:
        case Word(name, terms, dtype):
            return Word(name, tuple(again(part) for part in terms), dtype)
        case Load(number, index, guard, fill):
            return Load(
                number,
                tuple(again(part) for part in index),
                None if guard is None else again(guard),
                None if fill is None else again(fill),
            )
        case Reduce(name, index, start, body):
            found = again(index)
            if not isinstance(found, Index):
                raise TypeError("a reduction runs over an index")
            return Reduce(name, found, again(start), again(body))
        case Literal() | Index():
            return term
        case _:
            raise TypeError(f"not a formula: {term!r}")
