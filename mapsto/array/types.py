"""Element types: what kind they are, what they can hold, and which one operands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, promoted_dtype
from mapsto.core.check import one_of
from mapsto.core.errors import DTypeError, UsageError
from mapsto.core.spec import BOOL, FLOAT32, INT64, DType, Spec, dtype_of, float_info, is_float, is_integer
from mapsto.core.tree import is_number

KINDS = ("bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric")


@dataclass(frozen=True)
class FloatInfo:
    """Precision and range of a float type, as Python numbers; see `finfo`."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True)
class IntegerInfo:
    """Range of an integer type; see `iinfo`."""

    bits: int
    max: int
    min: int
    dtype: DType


def type_of(value: Any) -> DType:
    """An array or dtype ↦ the dtype."""
    return value.dtype if isinstance(value, (Array, np.ndarray)) else dtype_of(value)


def finfo(type: Any, /) -> FloatInfo:
    """A float type, or an array of it ↦ its `bits`, `eps`, `max`, `min`, `smallest_normal`.

    `eps` is the distance from 1 to the next larger number. Raises DTypeError for other types.

    >>> finfo("bf16").eps, finfo("f32").max
    (0.0078125, 3.4028234663852886e+38)
    """
    dtype = type_of(type)
    if not is_float(dtype):
        raise DTypeError("DTYPE-04", function="finfo", wanted="a float type", found=dtype, fix="xp.iinfo for integers")
    info = float_info(dtype)
    eps, largest, least, normal = map(float, (info.eps, info.max, info.min, info.smallest_normal))
    return FloatInfo(dtype.itemsize * 8, eps, largest, least, normal, dtype)


def iinfo(type: Any, /) -> IntegerInfo:
    """An integer type, or an array of it ↦ its `bits`, `max`, `min`. Raises DTypeError for other types.

    >>> iinfo("u8").max
    255
    """
    dtype = type_of(type)
    if not is_integer(dtype):
        raise DTypeError("DTYPE-04", function="iinfo", wanted="an integer type", found=dtype, fix="xp.finfo for floats")
    info = np.iinfo(dtype)
    return IntegerInfo(info.bits, int(info.max), int(info.min), dtype)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether an element type is of a kind, which is a dtype, one of seven words, or a tuple of both.

    The words: "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric".

    >>> isdtype("bf16", "real floating"), isdtype("u8", ("bool", "signed integer"))
    (True, False)
    """
    found = dtype_of(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(found, one) for one in kind)
    if not isinstance(kind, str):
        return found == dtype_of(kind)
    kind = one_of("isdtype", "kind", kind, KINDS)
    return {
        "bool": found == BOOL,
        "signed integer": found.kind == "i",
        "unsigned integer": found.kind == "u",
        "integral": is_integer(found),
        "real floating": is_float(found),
        "complex floating": False,
        "numeric": found != BOOL,
    }[kind]


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The element type that operands share: arrays, dtypes and Python numbers, at least one.

    Within a kind it is the smallest type that holds both; integers give way to floats, and Python's numbers take part
    by their kind only. float16 with bfloat16 gives float32.

    Raises DTypeError for uint64 with a signed integer, for which there is no type.

    >>> result_type("i8", "u8"), result_type("f16", "bf16"), result_type("i64", "f16"), result_type("u8", 1.5)
    (dtype('int16'), dtype('float32'), dtype('float16'), dtype('float32'))
    """
    if not arrays_and_dtypes:
        raise UsageError("ARG-01", function="result_type", name="the list", value=(), wanted="at least one operand")
    operands = [operand(one) for one in arrays_and_dtypes]
    found = promoted_dtype(operands, "result_type")
    if any(isinstance(one, (Spec, Array)) for one in operands):
        return found
    return FLOAT32 if is_float(found) else found if found == BOOL else INT64


def operand(value: Any) -> Any:
    """An array, a Python number, or the spec of a dtype."""
    if isinstance(value, Array) or is_number(value):
        return value
    return asarray(value) if isinstance(value, np.ndarray) else Spec(dtype_of(value), ())


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether promotion leads from one type, or an array of it, to another: together they give the other.

    >>> can_cast("i8", "i32"), can_cast("f32", "f16"), can_cast("i64", "f32")
    (True, False, True)
    """
    try:
        return result_type(type_of(from_), dtype_of(to)) == dtype_of(to)
    except DTypeError:
        return False
