"""Products of matrices, all by one contraction: matmul, tensordot, vecdot, outer; and the cross product."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.array.arithmetic import multiply, subtract
from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.convert import broadcast_shape, integer, promote, spread, strong
from mapsto.array.manipulate import axis_of, moveaxis
from mapsto.array.repeats import roll
from mapsto.array.trace import apply
from mapsto.core.check import whole_number
from mapsto.core.errors import ShapeError
from mapsto.prims.contract import LETTERS, Contract


def matmul(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """`[…, i, k] @ […, k, j] ↦ […, i, j]`; an array with one axis is a vector on its side.

    The leading axes broadcast. Raises ShapeError when the summed extents differ.

    >>> matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    array([21., 43.], f32[2])
    """
    x1, x2 = promote("matmul", x1, x2)
    if not x1.ndim or not x2.ndim:
        raise ShapeError("ARRAY-19", operands=(("left", x1.spec, ""), ("right", x2.spec, "")), fix="use *")
    left, right = x1.shape[-1], x2.shape[-2 if x2.ndim > 1 else 0]
    if left != right:
        rows = (("left", x1.spec, f"{left} columns"), ("right", x2.spec, f"{right} rows"))
        fix = f"make the left one yield {right} columns, or the right one take {left} rows"
        raise ShapeError("SHAPE-03", left="left", right="right", axis="summed", operands=rows, fix=fix)
    vector1, vector2 = x1.ndim == 1, x2.ndim == 1
    if not vector1 and not vector2 and x1.ndim + x2.ndim > 4 and min(x1.ndim, x2.ndim) > 2:
        x1, x2 = stacked("matmul", x1, x2)
    lead = LETTERS[26:]  # rows are i, columns j, the summed axis k; leading axes take capitals
    letters1 = "k" if vector1 else lead[: x1.ndim - 2] + "ik"
    letters2 = "k" if vector2 else lead[: x2.ndim - 2] + "kj"
    out = lead[: max(x1.ndim, x2.ndim) - 2] if max(x1.ndim, x2.ndim) > 2 else ""
    out += ("" if vector1 else "i") + ("" if vector2 else "j")
    return apply(Contract(letters1, letters2, out), x1, x2)


def stacked(function: str, x1: Array, x2: Array) -> tuple[Array, Array]:
    """Both with the same leading axes."""
    lead1, lead2 = x1.shape[:-2], x2.shape[:-2]
    count = max(len(lead1), len(lead2))
    full1, full2 = (1,) * (count - len(lead1)) + lead1, (1,) * (count - len(lead2)) + lead2
    if any(a != b and 1 not in (a, b) for a, b in zip(full1, full2, strict=True)):
        rows = (("left", x1.spec, ""), ("right", x2.spec, ""))
        raise ShapeError("SHAPE-02", function=function, operands=rows, fix="the leading axes must broadcast")
    lead = tuple(b if a == 1 else a for a, b in zip(full1, full2, strict=True))
    return spread(x1, (*lead, *x1.shape[-2:])), spread(x2, (*lead, *x2.shape[-2:]))


def tensordot(x1: ArrayLike, x2: ArrayLike, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Array:
    """Sum over pairs of axes: the last n of x1 with the first n of x2, or two lists of axes.

    `[i…, k…], [k…, j…] ↦ [i…, j…]`. Raises ShapeError where the lists or the extents differ.

    >>> tensordot([[1, 2], [3, 4]], [10, 1], axes=1)
    array([12, 34], i64[2])
    """
    x1, x2 = (strong(x) for x in promote("tensordot", x1, x2))
    if isinstance(axes, (tuple, list)):
        pairs = [[one] if isinstance(one, int) else list(one) for one in axes]
    else:
        count = whole_number("tensordot", "axes", integer("tensordot", axes), 0)
        for x in (x1, x2):
            if x.ndim < count:
                raise ShapeError("ARRAY-02", function="tensordot", x=x.spec, least=count, fix="sum over fewer")
        pairs = [list(range(x1.ndim - count, x1.ndim)), list(range(count))]
    if len(pairs) != 2 or len(pairs[0]) != len(pairs[1]):
        left, right = (len(pairs[i]) if i < len(pairs) else 0 for i in (0, 1))
        raise ShapeError("ARRAY-18", left=left, right=right, fix="as many of the one as of the other")
    first, second = ([axis_of("tensordot", axis, x.ndim) for axis in pairs[i]] for i, x in enumerate((x1, x2)))
    for listed in (first, second):
        if len(set(listed)) < len(listed):
            raise ShapeError("ARRAY-01", function="tensordot", axes=tuple(listed), fix="name every axis once")
    letters1 = list(LETTERS[: x1.ndim])
    letters2 = list(LETTERS[x1.ndim : x1.ndim + x2.ndim])
    for a, b in zip(first, second, strict=True):
        letters2[b] = letters1[a]
    out = [one for i, one in enumerate(letters1) if i not in first]
    out += [one for i, one in enumerate(letters2) if i not in second]
    return apply(Contract("".join(letters1), "".join(letters2), "".join(out)), x1, x2)


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Σ x1·x2 along an axis, which is counted before the others broadcast: `[…, k], […, k] ↦ […]`.

    >>> vecdot([[1, 2], [3, 4]], [10, 1])
    array([12, 34], i64[2])
    """
    x1, x2 = (strong(x) for x in promote("vecdot", x1, x2))
    left, right = (moveaxis(x, axis_of("vecdot", axis, x.ndim), -1) for x in (x1, x2))
    if left.shape[-1] != right.shape[-1]:
        rows = (("left", x1.spec, ""), ("right", x2.spec, ""))
        fix = "the summed axes must be equally long"
        raise ShapeError("SHAPE-03", left="left", right="right", axis="summed", operands=rows, fix=fix)
    shape = broadcast_shape("vecdot", left, right)
    letters = LETTERS[: len(shape)]
    return apply(Contract(letters, letters, letters[:-1]), spread(left, shape), spread(right, shape))


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Every product of an element of x1 with one of x2: `[i], [j] ↦ [i, j]`.

    >>> outer([1, 2], [3, 4])
    array([[3, 4],
           [6, 8]], i64[2,2])
    """
    return tensordot(x1, x2, axes=0)


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """The vector at right angles to two others along an axis of extent 3; the other axes broadcast.

    `(a × b)[i] = a[i+1]·b[i+2] - a[i+2]·b[i+1]`, counted modulo 3. Raises ShapeError (LINALG-04) for other extents.

    >>> cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    array([0., 0., 1.], f32[3])
    """
    vectors: list[Array] = []
    for x in promote("cross", x1, x2):
        x = strong(x)
        place = axis_of("cross", axis, x.ndim)
        if x.shape[place] != 3:
            raise ShapeError("LINALG-04", axis=axis, x=x.spec, fix="give vectors of three elements, or name their axis")
        vectors.append(moveaxis(x, place, -1))
    a, b = vectors
    before = multiply(roll(a, -1, axis=-1), roll(b, -2, axis=-1))
    made = subtract(before, multiply(roll(a, -2, axis=-1), roll(b, -1, axis=-1)))
    return moveaxis(made, -1, axis)


FUNCTIONS["matmul"] = matmul
