"""The functions on arrays: `from mapsto import xp`.

Their names and arguments are those of the Python array API standard (2024.12), without complex numbers. Its extension
`linalg` is here, and of `fft` what needs none. Also `relu`, `softmax`, `erf` and their kin, which networks need and the
standard lacks.
"""

from __future__ import annotations

import sys
from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from mapsto.array.arithmetic import (
    abs,
    add,
    clip,
    divide,
    floor_divide,
    maximum,
    minimum,
    multiply,
    negative,
    positive,
    pow,
    reciprocal,
    remainder,
    rsqrt,
    sign,
    square,
    stop_gradient,
    subtract,
)
from mapsto.array.array import API_VERSIONS, FUNCTIONS
from mapsto.array.bits import (
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
)
from mapsto.array.blocks import dynamic_slice, dynamic_update
from mapsto.array.comparison import (
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    signbit,
    where,
)
from mapsto.array.components import conj, imag, real
from mapsto.array.convert import asarray, astype
from mapsto.array.cumulative import cumulative_max, cumulative_min, cumulative_prod, cumulative_sum
from mapsto.array.diagonals import diagonal, eye, trace, tril, triu
from mapsto.array.einsum import einsum
from mapsto.array.elementary import exp, expm1, hypot, log, log1p, log2, log10, sqrt
from mapsto.array.exchange import from_dlpack
from mapsto.array.functions import log_softmax, one_hot, relu, sigmoid, softmax, softplus
from mapsto.array.indexing import take, take_along_axis
from mapsto.array.inspection import __array_namespace_info__
from mapsto.array.linear import matmul, outer, tensordot, vecdot
from mapsto.array.manipulate import (
    arange,
    broadcast_to,
    concat,
    empty,
    empty_like,
    expand_dims,
    flip,
    full,
    full_like,
    linspace,
    matrix_transpose,
    moveaxis,
    ones,
    ones_like,
    permute_dims,
    reshape,
    squeeze,
    stack,
    unstack,
    zeros,
    zeros_like,
)
from mapsto.array.padding import pad
from mapsto.array.reduction import (
    all,
    any,
    argmax,
    argmin,
    count_nonzero,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from mapsto.array.repeats import broadcast_arrays, diff, meshgrid, repeat, roll, tile
from mapsto.array.rounding import ceil, copysign, floor, nextafter, round, trunc
from mapsto.array.scatter import put, put_add
from mapsto.array.searching import nonzero, searchsorted
from mapsto.array.sets import isin, unique_all, unique_counts, unique_inverse, unique_values
from mapsto.array.sorting import argsort, sort, top_k
from mapsto.array.special import erf, erfinv, logaddexp
from mapsto.array.trigonometric import acos, acosh, asin, asinh, atan, atan2, atanh, cos, cosh, sin, sinh, tan, tanh
from mapsto.array.types import can_cast, finfo, iinfo, isdtype, result_type
from mapsto.array.writable import writable
from mapsto.core.calls import explain_calls
from mapsto.core.names import answering
from mapsto.core.spec import DTYPES

newaxis = None
__array_api_version__ = API_VERSIONS[-1]

bool = DTYPES["bool"]
int8, int16, int32, int64 = (DTYPES[name] for name in ("i8", "i16", "i32", "i64"))
uint8, uint16, uint32, uint64 = (DTYPES[name] for name in ("u8", "u16", "u32", "u64"))
float16, bfloat16, float32, float64 = (DTYPES[name] for name in ("f16", "bf16", "f32", "f64"))


def __dir__() -> list[str]:
    return __all__


FUNCTIONS["namespace"] = lambda: sys.modules[__name__]

__all__ = [
    "__array_api_version__", "__array_namespace_info__", "abs", "acos", "acosh", "add", "all", "any", "arange",
    "argmax", "argmin", "argsort", "asarray", "asin", "asinh", "astype", "atan", "atan2", "atanh", "bfloat16",
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bool",
    "broadcast_arrays", "broadcast_to", "can_cast", "ceil", "clip", "concat", "conj", "copysign", "cos", "cosh",
    "count_nonzero", "cumulative_max", "cumulative_min", "cumulative_prod", "cumulative_sum", "diagonal", "diff",
    "divide", "dynamic_slice", "dynamic_update", "e", "einsum", "empty", "empty_like", "equal", "erf", "erfinv", "exp",
    "expand_dims", "expm1", "eye", "finfo", "flip", "float16", "float32", "float64", "floor", "floor_divide",
    "from_dlpack", "full", "full_like", "greater", "greater_equal", "hypot", "iinfo", "imag", "inf", "int16", "int32",
    "int64", "int8", "isdtype", "isfinite", "isin", "isinf", "isnan", "less", "less_equal", "linspace", "log", "log10",
    "log1p", "log2", "log_softmax", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp",
    "matmul", "matrix_transpose", "max", "maximum", "mean", "meshgrid", "min", "minimum", "moveaxis", "multiply", "nan",
    "negative", "newaxis", "nextafter", "nonzero", "not_equal", "one_hot", "ones", "ones_like", "outer", "pad",
    "permute_dims", "pi", "positive", "pow", "prod", "put", "put_add", "real", "reciprocal", "relu", "remainder",
    "repeat", "reshape", "result_type", "roll", "round", "rsqrt", "searchsorted", "sigmoid", "sign", "signbit", "sin",
    "sinh", "softmax", "softplus", "sort", "sqrt", "square", "squeeze", "stack", "std", "stop_gradient", "subtract",
    "sum", "take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "top_k", "trace", "tril", "triu", "trunc",
    "uint16", "uint32", "uint64", "uint8", "unique_all", "unique_counts", "unique_inverse", "unique_values", "unstack",
    "var", "vecdot", "where", "writable", "zeros", "zeros_like",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.xp", {"linalg": "mapsto.xp.linalg", "fft": "mapsto.xp.fft"})
    explain_calls("mapsto.xp", __all__, globals())
    __all__ += ["fft", "linalg"]  # these come when they are first asked for
else:
    from mapsto.xp import fft as fft
    from mapsto.xp import linalg as linalg
