"""The functions on arrays: `from mapsto import xp`.

Their names and arguments are those of the Python array API standard (2024.12), of which much is not here yet. Also
`relu`, `softmax` and their kin, which networks need and the standard lacks.
"""

from __future__ import annotations

import sys
from math import e, inf, nan, pi

from mapsto.array.arithmetic import (
    abs,
    add,
    bitwise_and,
    bitwise_invert,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    ceil,
    clip,
    cos,
    divide,
    equal,
    exp,
    expm1,
    floor,
    floor_divide,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    positive,
    pow,
    remainder,
    round,
    sign,
    sin,
    sqrt,
    square,
    stop_gradient,
    subtract,
    tanh,
    where,
)
from mapsto.array.array import FUNCTIONS, Array
from mapsto.array.convert import asarray, astype
from mapsto.array.functions import log_softmax, one_hot, relu, sigmoid, softmax, softplus
from mapsto.array.indexing import take, take_along_axis
from mapsto.array.linear import einsum, matmul, outer, tensordot, vecdot
from mapsto.array.manipulate import (
    arange,
    broadcast_to,
    concat,
    expand_dims,
    eye,
    flip,
    full,
    full_like,
    linspace,
    matrix_transpose,
    moveaxis,
    ones,
    ones_like,
    pad,
    permute_dims,
    reshape,
    squeeze,
    stack,
    zeros,
    zeros_like,
)
from mapsto.array.reduction import (
    all,
    any,
    argmax,
    argmin,
    argsort,
    logsumexp,
    max,
    mean,
    min,
    prod,
    sort,
    std,
    sum,
    var,
)
from mapsto.core.spec import DTYPES

newaxis = None

bool = DTYPES["bool"]
int8, int16, int32, int64 = (DTYPES[name] for name in ("i8", "i16", "i32", "i64"))
uint8, uint16, uint32, uint64 = (DTYPES[name] for name in ("u8", "u16", "u32", "u64"))
float16, float32, float64 = (DTYPES[name] for name in ("f16", "f32", "f64"))


def from_dlpack(x: object, /) -> Array:
    """Another library's array on the processor ↦ an array, copied."""
    return asarray(x)


def __dir__() -> list[str]:
    return __all__


FUNCTIONS["namespace"] = lambda: sys.modules[__name__]

__all__ = [
    "abs", "add", "all", "any", "arange", "argmax", "argmin", "argsort", "asarray", "astype", "bitwise_and",
    "bitwise_invert", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bool", "broadcast_to", "ceil", "clip",
    "concat", "cos", "divide", "e", "einsum", "equal", "exp", "expand_dims", "expm1", "eye", "flip", "float16",
    "float32", "float64", "floor", "floor_divide", "from_dlpack", "full", "full_like", "greater", "greater_equal",
    "inf", "int8", "int16", "int32", "int64", "isfinite", "isinf", "isnan", "less", "less_equal", "linspace", "log",
    "log1p", "log_softmax", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "matmul",
    "matrix_transpose", "max", "maximum", "mean", "min", "minimum", "moveaxis", "multiply", "nan", "negative",
    "newaxis", "not_equal", "one_hot", "ones", "ones_like", "outer", "pad", "permute_dims", "pi", "positive", "pow",
    "prod", "relu", "remainder", "reshape", "round", "sigmoid", "sign", "sin", "softmax", "softplus", "sort", "sqrt",
    "square", "squeeze", "stack", "std", "stop_gradient", "subtract", "sum", "take", "take_along_axis", "tanh",
    "tensordot", "uint8", "uint16", "uint32", "uint64", "var", "vecdot", "where", "zeros", "zeros_like",
]  # fmt: skip
