"""The functions that networks are made of, as compositions: relu, sigmoid, softmax, one-hot."""

from __future__ import annotations

from typing import Any

from mapsto.array.arithmetic import add, divide, maximum, minimum, stop_gradient, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal
from mapsto.array.convert import cast, one_float, strong
from mapsto.array.elementary import exp, log1p
from mapsto.array.manipulate import arange, axes_of, expand_dims
from mapsto.array.reduction import logsumexp, max, sum
from mapsto.array.trace import apply
from mapsto.core.check import whole_number
from mapsto.core.spec import FLOAT32, dtype_of
from mapsto.prims.elementary import Sigmoid


def relu(x: ArrayLike, /) -> Array:
    """max(0, x): 0 at 0, where its derivative is 0 as well."""
    return maximum(0, x)


def sigmoid(x: ArrayLike, /) -> Array:
    """1 / (1 + e⁻ˣ), from 0 to 1."""
    return apply(Sigmoid(), one_float(x))


def softplus(x: ArrayLike, /) -> Array:
    """log(1 + eˣ), above relu by at most log 2."""
    x = one_float(x)
    # log(1 + eˣ) = max(x, 0) + log(1 + e^-|x|). At 0 the two kinks cancel only if |x| and max take the same side there:
    # with abs, whose derivative at 0 is 0, the slope would be 1 instead of ½.
    positive = maximum(x, 0.0)
    return add(positive, log1p(exp(subtract(minimum(0.0, x), positive))))


def softmax(x: ArrayLike, /, *, axis: int = -1) -> Array:
    """eˣ / Σ eˣ along an axis: numbers of any size ↦ probabilities. Finite at ±10⁴; all -∞ gives NaN.

    >>> softmax([0.0, 0.0, -1e4])
    array([0.5, 0.5, 0. ], f32[3])
    """
    x = one_float(x)
    axes = axes_of("softmax", axis, x.ndim)
    grown = exp(subtract(x, stop_gradient(max(x, axis=axes, keepdims=True))))
    return divide(grown, sum(grown, axis=axes, keepdims=True))


def log_softmax(x: ArrayLike, /, *, axis: int = -1) -> Array:
    """log softmax(x), without forming the quotient."""
    x = one_float(x)
    axes = axes_of("log_softmax", axis, x.ndim)
    return subtract(x, logsumexp(x, axis=axes, keepdims=True))


def one_hot(labels: ArrayLike, classes: int, /, *, dtype: Any = FLOAT32) -> Array:
    """Integers `[…]` ↦ `[…, classes]`: 1 at the label, 0 elsewhere; a label out of range gives zeros.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], f32[2,3])
    """
    classes = whole_number("one_hot", "classes", classes, least=0)
    return cast(equal(expand_dims(strong(labels), axis=-1), arange(classes)), dtype_of(dtype))
