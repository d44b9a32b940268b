"""Recognising Σ x[affine] · y[affine], whatever it came from: matrix products, convolutions and their gradients.

A vector times a matrix may have, instead of x[…], something that is quickly made of it: Σ f(x[…]) · y[…].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mapsto.compiler.affine import Affine, Part, affine, constant
from mapsto.compiler.terms import parts
from mapsto.core.spec import Shape, Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word

FEW = 4  # operations on an element that take no longer than to read it from afar,
QUICK = {"add", "sub", "mul", "maximum", "minimum", "neg", "cast", "div"}  # of these words


@dataclass(frozen=True)
class Product:
    """A contraction within a formula: the sum itself, its indices, where its factors are, and what these are.

    A factor is the element that is read or, of a vector, something that is quickly made of that.
    """

    fold: Reduce
    indices: tuple[Index, ...]
    x: Load
    y: Load
    x_factor: Formula
    y_factor: Formula

    def makes(self) -> bool:
        """Whether a factor is made of what is read."""
        return self.x_factor is not self.x or self.y_factor is not self.y

    def vector(self) -> Load | None:
        """The factor that all elements of the result share, if the other is a matrix: a vector times a matrix.

        Each of its elements meets every column once. So the matrix is as large as there are products, and beside
        reading that it takes little to make an element where it is read.
        """
        shared = [load for load in (self.x, self.y) if self.is_shared(load)]
        return shared[0] if len(shared) == 1 else None

    def is_shared(self, load: Load) -> bool:
        """Whether a factor is the same for all elements of the result."""
        indices = [part for part in parts(*load.index) if isinstance(part, Index)]
        return load.guard is None and all(index in self.indices or index.extent == 1 for index in indices)


def product_of(fold: Formula) -> Product | None:
    """A formula as a contraction, if it is a sum of products of two factors."""
    indices: list[Index] = []
    body = fold
    while isinstance(body, Reduce) and body.word == "add" and is_zero(body.start):
        indices.append(body.index)
        body = body.body
    if not (isinstance(fold, Reduce) and indices and isinstance(body, Word) and body.word == "mul"):
        return None
    (x, y), factors = map(element_of, body.terms), body.terms
    if x is None or y is None:
        return None
    found = Product(fold, tuple(indices), x, y, *factors)
    made = [load for load, factor in zip((x, y), factors, strict=True) if load is not factor]
    return found if made in ([], [found.vector()]) else None


def element_of(factor: Formula) -> Load | None:
    """The one element that a factor is quickly made of, with numbers beside it; the factor itself, if it is read."""
    found: set[Load] = set()
    stack, words = [factor], 0
    while stack and words <= FEW:
        term = stack.pop()
        if isinstance(term, Load):
            found.add(term)
        elif isinstance(term, Word) and term.word in QUICK:
            stack.extend(term.terms)
            words += 1
        elif not isinstance(term, Literal):
            return None
    return found.pop() if len(found) == 1 and words <= FEW else None


def is_zero(term: Formula) -> bool:
    return isinstance(term, Literal) and term.value == 0


def product_in(formula: Formula) -> Product | None:
    """The contraction that a formula is made of, if there is one."""
    return next((product_of(part) for part in parts(formula) if isinstance(part, Reduce)), None)


def address(load: Load, spec: Spec) -> Affine:
    """How far into its array a load reads, in elements."""
    return address_of(load.index, spec.shape)


@lru_cache(2**12)  # every stage asks for the same addresses when it is placed, cut, and written
def address_of(index: tuple[Formula, ...], shape: Shape) -> Affine:
    """How far into an array of some shape an index reads, in elements."""
    total = constant(0)
    stride = 1
    for part, extent in zip(reversed(index), reversed(shape), strict=True):
        total = affine(part).scaled(stride).plus(total)
        stride *= extent
    return total


def is_plain(number: Affine) -> bool:
    """Whether an address has loop indices alone."""
    return all(isinstance(atom, Index) for atom in number.atoms)


def limits(guard: Formula) -> list[tuple[Affine, int]] | None:
    """A guard as a list of 0 ≤ number < extent; None if it says anything else."""
    match guard:
        case Word("bit_and", (left, right)):
            pair = within_of(left, right)
            if pair is not None:
                return [pair]
            first, second = limits(left), limits(right)
            return None if first is None or second is None else first + second
        case Word("less_equal", (Literal(0, _), low)) if is_plain(number := affine(low)):
            return [(number, int(number.range()[1]) + 1)]
        case Word("less", (high, Literal(extent, "i64"))) if is_plain(number := affine(high)):
            least = int(number.range()[0])
            return [(number.plus(constant(-least)), int(extent) - least)]
        case _:
            return None


def within_of(left: Formula, right: Formula) -> tuple[Affine, int] | None:
    """`0 <= n` and `n < extent` ↦ (n, extent)."""
    match left, right:
        case Word("less_equal", (Literal(0, _), low)), Word("less", (high, Literal(extent, _))) if low is high:
            number = affine(low)
            return (number, int(extent)) if not any(isinstance(atom, Part) for atom in number.atoms) else None
        case _:
            return None
