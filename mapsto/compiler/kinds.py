"""The element types of formulas, and the same formulas with the type of every number written down."""

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
        self.made: dict[tuple[Formula, str], Formula] = {}

    def dtype(self, term: Formula) -> str:
        """The element type of a term; "" for a bare number."""
        if term not in self.known:
            self.known[term] = self._dtype(term)
        return self.known[term]

    def _dtype(self, term: Formula) -> str:
        """The element type of a term that was not asked for yet."""
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

    def typed(self, term: Formula, dtype: str = "") -> Formula:
        """A formula in which every bare number has the type of what it meets, or `dtype` if that is bare, too.

        So a term keeps its type when what gave it to it turns out to be a number or to fall away.
        """
        if (term, dtype) not in self.made:
            self.made[term, dtype] = self._typed(term, dtype)
        return self.made[term, dtype]

    def _typed(self, term: Formula, dtype: str) -> Formula:
        """A term that was not asked for yet, its bare numbers with types."""
        match term:
            case Literal(value, ""):
                return Literal(bool(value) if dtype == "bool" else value, dtype)
            case Word("cast", (x,), goal):
                return Word("cast", (self.typed(x, "f64"),), goal)
            case Word(name, terms, _):
                own = terms[1:] if name == "select" else terms
                kind = self.first(own) or ("f64" if name in TRUTHS else dtype)
                made = tuple(self.typed(part, kind) for part in own)
                return Word(name, (self.typed(terms[0], "bool"), *made) if name == "select" else made)
            case Load(number, index, guard, fill):
                kind = self.dtype(term)
                where = tuple(self.typed(part, "i64") for part in index)
                holds = None if guard is None else self.typed(guard, "bool")
                return Load(number, where, holds, None if holds is None else self.typed(fill or Literal(0, ""), kind))
            case Reduce(name, index, start, body):
                kind = self.dtype(term) or dtype
                return Reduce(name, index, self.typed(start, kind), self.typed(body, kind))
            case _:
                return term
