"""The element types of formulas."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.core.spec import SHORT_NAMES, Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word

TRUTHS = frozenset({"equal", "less", "less_equal", "isnan", "sign_bit"})


class Kinds:
    """Formulas whose loads name arrays by number ↦ the short name of their element type."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self.specs = specs
        self.known: dict[Formula, str] = {}

    def dtype(self, term: Formula) -> str:
        """The element type of a term; "" for a bare number."""
        if term not in self.known:
            self.known[term] = self._dtype(term)
        return self.known[term]

    def _dtype(self, term: Formula) -> str:
        match term:
            case Index():
                return "i64"
            case Literal(_, dtype):
                return dtype
            case Load(number, _, _, _):
                return SHORT_NAMES[self.specs[number].dtype]
            case Word("cast", _, dtype):
                return dtype
            case Word(name, _, _) if name in TRUTHS:
                return "bool"
            case Word("select", terms, _):
                return self.first(terms[1:])
            case Word(_, terms, _):
                return self.first(terms)
            case Reduce(_, _, start, body):
                return self.dtype(body) or self.dtype(start)
            case _:
                raise TypeError(f"not a formula: {term!r}")

    def first(self, terms: Sequence[Formula]) -> str:
        """The type of the first term that has one."""
        return next((kind for kind in map(self.dtype, terms) if kind), "")
