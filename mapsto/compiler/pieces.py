"""Contractions in pieces: where addresses ask for remainders or quotients, every phase is a contraction of its own.

What a strided convolution has read at an input place: `k` with (i + p - d·k) % s = 0, at (i + p - d·k) // s. With
i = s·q + r, and k = m·t + u for m = s / gcd(s, d), the condition says which u fits r, and the quotient is a sum of q
and t again: nothing is multiplied by zeros between the strides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from mapsto.compiler.conditions import decided, phases
from mapsto.compiler.contraction import Contraction
from mapsto.compiler.contractions import Product, is_zero, product_in
from mapsto.compiler.nests import Nest, by_phase, cut
from mapsto.compiler.products import Letters
from mapsto.compiler.terms import rebuilt
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index, Reduce, Word

MOST = 32  # pieces of one array: each is a text of its own


@dataclass(frozen=True, eq=False)
class Piece:
    """The elements of an array that a nest names, by a contraction; without one, no sum among them has terms."""

    nest: Nest
    letters: Letters | None = None
    contraction: Contraction | None = None


def pieces(
    nest: Nest, specs: Sequence[Spec], rows: Index | None = None, fixed: frozenset[Index] = frozenset()
) -> list[Piece] | None:
    """A nest of one array whose formula has a contraction ↦ its pieces, in which `rows` stays a loop.

    The indices that are `fixed` are those of loops around the nest. None if its addresses and guards are no sums of
    indices in pieces either.
    """
    whole = piece_of(nest, specs, fixed)
    if whole is not None:
        return [whole]
    product = product_in(nest.formulas[0])
    if product is None:
        return None
    axes, sums = (tuple(index for index in side if index is not rows) for side in (nest.axes, product.indices))
    asked, met = (phases((product.fold,), side) for side in (axes, sums))
    if prod(min(modulus, axis.extent) for axis, modulus in asked.items()) > MOST:
        return None
    nests = [nest]
    for axis, modulus in asked.items():
        nests = [part for one in nests for part in by_phase(one, axis, modulus)]
    found: list[Piece] = []
    for one in (cut(part, specs, rows) for part in nests):
        formula = of_phase(one.formulas[0], met)
        made = None if formula is None else piece_of(Nest(one.arrays, one.axes, one.index, (formula,)), specs, fixed)
        if made is None:
            return None
        found.append(made)
    return found


def piece_of(nest: Nest, specs: Sequence[Spec], fixed: frozenset[Index]) -> Piece | None:
    """A nest as one contraction, or as none at all."""
    product = product_in(nest.formulas[0])
    if product is None:
        return Piece(nest)
    letters = Letters(product, nest.axes, specs, fixed)
    contraction = letters.contraction()
    return None if contraction is None else Piece(nest, letters, contraction)


def of_phase(formula: Formula, moduli: Mapping[Index, int]) -> Formula | None:
    """The formula of a phase, its sum over the terms that exist; None if they are not those of one remainder.

    `moduli` are those of the summed indices whose remainders decide.
    """
    product = product_in(formula)
    assert product is not None
    fold: Formula | None = product.fold
    for index, modulus in moduli.items():
        now = product_in(fold)
        if now is None:
            break
        fold = in_one_phase(now, index, modulus)
        if fold is None:
            return None
    return decided(rebuilt(formula, lambda term: fold if term is product.fold else None))


def in_one_phase(product: Product, index: Index, modulus: int) -> Formula | None:
    """Σ over index = modulus · t + u, for the one u whose terms exist; what the sum starts with if there is none."""
    found: list[tuple[Index, Formula]] = []
    for rest in range(min(modulus, index.extent)):
        turns = Index(-(-(index.extent - rest) // modulus))
        place = turns * modulus + rest
        body = innermost(product)
        body = decided(rebuilt(body, lambda term, place=place: place if term is index else None))
        if not vanishes(body):
            found.append((turns, body))
    if len(found) > 1:
        return None
    if not found:
        return product.fold.start
    ((turns, total),) = found
    for one in reversed(product.indices):
        total = Reduce("add", turns if one is index else one, product.fold.start, total)
    return total


def innermost(product: Product) -> Formula:
    """What a contraction adds up."""
    body: Formula = product.fold
    while isinstance(body, Reduce):
        body = body.body
    return body


def vanishes(term: Formula) -> bool:
    """Whether a product has a factor 0."""
    return isinstance(term, Word) and term.word == "mul" and any(map(is_zero, term.terms))
