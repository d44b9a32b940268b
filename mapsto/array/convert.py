"""Making arrays of what users have, and bringing operands to one element type and one shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.trace import apply, top_frame
from mapsto.core.errors import DataError, DTypeError, ShapeError, UsageError
from mapsto.core.spec import BOOL, FLOAT32, FLOAT64, INT64, SHORT_NAMES, DType, Shape, dtype_of
from mapsto.core.tree import is_number
from mapsto.prims.compare import Cast, Weaken
from mapsto.prims.layout import Broadcast
from mapsto.prims.literal import const


def asarray(obj: Any, *, dtype: Any = None, device: str | None = None, copy: bool | None = None) -> Array:
    """A number, nested list, NumPy or DLPack array ↦ an array.

    Python floats become float32, Python integers int64; NumPy arrays keep their type. What NumPy could still write to
    is copied. Raises DTypeError for element types that do not exist here.

    >>> asarray([1.0, 2.0])
    array([1., 2.], f32[2])
    """
    if isinstance(obj, Array):
        return obj if dtype is None else astype(obj, dtype)
    if copy is False and not (isinstance(obj, np.ndarray) and not may_change(obj)):
        problem = f"a {type(obj).__name__} cannot be taken without a copy: it could still be written to"
        raise DataError("DATA-01", problem=problem, fix="leave out copy=False")
    if not isinstance(obj, (np.ndarray, np.generic)) and hasattr(obj, "__dlpack__"):
        obj = np.from_dlpack(obj).copy()
    if isinstance(obj, np.ndarray):
        found = dtype_of(obj.dtype if dtype is None else dtype)
        owned = copy is not True and not may_change(obj) and obj.dtype == found
        return Array(obj if owned else np.array(obj, found, order="C"))
    if holds_array(obj):  # NumPy would read the numbers, and a derivative would take them for constants
        raise UsageError("USE-01", problem="a list of arrays is not an array", fix="use xp.stack or xp.concat")
    try:
        data = np.asarray(obj)
    except ValueError as problem:
        raise ShapeError("SHAPE-07", function="asarray", problem="rows of different lengths") from problem
    if dtype is None and data.dtype == FLOAT64:
        dtype = FLOAT32
    made = data.astype(dtype_of(data.dtype if dtype is None else dtype))
    if data.dtype.kind in "iu" and made.dtype.kind in "iu" and not np.array_equal(made, data):
        wanted = f"values that fit {SHORT_NAMES[made.dtype]}"
        raise DTypeError("DTYPE-04", function="asarray", wanted=wanted, found=f"{data.min()} … {data.max()}")
    return Array(made)


def holds_array(value: Any) -> bool:
    """Whether an array stands in nested lists."""
    if isinstance(value, (list, tuple)):
        items: Sequence[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return any(isinstance(item, Array) or holds_array(item) for item in items)
    return False


def may_change(data: np.ndarray[Any, Any]) -> bool:
    """Whether someone holds a writable view of this memory."""
    base: Any = data
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return True
        base = base.base
    return base is not None and not isinstance(base, bytes)


def number(value: Any, dtype: DType) -> Array:
    """A number of the program ↦ an array without axes, part of the graph if one is being traced."""
    fits = dtype.kind not in "iu" or (math.isfinite(value) and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)
    if not fits:
        raise DTypeError("DTYPE-04", function="a number", wanted=f"a value that fits {SHORT_NAMES[dtype]}", found=value)
    primitive = const(value, dtype)
    return Array(np.asarray(primitive.value)) if top_frame() is None else apply(primitive)


def weak(value: Any) -> Array:
    """A Python number as a traced input: it keeps its full precision and takes the type of what it meets."""
    dtype = {"b": BOOL, "i": INT64, "u": INT64}.get(np.asarray(value).dtype.kind, FLOAT64)
    return Array(np.asarray(value, dtype), weak=True)


def strong(array: Array) -> Array:
    """A result that is still a weak number ↦ an array of the default type."""
    if not array.spec.weak:
        return array
    return cast(array, FLOAT32 if array.dtype.kind == "f" else array.dtype)


def cast(array: Array, dtype: DType) -> Array:
    if array.dtype == dtype and not array.spec.weak:
        return array
    return apply(Cast(SHORT_NAMES[dtype]), array)


def astype(x: ArrayLike, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> Array:
    """The same numbers in another element type; floats lose their fraction on the way to integers."""
    return cast(asarray(x), dtype_of(dtype))


def promoted_dtype(arrays: Sequence[Any], function: str) -> DType:
    """The element type that operands share: NumPy's table within a kind; integers give way to floats.

    Python numbers and weak arrays take part only by their kind.
    """
    specs = [x.spec for x in arrays if isinstance(x, Array)]
    firm = [spec.dtype for spec in specs if not spec.weak]
    loose = [spec.dtype for spec in specs if spec.weak] + [np.asarray(x).dtype for x in arrays if is_number(x)]
    result = FLOAT32 if not firm else firm[0]
    for dtype in firm[1:]:
        result = pair(result, dtype, function, arrays)
    loosest = max((order(dtype) for dtype in loose), default=0)
    if not firm:
        return FLOAT64 if loosest == 2 else INT64 if loosest == 1 else BOOL
    if loosest > order(result):
        return FLOAT32 if loosest == 2 else INT64
    return result


def order(dtype: DType) -> int:
    return {"b": 0, "i": 1, "u": 1, "f": 2}[dtype.kind]


def pair(left: DType, right: DType, function: str, arrays: Sequence[Any]) -> DType:
    if order(left) != order(right):
        return max(left, right, key=order)
    both = np.promote_types(left, right)
    if order(both) != order(left):  # uint64 with int64
        rows = tuple((f"input {i}", x.spec, "") for i, x in enumerate(arrays) if isinstance(x, Array))
        raise DTypeError("DTYPE-03", function=function, operands=rows, fix="cast one of them with xp.astype")
    return both


def promote(function: str, *operands: ArrayLike, floats: bool = False) -> list[Array]:
    """Operands of one element type, each in its own shape. With `floats`, integers become the default float."""
    arrays = [x if isinstance(x, Array) or is_number(x) else asarray(x) for x in operands]
    dtype = promoted_dtype(arrays, function)
    loose = all(not isinstance(x, Array) or x.spec.weak for x in arrays)
    if floats and dtype.kind != "f":
        dtype = FLOAT64 if loose else FLOAT32
    if loose and any(isinstance(x, Array) for x in arrays):
        return [loosely(x, dtype) for x in arrays]
    if loose:
        dtype = FLOAT32 if dtype == FLOAT64 else dtype
    return [cast(x, dtype) if isinstance(x, Array) else number(x, dtype) for x in arrays]


def loosely(x: Any, dtype: DType) -> Array:
    """A weak operand, or a number beside one, in another type and weak still."""
    array = x if isinstance(x, Array) else number(x, dtype)
    return array if array.spec.weak and array.dtype == dtype else apply(Weaken(SHORT_NAMES[dtype]), array)


def broadcast_shape(function: str, *arrays: Array) -> Shape:
    """The common shape: axes are matched from the last one, and an axis of extent 1 repeats."""
    try:
        return np.broadcast_shapes(*(x.shape for x in arrays))
    except ValueError as problem:
        rows = tuple((f"input {i}", x.spec, "") for i, x in enumerate(arrays))
        fix = "axes are matched from the last one; each must be equal, or 1"
        raise ShapeError("SHAPE-02", function=function, operands=rows, fix=fix) from problem


def spread(x: Array, shape: Shape) -> Array:
    """Repeat an array into a shape it broadcasts to."""
    if x.shape == shape:
        return x
    lead = len(shape) - x.ndim
    return apply(Broadcast(shape, tuple(range(lead, len(shape)))), x)


def aligned(function: str, *operands: ArrayLike, floats: bool = False) -> list[Array]:
    """Operands of one element type and one shape."""
    arrays = promote(function, *operands, floats=floats)
    shape = broadcast_shape(function, *arrays)
    return [spread(x, shape) for x in arrays]


FUNCTIONS["astype"] = astype
