"""Formulas in words that are the same for formulas that differ in names alone: of arrays, and of indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word


class Words:
    """A term is a line, in which other terms are the numbers of their lines, and arrays are their places in a list."""

    def __init__(self, arrays: Sequence[int]) -> None:
        self.arrays = {number: place for place, number in enumerate(arrays)}
        self.terms: dict[Formula, int] = {}
        self.lines: list[Any] = []

    def all(self, terms: Sequence[Formula]) -> tuple[int, ...]:
        return tuple([self.term(term) for term in terms])

    def term(self, term: Formula | None) -> int:
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
        match term:
            case Index(extent):
                return extent
            case Word(name, terms, dtype):
                return name, dtype, self.all(terms)
            case Load(array, index, guard, fill):
                return self.arrays[array], self.all(index), self.term(guard), self.term(fill)
            case Literal():
                return term.key()
            case Reduce(name, index, start, body):
                return "fold", name, self.all((index, start, body))
            case _:
                raise TypeError(f"not a formula: {term!r}")

    def shapes(self, specs: Sequence[Spec]) -> tuple[Any, ...]:
        """The types and shapes of the arrays."""
        return tuple([(specs[number].dtype, specs[number].shape) for number in self.arrays])
