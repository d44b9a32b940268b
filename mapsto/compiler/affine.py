"""Addresses in normal form: Σ coefficient · atom + constant; an atom is a loop index or what cannot be taken apart.

Reshapes become quotients and remainders of indices. Most of them vanish here: terms that a divisor divides leave it,
what is known to be smaller than the divisor has no quotient, and c · (a // c) + a % c is a again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any

from mapsto.ir.formula import Formula, Index, Literal, Word, as_index


@dataclass(frozen=True)
class Part:
    """`number // divisor`, or the remainder of it modulo `modulus`: an atom with a range of its own."""

    number: Affine
    divisor: int
    modulus: int | None


Atom = Any  # Index, Part, or a formula that is read from memory


@dataclass(frozen=True)
class Affine:
    """Σ coefficient · atom + constant; atoms in the order in which they were met, none twice, no coefficient 0."""

    terms: tuple[tuple[Atom, int], ...]
    constant: int = 0

    def coefficient(self, atom: Atom) -> int:
        return dict(self.terms).get(atom, 0)

    @property
    def atoms(self) -> tuple[Atom, ...]:
        return tuple(atom for atom, _ in self.terms)

    def scaled(self, factor: int) -> Affine:
        if factor == 0:
            return Affine(())
        return Affine(tuple((atom, c * factor) for atom, c in self.terms), self.constant * factor)

    def plus(self, other: Affine) -> Affine:
        found = dict(self.terms)
        for atom, c in other.terms:
            found[atom] = found.get(atom, 0) + c
        return recombined(found, self.constant + other.constant)

    def range(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        low = high = float(self.constant)
        for atom, c in self.terms:
            first, last = range_of(atom)
            low += min(c * first, c * last)
            high += max(c * first, c * last)
        return low, high


def range_of(atom: Atom) -> tuple[float, float]:
    if isinstance(atom, Index):
        return 0, max(atom.extent - 1, 0)
    if isinstance(atom, Part):
        low, high = atom.number.range()
        low, high = (bound if bound in (inf, -inf) else bound // atom.divisor for bound in (low, high))
        return (low, high) if atom.modulus is None else (0, atom.modulus - 1)
    return -inf, inf


def constant(number: int) -> Affine:
    return Affine((), number)


def recombined(terms: dict[Atom, int], number: int) -> Affine:
    """Drop what has cancelled, and put quotients and their remainders together again."""
    for atom in list(terms):
        # k·(n // d mod m) + k·m·(n // (d·m) …) = k·(n // d …)
        if isinstance(atom, Part) and atom.modulus is not None and terms.get(atom):
            k = terms[atom]
            for upper in list(terms):
                fits = isinstance(upper, Part) and upper.number == atom.number
                if fits and upper.divisor == atom.divisor * atom.modulus and terms[upper] == k * atom.modulus:
                    modulus = None if upper.modulus is None else atom.modulus * upper.modulus
                    rest = {other: c for other, c in terms.items() if other not in (atom, upper)}
                    joined = part(atom.number, atom.divisor, modulus)
                    return Affine(tuple((a, c) for a, c in rest.items() if c), number).plus(joined.scaled(k))
    return Affine(tuple((atom, c) for atom, c in terms.items() if c), number)


def part(number: Affine, divisor: int, modulus: int | None) -> Affine:
    """number // divisor, modulo `modulus` if there is one, in the simplest form."""
    if modulus == 1:
        return constant(0)
    if modulus is not None:
        # What the product of both divides has no say.
        period = divisor * modulus
        kept = tuple((atom, c) for atom, c in number.terms if c % period)
        number = Affine(kept, number.constant % period)
    whole = tuple((atom, c // divisor) for atom, c in number.terms if c % divisor == 0)
    rest = Affine(tuple((atom, c) for atom, c in number.terms if c % divisor), number.constant % divisor)
    outside = Affine(whole, number.constant // divisor)
    low, high = rest.range()
    if low >= 0 and high < divisor:
        result = outside
    elif len(whole) == 0 and outside.constant == 0 and len(rest.terms) == 1 and nested(rest, divisor) is not None:
        inner = nested(rest, divisor)
        assert inner is not None
        result = inner
    elif modulus is None:
        return outside.plus(Affine(((Part(rest, divisor, None), 1),)))
    else:
        result = None
    if modulus is None:
        assert result is not None
        return result
    if result is not None:
        low, high = result.range()
        if low >= 0 and high < modulus:
            return result
    return Affine(((Part(number, divisor, modulus), 1),))


def nested(rest: Affine, divisor: int) -> Affine | None:
    """(n // d) // divisor = n // (d · divisor)."""
    ((atom, c),) = rest.terms
    if c == 1 and rest.constant == 0 and isinstance(atom, Part) and atom.modulus is None:
        return part(atom.number, atom.divisor * divisor, None)
    return None


@lru_cache(2**13)  # terms are interned, and the same ones are asked for again and again
def affine(term: Formula) -> Affine:
    """An index formula in normal form."""
    match term:
        case Literal(value, _):
            return constant(int(value))
        case Word("add", (x, y)):
            return affine(x).plus(affine(y))
        case Word("sub", (x, y)):
            return affine(x).plus(affine(y).scaled(-1))
        case Word("mul", (x, y)):
            left, right = affine(x), affine(y)
            if not right.terms:
                return left.scaled(right.constant)
            if not left.terms:
                return right.scaled(left.constant)
        case Word("floor_divide", (x, y)):
            divisor = affine(y)
            if not divisor.terms and divisor.constant > 0:
                return divided(affine(x), divisor.constant)
        case Word("remainder", (x, y)):
            modulus = affine(y)
            if not modulus.terms and modulus.constant > 0:
                return modulo(affine(x), modulus.constant)
        case _:
            pass
    return Affine(((term, 1),))


def divided(number: Affine, divisor: int) -> Affine:
    """number // divisor; a quotient of a quotient is one quotient."""
    if len(number.terms) == 1 and number.constant == 0:
        ((atom, c),) = number.terms
        if c == 1 and isinstance(atom, Part) and atom.modulus is not None and atom.modulus % divisor == 0:
            return part(atom.number, atom.divisor * divisor, atom.modulus // divisor)
    return part(number, divisor, None)


def modulo(number: Affine, modulus: int) -> Affine:
    """number % modulus; that of a quotient is a part of the same number."""
    if len(number.terms) == 1 and number.constant == 0:
        ((atom, c),) = number.terms
        if c == 1 and isinstance(atom, Part) and (atom.modulus is None or atom.modulus % modulus == 0):
            return part(atom.number, atom.divisor, modulus)
    return part(number, 1, modulus)


def as_formula(number: Affine) -> Formula:
    """The way back: normal form ↦ formula."""
    total: Formula | None = None
    for atom, c in number.terms:
        one = part_formula(atom) if isinstance(atom, Part) else atom
        scaled = one if c == 1 else one * c
        total = scaled if total is None else total + scaled
    if total is None:
        return as_index(number.constant)
    return total if number.constant == 0 else total + number.constant


def part_formula(atom: Part) -> Formula:
    inner = as_formula(atom.number)
    divided = inner if atom.divisor == 1 else inner // atom.divisor
    return divided if atom.modulus is None else divided % atom.modulus


def normal(index: Formula) -> Formula:
    """An index formula, written in normal form."""
    return as_formula(affine(index))
