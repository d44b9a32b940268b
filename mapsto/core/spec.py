"""What an array looks like without its numbers: element type and shape, `f32[3,4]`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, cast

import ml_dtypes
import numpy as np

from mapsto.core.errors import DTypeError, ShapeError

Shape = tuple[int, ...]
DType = np.dtype[Any]

DTYPES: dict[str, DType] = {
    "bool": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "u8": np.dtype(np.uint8),
    "u16": np.dtype(np.uint16),
    "u32": np.dtype(np.uint32),
    "u64": np.dtype(np.uint64),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}
SHORT_NAMES: dict[DType, str] = {dtype: name for name, dtype in DTYPES.items()}
BOOL, INT64, UINT32, FLOAT32, FLOAT64 = (DTYPES[name] for name in ("bool", "i64", "u32", "f32", "f64"))
FLOAT16, BFLOAT16 = DTYPES["f16"], DTYPES["bf16"]
SPEC = re.compile(r"([a-z0-9]+)(\*?)\[((?:EXTENT(?:,EXTENT)*)?)\]".replace("EXTENT", "(?:0|[1-9][0-9]*)"))
LARGEST_ARRAY = 2**62  # bytes; below it, no product of extents and item size overflows 64 bits


def dtype_of(dtype: Any) -> DType:
    """A dtype, its NumPy or short name, or a Python type ↦ the dtype.

    >>> dtype_of("f32"), dtype_of(bool)
    (dtype('float32'), dtype('bool'))

    Raises DTypeError for anything an array here cannot hold.
    """
    if isinstance(dtype, str) and dtype in DTYPES:
        return DTYPES[dtype]
    try:
        found = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        found = None
    if found is None or found not in SHORT_NAMES:
        raise DTypeError("DTYPE-01", dtype=str(dtype), fix="use one of " + ", ".join(DTYPES))
    return found


def is_float(dtype: DType) -> bool:
    """Whether the numbers have fractions; NumPy calls bfloat16 of kind "V", so nobody asks for the kind elsewhere."""
    return dtype.kind == "f" or dtype == BFLOAT16


def is_integer(dtype: DType) -> bool:
    return dtype.kind in "iu"


def is_half(dtype: DType) -> bool:
    """Whether the type has 16 bits and fractions. Sums of such numbers are formed in float32 and rounded once."""
    return dtype in (FLOAT16, BFLOAT16)


def float_info(dtype: DType) -> Any:
    """Precision and range of a float type: `eps`, `max`, `min`, `smallest_normal`, `smallest_subnormal`, `nmant`.

    >>> int(float_info(BFLOAT16).nmant)
    7
    """
    return cast(Any, ml_dtypes.finfo(dtype))


@dataclass(frozen=True, slots=True)
class Spec:
    """Element type and shape of an array; `weak` marks a traced Python number, which takes the type it meets.

    >>> print(Spec(FLOAT32, (3, 4)), Spec(FLOAT32, (), weak=True))
    f32[3,4] f32*[]
    """

    dtype: DType
    shape: Shape
    weak: bool = False

    def __post_init__(self) -> None:
        # A zero elsewhere does not excuse an absurd extent: strides would still overflow.
        total = self.dtype.itemsize
        for extent in self.shape:
            if extent < 0 or extent >= LARGEST_ARRAY:
                raise ShapeError("SHAPE-01", shape=self.shape, fix="extents are 0 or more and must fit in memory")
            total *= max(extent, 1)
        if total >= LARGEST_ARRAY:
            raise ShapeError("SHAPE-01", shape=self.shape, fix="extents are 0 or more and must fit in memory")

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes the elements take."""
        return self.size * self.dtype.itemsize

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __str__(self) -> str:
        extents = ",".join(map(str, self.shape))
        return f"{SHORT_NAMES[self.dtype]}{'*' if self.weak else ''}[{extents}]"


def parse_spec(text: str) -> Spec:
    """The printed form of a spec ↦ the spec.

    >>> parse_spec("u8[28,28,1]").shape
    (28, 28, 1)
    """
    match = re.fullmatch(SPEC, text.strip())
    if match is None or match[1] not in DTYPES:
        raise DTypeError("DTYPE-02", text=text, fix="write it as f32[3,4]; types are " + ", ".join(DTYPES))
    shape = tuple(int(extent) for extent in match[3].split(",") if extent)
    return Spec(DTYPES[match[1]], shape, weak=match[2] == "*")
