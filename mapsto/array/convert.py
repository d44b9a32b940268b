"""Making arrays of what users have, and bringing operands to one element type and one shape."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mapsto.array.array import FUNCTIONS, Array, ArrayLike, known
from mapsto.array.trace import apply, taken_once, top_frame
from mapsto.core.errors import DataError, DTypeError, ShapeError, UsageError
from mapsto.core.numbers import converted
from mapsto.core.spec import (
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT64,
    SHORT_NAMES,
    DType,
    Shape,
    Spec,
    dtype_of,
    is_float,
    is_half,
    is_integer,
)
from mapsto.core.tree import is_number
from mapsto.prims.cast import Cast, Weaken
from mapsto.prims.layout import Broadcast
from mapsto.prims.literal import const


def asarray(obj: Any, /, *, dtype: Any = None, device: str | None = None, copy: bool | None = None) -> Array:
    """A number, nested list, NumPy or DLPack array ↦ an array.

    Python floats become float32, Python integers int64; NumPy arrays keep their type. What NumPy could still write to
    is copied; an array is immutable, so it is returned as it is, but for `copy=True`: then it can be donated, and `obj`
    stays. Arrays in lists are stacked, in the type that all of them share.

    Raises DTypeError for element types that do not exist here, DataError for a masked array.

    >>> asarray([1.0, 2.0]), asarray([asarray(1), 2.5])
    (array([1., 2.], f32[2]), array([1. , 2.5], f32[2]))
    """
    on_processor(device)
    if isinstance(obj, Array):
        made = obj if dtype is None else astype(obj, dtype)
        if copy is True and made is obj and not obj._traced:  # pyright: ignore[reportPrivateUsage]
            return Array(obj.data.copy(), obj.spec.weak)
        return made
    if copy is False and not (isinstance(obj, np.ndarray) and not may_change(obj)):
        raise DataError("ARRAY-20", found=type(obj).__name__, fix="leave out copy=False")
    if not isinstance(obj, (np.ndarray, np.generic)) and hasattr(obj, "__dlpack__"):
        obj = np.from_dlpack(obj).copy()
    if np.ma.is_masked(obj):
        fix = "say what stands there: x.filled(0.0)"
        raise DataError("ARRAY-21", fix=fix)
    if isinstance(obj, np.ndarray):
        if obj.dtype.kind in "OUS":
            refuse_what_is_no_number(obj, typed=dtype is not None)
        found = dtype_of(obj.dtype if dtype is None else dtype)
        owned = copy is not True and not may_change(obj) and obj.dtype == found
        return taken_once(obj, found, lambda: Array(obj if owned else np.array(converted(obj, found), order="C")))
    if holds_array(obj):  # NumPy would read the numbers, and a derivative would take them for constants
        return of_arrays(obj, shared_dtype(obj) if dtype is None else dtype_of(dtype))
    try:
        data = np.asarray(obj)
    except ValueError as problem:
        raise ShapeError("ARRAY-23", fix="make them equally long, for example with xp.pad") from problem
    if data.dtype.kind in "OUS":
        refuse_what_is_no_number(obj, typed=dtype is not None)
    if dtype is None and data.dtype == FLOAT64:
        dtype = FLOAT32
    found = dtype_of(data.dtype if dtype is None else dtype)
    try:
        made = converted(data, found)
    except (OverflowError, TypeError, ValueError) as problem:  # words, or integers of a thousand digits
        wanted = f"numbers that fit {SHORT_NAMES[found]}"
        raise DTypeError("DTYPE-04", function="asarray", wanted=wanted, found=f"this {type(obj).__name__}") from problem
    if is_integer(data.dtype) and is_integer(made.dtype) and not np.array_equal(made, data):
        wanted = f"values that fit {SHORT_NAMES[made.dtype]}"
        raise DTypeError("DTYPE-04", function="asarray", wanted=wanted, found=f"{data.min()} … {data.max()}")
    return Array(made)


def refuse_what_is_no_number(value: Any, typed: bool) -> None:
    """Raise for the first thing in nested lists that no array holds: a word, an object, an integer of too many bits.

    What is `typed` is converted afterwards, if it can be: a long integer to a float, a word that is one.
    """
    if isinstance(value, (list, tuple, np.ndarray)):
        for item in list[Any](value.ravel().tolist() if isinstance(value, np.ndarray) else value):
            refuse_what_is_no_number(item, typed)
    elif isinstance(value, (str, bytes)):
        if typed:
            return
        fix = "number labels: [names.index(one) for one in y]; pictures are read by image.decode"
        raise DTypeError("ARRAY-32", word=value, fix=fix)
    elif isinstance(value, int):
        if value.bit_length() > 64 and not typed:
            fix = "make it a float: float(x), or scale it down"
            raise DTypeError("ARRAY-34", bits=value.bit_length(), fix=fix)
    elif not isinstance(value, (float, complex, np.number, np.bool_)):
        several = isinstance(value, Iterable)
        found = "None" if value is None else f"a {type(value).__name__}"
        fix = "give a list of its numbers: xp.asarray(list(…))" if several else "give numbers, lists of them, or arrays"
        raise DTypeError("ARRAY-33", found=found, fix=fix)


def holds_array(value: Any) -> bool:
    """Whether an array stands in nested lists."""
    if isinstance(value, (list, tuple)):
        items: Sequence[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return any(isinstance(item, Array) or holds_array(item) for item in items)
    return False


def shared_dtype(value: Any) -> DType:
    """The element type that the arrays and numbers in nested lists share."""
    found = promoted_dtype([one if is_number(one) else asarray(one) for one in leaves(value)], "asarray")
    return FLOAT32 if found == FLOAT64 and all(is_weak(one) for one in leaves(value)) else found


def leaves(value: Any) -> Iterable[Any]:
    """What stands in nested lists."""
    if isinstance(value, (list, tuple)):
        for item in list[Any](value):
            yield from leaves(item)
    else:
        yield value


def is_weak(value: Any) -> bool:
    """Whether a value is a Python number, or one that is traced."""
    return value.spec.weak if isinstance(value, Array) else is_number(value)


def of_arrays(value: Any, dtype: DType) -> Array:
    """Nested lists in which arrays stand ↦ one array: `[…], […], … ↦ [n, …]`, list by list."""
    rows = [of_arrays(one, dtype) if isinstance(one, (list, tuple)) else asarray(one, dtype=dtype) for one in value]
    return FUNCTIONS["stack"](rows) if rows else asarray([], dtype=dtype)


def may_change(data: np.ndarray[Any, Any]) -> bool:
    """Whether someone holds a writable view of this memory."""
    base: Any = data
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return True
        base = base.base
    return base is not None and not isinstance(base, bytes)


def on_processor(device: Any) -> None:
    """Refuse a device that there is not."""
    if device not in (None, "cpu"):
        raise UsageError("ARRAY-24", device=device, fix='leave it out, or say "cpu"')


def whole(value: Any) -> int | None:
    """An integer of Python or NumPy, or an integer array without axes ↦ the Python integer; None for all else."""
    try:
        return int(operator.index(value))  # True is an index, too, but no extent
    except TypeError:  # also a TraceError: a traced value has no number yet
        return None


def integer(function: str, value: Any) -> int:
    """The same, where nothing else will do."""
    found = whole(value)
    if found is None:
        fix = "give a Python integer; an argument of a compiled function is one if static=(…,) names it"
        raise UsageError("ARRAY-25", function=function, value=repr(value), fix=fix)
    return found


def check_fits(value: Any, dtype: DType) -> None:
    """Refuse a number that an integer type cannot hold, and integers that no float can."""
    if is_integer(dtype):
        fits = int(np.iinfo(dtype).min) <= value <= int(np.iinfo(dtype).max)
    else:
        fits = not isinstance(value, int) or abs(value) <= sys.float_info.max
    if not fits:
        wanted = f"a value that fits {SHORT_NAMES[dtype]}"
        fix = "write a smaller number, or cast the array to a larger type first: xp.astype"
        # Python refuses to write out more than some thousand digits.
        found = f"an integer of {value.bit_length()} bits" if isinstance(value, int) and abs(value) > 2**64 else value
        raise DTypeError("DTYPE-04", function="a number", wanted=wanted, found=found, fix=fix)


def number(value: Any, dtype: DType) -> Array:
    """A number of the program ↦ an array without axes, part of the graph if one is being traced."""
    check_fits(value, dtype)
    primitive = const(value, dtype)
    return Array(np.asarray(primitive.value)) if top_frame() is None else apply(primitive)


def weak(value: Any) -> Array:
    """A Python number as a traced input: it keeps its full precision and takes the type of what it meets.

    Weak numbers have no axes: only functions of single elements give weak results. What arranges, folds or indexes
    makes its operands `strong` first. What is an array already stays as it is.
    """
    if isinstance(value, Array):
        return value
    dtype = (BOOL, INT64, FLOAT64)[order(value)]
    check_fits(value, dtype)
    return Array(np.asarray(value, dtype), weak=True)


def strong(x: ArrayLike) -> Array:
    """What `asarray` takes ↦ an array; a weak number becomes one of the default type, float32 or int64."""
    array = asarray(x)
    return cast(array, array.dtype)


def cast(array: Array, dtype: DType) -> Array:
    """The same numbers in another element type.

    A weak number must fit, if it is known; `mt.compile` and `mt.vmap` trace without values, and there integers wrap.
    """
    spec = array.spec
    if spec.dtype == dtype and not spec.weak:
        return array
    value = known(array) if spec.weak else None
    if value is not None and value.size and is_integer(dtype):  # `vmap` makes many of one weak number
        for extreme in (value.min(), value.max()):
            check_fits(extreme.item(), dtype)
    return apply(Cast(SHORT_NAMES[dtype]), array)


def wide(x: ArrayLike) -> Array:
    """Floats of 16 bits ↦ f32, in which sums over thousands of them keep their digits; everything else as it is."""
    array = asarray(x)
    return cast(array, FLOAT32) if is_half(array.dtype) else array


def astype(x: ArrayLike, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> Array:
    """The same numbers in another element type; floats lose their fraction on the way to integers.

    Arrays are immutable: where nothing changes, x itself is the result, with or without `copy`.

    >>> astype([1.9, -1.9], "i32")
    array([ 1, -1], i32[2])
    """
    on_processor(device)
    return cast(asarray(x), dtype_of(dtype))


def promoted_dtype(arrays: Sequence[Any], function: str) -> DType:
    """The element type that operands share: NumPy's table within a kind; integers give way to floats.

    Python numbers and weak arrays take part only by their kind. A Spec counts as an array.
    """
    specs = [x if isinstance(x, Spec) else x.spec for x in arrays if isinstance(x, (Array, Spec))]
    firm = [spec.dtype for spec in specs if not spec.weak]
    result = FLOAT32 if not firm else firm[0]
    for dtype in firm[1:]:
        result = pair(result, dtype, function, arrays)
    loose = [x for x in arrays if not isinstance(x, Spec) and (not isinstance(x, Array) or x.spec.weak)]
    loosest = max(map(order, loose), default=0)
    if not firm:
        return FLOAT64 if loosest == 2 else INT64 if loosest == 1 else BOOL
    if loosest > rank(result):
        return FLOAT32 if loosest == 2 else INT64
    return result


def rank(dtype: DType) -> int:
    """Truth values, integers and floats, in this order."""
    return 2 if is_float(dtype) else 1 if is_integer(dtype) else 0


def order(value: Any) -> int:
    """The same of a number or an array. Python's integers have no bounds, so NumPy has no type for all of them."""
    if isinstance(value, Array):
        return rank(value.spec.dtype)
    return 0 if isinstance(value, (bool, np.bool_)) else 1 if isinstance(value, (int, np.integer)) else 2


def pair(left: DType, right: DType, function: str, arrays: Sequence[Any]) -> DType:
    if rank(left) != rank(right):
        return max(left, right, key=rank)
    both = FLOAT32 if {left, right} == {FLOAT16, BFLOAT16} else np.promote_types(left, right)
    if rank(both) != rank(left):  # uint64 with int64
        shown = [x.spec if isinstance(x, Array) else x for x in arrays]
        rows = tuple((f"input {i}", x, "") for i, x in enumerate(shown) if isinstance(x, Spec))
        raise DTypeError("DTYPE-03", function=function, operands=rows, fix="cast one of them with xp.astype")
    return both


def promote(function: str, *operands: ArrayLike, floats: bool = False) -> list[Array]:
    """Operands of one element type, each in its own shape. With `floats`, integers become the default float."""
    arrays = [x if isinstance(x, Array) or is_number(x) else asarray(x) for x in operands]
    dtype = promoted_dtype(arrays, function)
    loose = all(not isinstance(x, Array) or x.spec.weak for x in arrays)
    if floats and not is_float(dtype):
        dtype = FLOAT64 if loose else FLOAT32
    if loose and any(isinstance(x, Array) for x in arrays):
        return [loosely(x, dtype) for x in arrays]
    if loose:
        dtype = FLOAT32 if dtype == FLOAT64 else dtype
    return [cast(x, dtype) if isinstance(x, Array) else number(x, dtype) for x in arrays]


def one_float(x: ArrayLike) -> Array:
    """An operand of a function of floats: integers and truth values become the default float."""
    return promote("a function of floats", x, floats=True)[0]


def loosely(x: Any, dtype: DType) -> Array:
    """A weak operand, or a number beside one, in another type and weak still."""
    array = x if isinstance(x, Array) else number(x, dtype)
    spec = array.spec
    return array if spec.weak and spec.dtype == dtype else apply(Weaken(SHORT_NAMES[dtype]), array)


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
    return apply(Broadcast(shape, tuple(range(lead, len(shape)))), strong(x))


def aligned(function: str, *operands: ArrayLike, floats: bool = False) -> list[Array]:
    """Operands of one element type and one shape."""
    arrays = promote(function, *operands, floats=floats)
    shape = broadcast_shape(function, *arrays)
    return [spread(x, shape) for x in arrays]


FUNCTIONS["astype"] = astype
