"""Einstein's sums: contractions of any number of arrays, by letters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import cast, promote, strong
from mapsto.array.manipulate import permute_dims, reshape
from mapsto.array.reduction import sum
from mapsto.array.trace import apply
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import FLOAT32, is_half
from mapsto.prims.contract import LETTERS, Contract
from mapsto.prims.layout import Slice


@dataclass(frozen=True)
class Term:
    """An array, and a letter for every axis of it."""

    letters: str
    array: Array

    @property
    def extents(self) -> dict[str, int]:
        return dict(zip(self.letters, self.array.shape, strict=True))


def einsum(subscripts: str, /, *operands: ArrayLike) -> Array:
    """Products of elements of all operands, summed over the letters that stand left of the arrow only.

    `einsum("bik,bkj->bij", x, y)` is a stacked matrix product. A letter that stands twice in one operand takes its
    diagonal; `...` are leading axes that broadcast. Without an arrow the result has the letters that stand once, in
    alphabetical order. Operands are contracted two at a time, always the pair that takes the fewest multiplications;
    pairs without a common letter come last. Integers wrap; half floats are summed in float32. Raises UsageError for
    subscripts that do not read, ShapeError where extents differ.

    >>> einsum("i,j->ji", [1, 2], [10, 20, 30])
    array([[10, 20],
           [20, 40],
           [30, 60]], i64[3,2])
    >>> einsum("ii", [[1, 2], [3, 4]]), einsum("...k,k", [[1, 2], [3, 4]], [1, 10])
    (array(5, i64[]), array([21, 43], i64[2]))
    """
    sources, out = read(subscripts, len(operands))
    arrays = [strong(x) for x in promote("einsum", *operands)]
    dtype = arrays[0].dtype if arrays else FLOAT32
    if len(arrays) > 2 and is_half(dtype):  # products of pairs are rounded once, at the end
        arrays = [cast(x, FLOAT32) for x in arrays]
    terms, out = named(subscripts, sources, out, arrays)
    check_extents(terms)
    terms = [diagonal_of(term) for term in terms]
    while len(terms) > 1:
        terms = [alone_summed(term, others(terms, i) + out) for i, term in enumerate(terms)]
        first, second = cheapest(terms, out)
        rest = [term for i, term in enumerate(terms) if i not in (first, second)]
        terms = [*rest, contracted(terms[first], terms[second], "".join(term.letters for term in rest) + out)]
    last = alone_summed(terms[0], out)
    return cast(permute_dims(last.array, [last.letters.index(letter) for letter in out]), dtype)


def unread(subscripts: str, reason: str) -> UsageError:
    return UsageError("ARRAY-14", subscripts=subscripts, reason=reason, fix='write it as "ik,kj->ij"')


def read(subscripts: str, count: int) -> tuple[list[str], str | None]:
    """The letters of every operand, and those of the result if they are given; `...` as one dot."""
    if not isinstance(subscripts, str):
        raise unread(subscripts, "the subscripts come first, as a string")
    left, arrow, out = subscripts.replace(" ", "").replace("...", ".").partition("->")
    sources = left.split(",")
    for part in (*sources, out):
        if any(letter not in LETTERS + "." for letter in part) or part.count(".") > 1:
            raise unread(subscripts, f"{part!r} has something else than letters and one ...")
    if len(sources) != count:
        raise unread(subscripts, f"it names {len(sources)} operands, and there are {count}")
    return sources, out if arrow else None


def named(subscripts: str, sources: list[str], out: str | None, arrays: list[Array]) -> tuple[list[Term], str]:
    """Every operand with a letter for each axis, those of `...` included; and the letters of the result."""
    for number, (source, x) in enumerate(zip(sources, arrays, strict=True)):
        letters = source.replace(".", "")
        if len(letters) > x.ndim or (len(letters) < x.ndim and "." not in source):
            rows = (("operand", x.spec, source),)
            fix = "one letter for every axis; ... stands for all further ones"
            raise ShapeError(
                "ARRAY-15", letters=source, named=len(letters), number=number, x=x.spec, operands=rows, fix=fix
            )
    free = [letter for letter in LETTERS if letter not in "".join(sources) + (out or "")]
    dots = [x.ndim - len(s) + 1 if "." in s else 0 for s, x in zip(sources, arrays, strict=True)]
    leading = "".join(free[: max(dots, default=0)])
    terms = [
        Term(source.replace(".", leading[len(leading) - count :]), x)
        for source, x, count in zip(sources, arrays, dots, strict=True)
    ]
    if out is None:
        every = "".join(sources).replace(".", "")
        out = "." * ("." in "".join(sources)) + "".join(sorted(one for one in set(every) if every.count(one) == 1))
    if leading and "." not in out:
        raise unread(subscripts, "the result lacks the ...")
    out = out.replace(".", leading)
    for letter in out:
        if out.count(letter) > 1 or not any(letter in term.letters for term in terms):
            raise unread(subscripts, f"the result has {letter!r}, which stands there twice or in no operand")
    return [squeezed(term, leading, terms) for term in terms], out


def squeezed(term: Term, leading: str, terms: list[Term]) -> Term:
    """Without those axes of `...` that have extent 1 here and another one elsewhere: they broadcast."""
    extents = {letter: extent for other in terms for letter, extent in other.extents.items() if extent != 1}
    thin = [
        axis
        for axis, letter in enumerate(term.letters)
        if letter in leading and term.array.shape[axis] == 1 and letter in extents
    ]
    kept = [axis for axis in range(term.array.ndim) if axis not in thin]
    letters = "".join(term.letters[axis] for axis in kept)
    return Term(letters, reshape(term.array, tuple(term.array.shape[axis] for axis in kept)))


def check_extents(terms: list[Term]) -> None:
    found: dict[str, int] = {}
    for number, term in enumerate(terms):
        for letter, extent in zip(term.letters, term.array.shape, strict=True):
            if found.setdefault(letter, extent) != extent:
                rows = tuple((f"operand {i}", one.array.spec, one.letters) for i, one in enumerate(terms))
                fix = "a letter has one extent everywhere"
                raise ShapeError(
                    "SHAPE-03", left="the operands", right=f"operand {number}", axis=letter, operands=rows, fix=fix
                )


def diagonal_of(term: Term) -> Term:
    """Of every letter that stands twice, the diagonal: neighbouring axes as one, of which every (n + 1)-th is taken."""
    for letter in dict.fromkeys(term.letters):
        while term.letters.count(letter) > 1:
            first = term.letters.index(letter)
            second = term.letters.index(letter, first + 1)
            rest = [axis for axis in range(term.array.ndim) if axis not in (first, second)]
            moved = permute_dims(term.array, [*rest, first, second])
            *lead, extent, _ = moved.shape
            flat = reshape(moved, (*lead, extent * extent))
            rank = len(lead)
            taken = apply(Slice((0,) * (rank + 1), flat.shape, (*(1,) * rank, extent + 1)), flat)
            term = Term("".join(term.letters[axis] for axis in rest) + letter, taken)
    return term


def others(terms: list[Term], i: int) -> str:
    """The letters of all operands but one."""
    return "".join(term.letters for number, term in enumerate(terms) if number != i)


def alone_summed(term: Term, needed: str) -> Term:
    """Summed over what no other operand and not the result needs."""
    axes = [axis for axis, letter in enumerate(term.letters) if letter not in needed]
    if not axes:
        return term
    letters = "".join(letter for letter in term.letters if letter in needed)
    return Term(letters, sum(term.array, axis=axes, dtype=term.array.dtype))


def cheapest(terms: list[Term], out: str) -> tuple[int, int]:
    """The pair to contract next: with a common letter if there is one, then by multiplications, then by the result."""

    def cost(pair: tuple[int, int]) -> tuple[bool, int, int]:
        left, right = (terms[i] for i in pair)
        rest = "".join(term.letters for i, term in enumerate(terms) if i not in pair) + out
        extents = {**left.extents, **right.extents}
        made = math.prod(extent for letter, extent in extents.items() if letter in rest)
        return not set(left.letters) & set(right.letters), math.prod(extents.values()), made

    return min(combinations(range(len(terms)), 2), key=cost)


def contracted(left: Term, right: Term, needed: str) -> Term:
    """Two operands as one, summed over the letters that nothing else needs."""
    letters = "".join(dict.fromkeys(left.letters + right.letters))
    made = "".join(letter for letter in letters if letter in needed)
    return Term(made, apply(Contract(left.letters, right.letters, made), left.array, right.array))
