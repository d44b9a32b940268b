"""One node on batches of n and of fewer examples ↦ where its output has them, if it treats every example by itself.

The proof reads formulas: a primitive says by `at` what one element of its output is made of. Written down with the
index of the examples as "the row", the formula must be the same for both batches, and must read of every array that
has examples the element in the same row; then row i of both outputs is one function of row i of the inputs, also where
it counts with i, as a dropout mask does. A fold over the examples is let through if it adds, and adds 0 for every row
that only fills up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mapsto.compiler.affine import Affine, Part, affine, part
from mapsto.compiler.conditions import decided, of_indices
from mapsto.compiler.numbering import Numbering
from mapsto.compiler.terms import folds, loads
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word
from mapsto.ir.primitive import Primitive

# Words that make 0 where any, all, or the first of their terms are 0. Of 0 · ∞ and 0 / 0 see note 0040.
BY_ANY = ("mul", "bit_and")
BY_ALL = ("add", "sub", "maximum", "minimum", "less", "bit_or", "bit_xor")
BY_FIRST = tuple("cast neg abs sign floor ceil round sqrt expm1 log1p sin tan asin atan sinh tanh asinh erf".split())


@dataclass(frozen=True)
class Rows:
    """Where an array has the examples: along `axis`, `each` places one after another for every one.

    Without an axis it is the same for both batches. `zero`: it is 0, or False, everywhere, or, if it has examples,
    everywhere in those that only fill up the batch.
    """

    axis: int | None
    each: int = 1
    zero: bool = False


SAME = Rows(None)


class Crossing(Exception):
    """A node that is not proved to treat examples by themselves."""


@dataclass(frozen=True)
class Batches:
    """How many examples the two batches have that are compared: the full one, and the one with fewer."""

    full: int
    fewer: int

    def rows(self, full: Spec, fewer: Spec) -> Rows:
        """The specs of a value in both ↦ where it has the examples. Raises Crossing if that cannot be seen."""
        if full.shape == fewer.shape and full.dtype == fewer.dtype:
            return SAME
        if full.dtype != fewer.dtype or full.rank != fewer.rank:
            raise Crossing
        apart = [axis for axis in range(full.rank) if full.shape[axis] != fewer.shape[axis]]
        each = full.shape[apart[0]] // self.full
        extents = (full.shape[apart[0]], fewer.shape[apart[0]])
        if len(apart) > 1 or extents != (self.full * each, self.fewer * each):
            raise Crossing
        return Rows(apart[0], each)


class Element(Numbering):
    """The formula of an output element for a batch of `count` examples. Raises Crossing if it reads other rows.

    Equal words, in which the index of the examples is "the row", are equal functions of the rows.
    """

    def __init__(
        self, primitive: Primitive, inputs: Sequence[Spec], states: Sequence[Rows], output: Spec, own: Rows, count: int
    ) -> None:
        super().__init__(range(len(inputs)))
        places = [Index(extent) for extent in output.shape]
        formula = primitive.at(places, inputs)
        if formula is None:
            raise Crossing
        self.formula = decided(formula)
        self.states, self.count = states, count
        self.own = None if own.axis is None else places[own.axis]
        self.each: dict[Index, int] = {} if self.own is None else {self.own: own.each}  # of every index of rows
        self.row_read = {load: self.row_of(load) for load in loads(self.formula)}
        self.check_folds()
        self.numbers([*places, self.formula])

    def row_of(self, load: Load) -> Index | None:
        """The index whose row an element is read from; None for an array that has no rows."""
        state = self.states[load.input]
        if state.axis is None:
            return None
        index, each = row_index(part(affine(load.index[state.axis]), state.each, None))
        if index is None or index.extent != self.count * each or self.each.setdefault(index, each) != each:
            raise Crossing
        return index

    def check_folds(self) -> None:
        """What runs over the rows, other than the output itself, adds up, and nothing for those that fill up."""
        for fold in folds(self.formula):
            over_rows = fold.index in self.each
            if over_rows and not (fold.word == "add" and self.is_zero(fold.body, fold.index)):
                raise Crossing

    @property
    def zero(self) -> bool:
        """Whether the element is 0 everywhere, or wherever it is of an example that only fills up."""
        return self.is_zero(self.formula, self.own)

    def is_zero(self, term: Formula, row: Index | None) -> bool:
        """Whether a term is 0, or False, wherever `row` is one that only fills up."""
        match term:
            case Literal(value, _):
                return bool(value == 0)
            case Load(number, _, _, fill):
                zero = self.states[number].zero and self.row_read[term] in (None, row)
                return zero and (fill is None or self.is_zero(fill, row))
            case Word("select", (condition, x, y), _):
                if self.is_zero(condition, row):
                    return self.is_zero(y, row)
                return self.is_zero(x, row) and self.is_zero(y, row)
            case Word(name, terms, _) if name in BY_ANY:
                return any(self.is_zero(one, row) for one in terms)
            case Word(name, terms, _) if name in BY_ALL:
                return all(self.is_zero(one, row) for one in terms)
            case Word(name, terms, _) if name in BY_FIRST:
                return self.is_zero(terms[0], row)
            case Word("div", (x, y), _):
                return self.is_zero(x, row) and not self.is_zero(y, row)
            case Reduce(name, _, start, body) if name in BY_ALL:
                return self.is_zero(start, row) and self.is_zero(body, row)
            case _:
                return False

    def number(self, term: Formula | None) -> int:
        """The number of a term's line; a remainder that changes nothing is what it is taken of."""
        match term:
            case Word("remainder", (x, Literal(modulus, _)), _) if term not in self.terms:
                if of_indices(x) and idle(affine(x), modulus):
                    self.terms[term] = self.number(x)
            case _:
                pass
        return super().number(term)

    def line(self, term: Formula) -> Any:
        return ("row", self.each[term]) if isinstance(term, Index) and term in self.each else super().line(term)


def row_index(number: Affine) -> tuple[Index | None, int]:
    """An index i ↦ (i, 1); the quotient i // each, also of an element's number ↦ (i, each); None for all else."""
    if number.constant or len(number.terms) != 1 or number.terms[0][1] != 1:
        return None, 0
    atom = number.terms[0][0]
    if isinstance(atom, Index):
        return atom, 1
    if not isinstance(atom, Part) or not (atom.modulus is None or idle(quotient(atom), atom.modulus)):
        return None, 0
    for index, c in atom.number.terms:
        # (c · i + rest) // (c · each) = i // each, where 0 ≤ rest < c
        rest = atom.number.plus(Affine(((index, -c),)))
        low, high = rest.range()
        if isinstance(index, Index) and atom.divisor % c == 0 and low >= 0 and high < c:
            return index, atom.divisor // c
    return None, 0


def quotient(atom: Part) -> Affine:
    """A part without its modulus."""
    return part(atom.number, atom.divisor, None)


def idle(number: Affine, modulus: int) -> bool:
    """Whether the remainder of a number is that number: quotients of indices come with one that changes nothing."""
    low, high = number.range()
    return low >= 0 and high < modulus
