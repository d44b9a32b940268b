"""Where the output of one node has the examples of a batch, if the node is proved to treat each by itself.

The proof reads formulas: a primitive says by `at` what one element of its output is made of. Written down with the
index of the examples as "the row", the formula must be the same for both batches (the full one, and the one with fewer
examples), and must read of every array that has examples the element in the same row. Then row i of both outputs is one
function of row i of the inputs, also where it counts with i, as a dropout mask does. A fold over the examples is let
through if it adds, and adds 0 for every row that only fills up.
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
from mapsto.ir.graph import Node

# Words that make 0 where any, all, or the first of their terms are 0. Of 0 · ∞ and 0 / 0 see note 0040.
BY_ANY = ("mul", "bit_and")
BY_ALL = ("add", "sub", "maximum", "minimum", "less", "bit_or", "bit_xor")
BY_FIRST = tuple("cast neg abs sign floor ceil round sqrt expm1 log1p sin tan asin atan sinh tanh asinh erf".split())


@dataclass(frozen=True)
class BatchAxis:
    """Where an array has the examples: along `axis`, `each` places one after another for every example.

    An array without such an axis (None) is the same for both batches. `zero`: it is 0, or False, everywhere, or, if it
    has examples, everywhere in those that only fill up the batch.
    """

    axis: int | None
    each: int = 1
    zero: bool = False


NO_AXIS = BatchAxis(None)


class NotProved(Exception):
    """A node that is not proved to treat examples by themselves."""


@dataclass(frozen=True)
class BatchSizes:
    """How many examples the two batches have that are compared: the full one, and the one with fewer."""

    full: int
    fewer: int

    def axis_of(self, full: Spec, fewer: Spec) -> BatchAxis:
        """The specs of an array in both batches ↦ its batch axis. Raises NotProved if the specs do not tell."""
        if full.shape == fewer.shape and full.dtype == fewer.dtype:
            return NO_AXIS
        if full.dtype != fewer.dtype or full.rank != fewer.rank:
            raise NotProved
        axis, *others = [axis for axis in range(full.rank) if full.shape[axis] != fewer.shape[axis]]
        each = full.shape[axis] // self.full
        if others or (full.shape[axis], fewer.shape[axis]) != (self.full * each, self.fewer * each):
            raise NotProved
        return BatchAxis(axis, each)


class ElementOfBatch(Numbering):
    """The formula of an output element for a batch of `count` examples. Raises NotProved if it reads other rows.

    `given` are the batch axes of the node's inputs, `own` that of its output. Equal lines, in which the index of the
    examples is "the row", are equal functions of the rows.
    """

    def __init__(self, node: Node, given: Sequence[BatchAxis], own: BatchAxis, count: int) -> None:
        super().__init__(range(len(node.inputs)))
        places = [Index(extent) for extent in node.outputs[0].spec.shape]
        formula = node.primitive.at(places, [var.spec for var in node.inputs])
        if formula is None:
            raise NotProved
        self.formula = decided(formula)
        self.given, self.count = given, count
        self.own = None if own.axis is None else places[own.axis]
        self.each: dict[Index, int] = {} if self.own is None else {self.own: own.each}  # of every index of rows
        self.row_read = {load: self.row_of(load) for load in loads(self.formula)}
        self.check_folds()
        self.numbers([*places, self.formula])

    def row_of(self, load: Load) -> Index | None:
        """The index whose row an element is read from; None for an array without a batch axis."""
        known = self.given[load.input]
        if known.axis is None:
            return None
        index, each = row_index(part(affine(load.index[known.axis]), known.each, None))
        if index is None or index.extent != self.count * each or self.each.setdefault(index, each) != each:
            raise NotProved
        return index

    def check_folds(self) -> None:
        """A fold over the examples must be a sum, to which those that only fill up add 0. Raises NotProved."""
        for fold in folds(self.formula):
            if fold.index in self.each and not (fold.word == "add" and self.is_zero(fold.body, fold.index)):
                raise NotProved

    @property
    def zero(self) -> bool:
        """Whether the output is 0 everywhere, or, if it has examples, in all that only fill up."""
        return self.is_zero(self.formula, self.own)

    def is_zero(self, term: Formula, row: Index | None) -> bool:
        """Whether a term is 0, or False, wherever `row` is one that only fills up."""
        match term:
            case Literal(value, _):
                return bool(value == 0)
            case Load(number, _, _, fill):
                zero = self.given[number].zero and self.row_read[term] in (None, row)
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
        """The number of a term's line; x % modulus counts as x where that is the same for all indices."""
        match term:
            case Word("remainder", (x, Literal(modulus, _)), _) if term not in self.terms:
                if of_indices(x) and is_within(affine(x), modulus):
                    self.terms[term] = self.number(x)
            case _:
                pass
        return super().number(term)

    def line(self, term: Formula) -> Any:
        return ("row", self.each[term]) if isinstance(term, Index) and term in self.each else super().line(term)


def row_index(number: Affine) -> tuple[Index | None, int]:
    """A number that is an index i ↦ (i, 1); one that is i // each ↦ (i, each); any other ↦ (None, 0)."""
    if number.constant or len(number.terms) != 1 or number.terms[0][1] != 1:
        return None, 0
    atom = number.terms[0][0]
    if isinstance(atom, Index):
        return atom, 1
    if not isinstance(atom, Part) or not (atom.modulus is None or is_within(quotient(atom), atom.modulus)):
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


def is_within(number: Affine, modulus: int) -> bool:
    """Whether 0 ≤ number < modulus always, so that number % modulus is the number itself, as with many quotients."""
    low, high = number.range()
    return low >= 0 and high < modulus
