"""Recognising Σ x[affine] · y[affine], whatever it came from: matrix products, convolutions and their gradients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mapsto.compiler.affine import Affine, Part, affine, constant
from mapsto.compiler.terms import parts
from mapsto.core.spec import Shape, Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word


def factors(formula: Formula) -> tuple[list[Index], Load, Load] | None:
    """The indices summed over and the two factors, if a formula is a sum of products of two elements."""
    indices: list[Index] = []
    while isinstance(formula, Reduce) and formula.word == "add" and is_zero(formula.start):
        indices.append(formula.index)
        formula = formula.body
    if not (indices and isinstance(formula, Word) and formula.word == "mul"):
        return None
    x, y = formula.terms
    if not (isinstance(x, Load) and isinstance(y, Load)):
        return None
    return indices, x, y


def is_zero(term: Formula) -> bool:
    return isinstance(term, Literal) and term.value == 0


@dataclass(frozen=True)
class Product:
    """A contraction within a formula: the sum itself, its indices, and where its factors are."""

    fold: Reduce
    indices: tuple[Index, ...]
    x: Load
    y: Load


def product_in(formula: Formula) -> Product | None:
    """The contraction that a formula is made of, if there is one."""
    for part in parts(formula):
        if isinstance(part, Reduce):
            found = factors(part)
            if found is None:
                return None
            indices, x, y = found
            return Product(part, tuple(indices), x, y)
    return None


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
