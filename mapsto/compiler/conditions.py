"""Deciding what can be decided: guards that always or never hold, and what follows for the formula around them."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, lcm

from mapsto.compiler.affine import Affine, Part, affine, as_formula
from mapsto.compiler.terms import parts
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word

TRUE, FALSE = Literal(True, "bool"), Literal(False, "bool")
INDEX_WORDS = ("add", "sub", "mul", "floor_divide", "remainder")


def decided(term: Formula, memo: dict[Formula, Formula] | None = None) -> Formula:
    """The same formula with indices in normal form, and without conditions whose outcome the indices' ranges tell."""
    memo = {} if memo is None else memo
    if term not in memo:
        memo[term] = decide(term, memo)
    return memo[term]


def decide(term: Formula, memo: dict[Formula, Formula]) -> Formula:
    """A formula that is not in the memo yet, decided part by part."""
    match term:
        case Word(name, _, _) if name in INDEX_WORDS and of_indices(term):
            return as_formula(affine(term))
        case Word(name, terms, dtype):
            return decided_word(name, tuple(decided(part, memo) for part in terms), dtype)
        case Load(number, index, guard, fill):
            where = tuple(decided(part, memo) for part in index)
            holds = None if guard is None else decided(guard, memo)
            outside = None if fill is None else decided(fill, memo)
            if holds is FALSE and outside is not None:
                return outside
            return Load(number, where, None if holds is TRUE else holds, None if holds is TRUE else outside)
        case Reduce(name, index, start, body):
            return Reduce(name, index, decided(start, memo), decided(body, memo))
        case _:
            return term


def decided_word(name: str, terms: tuple[Formula, ...], dtype: str) -> Formula:
    """A word of terms that are decided already: a truth value, one of its terms, or itself."""
    match name, terms:
        case "bit_and", (x, y) if TRUE in (x, y):
            return y if x is TRUE else x
        case "bit_and", (x, y) if FALSE in (x, y):
            return FALSE
        case "select", (condition, x, y) if condition in (TRUE, FALSE):
            return x if condition is TRUE else y
        case "equal" | "less" | "less_equal", (x, y) if of_indices(x) and of_indices(y):
            outcome = compared(name, affine(x).plus(affine(y).scaled(-1)))
            return Word(name, terms, dtype) if outcome is None else outcome
        case _:
            return Word(name, terms, dtype)


def compared(name: str, difference: Affine) -> Formula | None:
    """x - y, compared with 0: what is known of it for all indices."""
    low, high = difference.range()
    if name == "equal":
        return TRUE if low == high == 0 else FALSE if low > 0 or high < 0 else None
    strict = name == "less"
    if high < 0 or (high == 0 and not strict):
        return TRUE
    return FALSE if low > 0 or (low == 0 and strict) else None


def of_indices(term: Formula) -> bool:
    """Whether a term is integer arithmetic of loop indices and integers alone."""
    match term:
        case Index():
            return True
        case Literal(value, dtype):
            return dtype == "i64" and isinstance(value, int) and not isinstance(value, bool)
        case Word(name, terms, _) if name in INDEX_WORDS:
            return all(of_indices(part) for part in terms)
        case _:
            return False


def phases(formulas: Sequence[Formula], among: tuple[Index, ...]) -> dict[Index, int]:
    """The indices, out of some, whose remainder a condition asks for, with the modulus.

    What is asked of `i % 2` is known once i runs over even and odd numbers apart; and so it is of `(2 * i) % 4`.
    """
    found: dict[Index, int] = {}
    for part in parts(*formulas):
        if isinstance(part, Word) and part.word == "equal" and all(of_indices(side) for side in part.terms):
            number = affine(part.terms[0]).plus(affine(part.terms[1]).scaled(-1))
            for atom in number.atoms:
                if isinstance(atom, Part) and atom.divisor == 1 and atom.modulus is not None:
                    for index, factor in atom.number.terms:
                        modulus = atom.modulus // gcd(atom.modulus, factor)
                        if modulus > 1 and isinstance(index, Index) and index in among:
                            found[index] = lcm(found.get(index, 1), modulus)
    return found


def told_apart(formulas: Sequence[Formula]) -> list[Index]:
    """The indices that a condition compares with a number: each of their places may have a formula of its own."""
    found: dict[Index, None] = {}
    for part in parts(*formulas):
        if isinstance(part, Word) and part.word == "equal" and all(map(of_indices, part.terms)):
            number = affine(part.terms[0]).plus(affine(part.terms[1]).scaled(-1))
            found.update((atom, None) for atom in number.atoms if isinstance(atom, Index) and len(number.terms) == 1)
    return list(found)


def borders(formulas: Sequence[Formula], among: tuple[Index, ...]) -> dict[Index, set[int]]:
    """The indices, out of some, that a condition compares with a number, and where its outcome changes.

    `i < 3` and `3 <= i` change at 3, `i <= 3` at 4.
    """
    found: dict[Index, set[int]] = {}
    for part in parts(*formulas):
        if isinstance(part, Word) and part.word in ("less", "less_equal") and all(map(of_indices, part.terms)):
            number = affine(part.terms[0]).plus(affine(part.terms[1]).scaled(-1))
            place = border(number, part.word == "less")
            if place is not None and place[0] in among and 0 < place[1] < place[0].extent:
                found.setdefault(place[0], set()).add(place[1])
    return found


def border(number: Affine, strict: bool) -> tuple[Index, int] | None:
    """Where `number < 0`, or `number <= 0`, changes, if it is an index or its opposite and a constant."""
    if len(number.terms) != 1 or abs(number.terms[0][1]) != 1 or not isinstance(number.terms[0][0], Index):
        return None
    ((index, c),) = number.terms
    if c > 0:
        return index, -number.constant + (not strict)
    return index, number.constant + strict
