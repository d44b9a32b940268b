"""Products of matrices, all by one contraction: matmul, einsum, tensordot, vecdot, outer."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.convert import integer, promote, spread, strong
from mapsto.array.manipulate import axis_of
from mapsto.array.reduction import sum as sum_axes
from mapsto.array.trace import apply
from mapsto.core.errors import ShapeError, UsageError
from mapsto.prims.contract import LETTERS, Contract


def matmul(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """`[…, i, k] @ […, k, j] ↦ […, i, j]`; an array with one axis is a vector on its side.

    The leading axes broadcast. Raises ShapeError when the summed extents differ.

    >>> matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    array([21., 43.], f32[2])
    """
    x1, x2 = promote("matmul", x1, x2)
    if not x1.ndim or not x2.ndim:
        raise ShapeError("SHAPE-07", function="matmul", problem="a number has no axis to sum over", fix="use *")
    left, right = x1.shape[-1], x2.shape[-2 if x2.ndim > 1 else 0]
    if left != right:
        rows = (("left", x1.spec, f"{left} columns"), ("right", x2.spec, f"{right} rows"))
        fix = f"make the left one yield {right} columns, or the right one take {left} rows"
        raise ShapeError("SHAPE-03", left="left", right="right", axis="summed", operands=rows, fix=fix)
    vector1, vector2 = x1.ndim == 1, x2.ndim == 1
    if not vector1 and not vector2 and x1.ndim + x2.ndim > 4 and min(x1.ndim, x2.ndim) > 2:
        x1, x2 = stacked(x1, x2)
    lead = LETTERS[26:]  # rows are i, columns j, the summed axis k; leading axes take capitals
    letters1 = "k" if vector1 else lead[: x1.ndim - 2] + "ik"
    letters2 = "k" if vector2 else lead[: x2.ndim - 2] + "kj"
    out = lead[: max(x1.ndim, x2.ndim) - 2] if max(x1.ndim, x2.ndim) > 2 else ""
    out += ("" if vector1 else "i") + ("" if vector2 else "j")
    return apply(Contract(letters1, letters2, out), x1, x2)


def stacked(x1: Array, x2: Array) -> tuple[Array, Array]:
    """Both with the same leading axes."""
    lead1, lead2 = x1.shape[:-2], x2.shape[:-2]
    count = max(len(lead1), len(lead2))
    full1, full2 = (1,) * (count - len(lead1)) + lead1, (1,) * (count - len(lead2)) + lead2
    if any(a != b and 1 not in (a, b) for a, b in zip(full1, full2, strict=True)):
        rows = (("left", x1.spec, ""), ("right", x2.spec, ""))
        raise ShapeError("SHAPE-02", function="matmul", operands=rows, fix="the leading axes must broadcast")
    lead = tuple(b if a == 1 else a for a, b in zip(full1, full2, strict=True))
    return spread(x1, (*lead, *x1.shape[-2:])), spread(x2, (*lead, *x2.shape[-2:]))


def einsum(subscripts: str, x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """A contraction of two arrays by letters, `einsum("bik,bkj->bij", x, y)`; no letter repeats in one operand.

    >>> einsum("i,j->ji", [1, 2], [10, 20, 30])
    array([[10, 20],
           [20, 40],
           [30, 60]], i64[3,2])
    """
    operands, _, out = subscripts.replace(" ", "").partition("->")
    letters = operands.split(",")
    if len(letters) != 2 or "->" not in subscripts:
        raise UsageError("USE-01", problem=f"{subscripts!r} does not read", fix='write it as "ik,kj->ij"')
    arrays = [strong(x) for x in promote("einsum", x1, x2)]
    terms = list(letters)
    for i, x in enumerate(arrays):
        # A letter that stands nowhere else is summed beforehand.
        alone = [letter for letter in terms[i] if letter not in terms[1 - i] + out]
        if alone and len(terms[i]) == x.ndim:
            arrays[i] = sum_axes(x, axis=[terms[i].index(letter) for letter in alone])
            terms[i] = "".join(letter for letter in terms[i] if letter not in alone)
    return apply(Contract(terms[0], terms[1], out), *arrays)


def tensordot(x1: ArrayLike, x2: ArrayLike, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Array:
    """Sum over pairs of axes: the last n of x1 with the first n of x2, or two lists of axes."""
    x1, x2 = (strong(x) for x in promote("tensordot", x1, x2))
    if isinstance(axes, (tuple, list)):
        pairs = axes
    else:
        count = integer("tensordot", axes)
        pairs = (range(x1.ndim - count, x1.ndim), range(count))
    first, second = ([axis_of("tensordot", axis, x.ndim) for axis in pairs[i]] for i, x in enumerate((x1, x2)))
    letters1 = list(LETTERS[: x1.ndim])
    letters2 = list(LETTERS[x1.ndim : x1.ndim + x2.ndim])
    for a, b in zip(first, second, strict=True):
        letters2[b] = letters1[a]
    out = [one for i, one in enumerate(letters1) if i not in first]
    out += [one for i, one in enumerate(letters2) if i not in second]
    return apply(Contract("".join(letters1), "".join(letters2), "".join(out)), x1, x2)


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Σ x1·x2 along an axis."""
    x1, x2 = promote("vecdot", x1, x2)
    return sum_axes(FUNCTIONS["multiply"](x1, x2), axis=axis)


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Every product of an element of x1 with one of x2: `[i], [j] ↦ [i, j]`."""
    return tensordot(x1, x2, axes=0)


FUNCTIONS["matmul"] = matmul
