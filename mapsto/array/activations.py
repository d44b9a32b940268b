"""The activations of networks as functions of arrays, beyond `relu`, `sigmoid`, `softplus` and `softmax`.

`mapsto.nn` has each as a mapping. All of them propagate NaN and are finite, with a finite slope, for finite numbers;
those that multiply x by something that vanishes give NaN at -∞, as 0·∞ does. Where a function has a kink its docstring
states the slope there.
"""

from __future__ import annotations

import math

from mapsto.array.arithmetic import abs, clip, divide, maximum, minimum, multiply, negative
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import greater, where
from mapsto.array.convert import one_float, strong
from mapsto.array.elementary import expm1
from mapsto.array.functions import relu, sigmoid, softplus
from mapsto.array.indexing import getitem
from mapsto.array.manipulate import axis_of
from mapsto.array.special import erf
from mapsto.array.trigonometric import tanh
from mapsto.core.errors import ShapeError

# Klambauer et al., 2017, equation 14: with them, normal numbers of mean 0 and variance 1 keep both.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def leaky_relu(x: ArrayLike, /, *, slope: float = 0.01) -> Array:
    """x above 0, slope·x below; at 0 the derivative is `slope`. Maas et al., 2013, ICML workshop.

    >>> leaky_relu([-2.0, 3.0], slope=0.25)
    array([-0.5,  3. ], f32[2])
    """
    x = one_float(x)
    return where(greater(x, 0.0), x, multiply(x, slope))


def relu6(x: ArrayLike, /) -> Array:
    """min(max(0, x), 6); the derivative is 0 at 0 and at 6. Krizhevsky, 2010.

    >>> relu6([-1.0, 2.0, 8.0])
    array([0., 2., 6.], f32[3])
    """
    return minimum(6, relu(x))


def elu(x: ArrayLike, /, *, alpha: float = 1.0) -> Array:
    """x above 0, alpha·(eˣ − 1) below; at 0 the derivative is `alpha`. Clevert et al., 2015, arXiv:1511.07289.

    >>> elu([-100.0, 3.0], alpha=0.5)
    array([-0.5,  3. ], f32[2])
    """
    x = one_float(x)
    # Of large x the exponential would overflow, and 0·∞ is what `where` would let into the derivative.
    return where(greater(x, 0.0), x, multiply(expm1(minimum(x, 0.0)), alpha))


def selu(x: ArrayLike, /) -> Array:
    """1.0507·elu(x, alpha=1.6733), which keeps mean 0 and variance 1 from layer to layer (with `nn.lecun_normal`).

    At 0 the derivative is 1.7581, that from below. Klambauer et al., 2017, arXiv:1706.02515.

    >>> round(float(selu(1.0)), 5), round(float(selu(-100.0)), 5)
    (1.0507, -1.7581)
    """
    return multiply(elu(x, alpha=SELU_ALPHA), SELU_SCALE)


def celu(x: ArrayLike, /, *, alpha: float = 1.0) -> Array:
    """x above 0, alpha·(e^(x/alpha) − 1) below, without a kink. Barron, 2017, arXiv:1704.07483.

    >>> celu([-100.0, 3.0], alpha=2.0)
    array([-2.,  3.], f32[2])
    """
    x = one_float(x)
    return where(greater(x, 0.0), x, multiply(expm1(divide(minimum(x, 0.0), alpha)), alpha))


def gelu(x: ArrayLike, /) -> Array:
    """x·Φ(x), Φ being the normal distribution's: x·(1 + erf(x/√2))/2. Hendrycks and Gimpel, 2016, arXiv:1606.08415.

    >>> round(float(gelu(1.0)), 5), round(float(gelu(-1.0)), 5)
    (0.84134, -0.15866)
    """
    x = one_float(x)
    return x * 0.5 * (erf(x * math.sqrt(0.5)) + 1.0)


def gelu_tanh(x: ArrayLike, /) -> Array:
    """x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2, within 0.0005 of `gelu`. Same paper, section 2.

    >>> round(float(gelu_tanh(1.0)), 5), round(float(gelu_tanh(-1.0)), 5)
    (0.84119, -0.15881)
    """
    x = one_float(x)
    near = clip(x, -10.0, 10.0)  # tanh is ±1 to the last bit there, and x³ cannot overflow
    inner = (near + 0.044715 * near * near * near) * math.sqrt(2.0 / math.pi)
    return x * 0.5 * (tanh(inner) + 1.0)


def silu(x: ArrayLike, /) -> Array:
    """x·sigmoid(x), also called swish. Ramachandran et al., 2017, arXiv:1710.05941.

    >>> round(float(silu(1.0)), 5), round(float(silu(-1.0)), 5)
    (0.73106, -0.26894)
    """
    x = one_float(x)
    return x * sigmoid(x)


def mish(x: ArrayLike, /) -> Array:
    """x·tanh(softplus(x)). Misra, 2019, arXiv:1908.08681.

    >>> round(float(mish(1.0)), 5), round(float(mish(-1.0)), 5)
    (0.8651, -0.3034)
    """
    x = one_float(x)
    return x * tanh(softplus(x))


def softsign(x: ArrayLike, /) -> Array:
    """x / (1 + |x|), from −1 to 1. Turian et al., 2009, doi:10.1145/1572364.

    >>> softsign([-1.0, 0.0, 3.0])
    array([-0.5 ,  0.  ,  0.75], f32[3])
    """
    x = one_float(x)
    return x / (abs(x) + 1.0)


def log_sigmoid(x: ArrayLike, /) -> Array:
    """log sigmoid(x) = −softplus(−x), without forming the quotient.

    >>> float(log_sigmoid(-1000.0)), round(float(log_sigmoid(0.0)), 5)
    (-1000.0, -0.69315)
    """
    return negative(softplus(negative(one_float(x))))


def hard_sigmoid(x: ArrayLike, /) -> Array:
    """relu6(x + 3) / 6, from 0 to 1; the derivative is 0 at −3 and 3. Howard et al., 2019, arXiv:1905.02244.

    >>> hard_sigmoid([-4.0, 0.0, 1.5])
    array([0.  , 0.5 , 0.75], f32[3])
    """
    return relu6(one_float(x) + 3.0) / 6.0


def hard_tanh(x: ArrayLike, /) -> Array:
    """x, but not below −1 nor above 1; the derivative is 0 at both. Collobert, 2004.

    >>> hard_tanh([-4.0, 0.25, 1.5])
    array([-1.  ,  0.25,  1.  ], f32[3])
    """
    return maximum(-1.0, minimum(1.0, one_float(x)))


def hard_swish(x: ArrayLike, /) -> Array:
    """x·hard_sigmoid(x); the derivative is 0 at −3 and 1 at 3. Howard et al., 2019, arXiv:1905.02244.

    >>> hard_swish([0.0, 1.5, 4.0])
    array([0.   , 1.125, 4.   ], f32[3])
    """
    x = one_float(x)
    return x * hard_sigmoid(x)


def glu(x: ArrayLike, /, *, axis: int = -1) -> Array:
    """a·sigmoid(b) of the two halves a, b of an axis: `[…, 2k] ↦ […, k]`. Dauphin et al., 2016, arXiv:1612.08083.

    Raises ShapeError if the axis has an odd extent.

    >>> glu([[1.0, 2.0, 0.0, 100.0]])
    array([[0.5, 2. ]], f32[1,2])
    """
    x = strong(one_float(x))
    axis = axis_of("glu", axis, x.ndim)
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise ShapeError("ACT-02", axis=axis, extent=x.shape[axis], operands=(("x", x.spec, ""),), fix=GLU_FIX)
    before = (slice(None),) * axis
    value, gate = getitem(x, (*before, slice(0, half))), getitem(x, (*before, slice(half, None)))
    return value * sigmoid(gate)


GLU_FIX = "make twice as many features as come out: nn.Dense(2 * k) >> nn.glu"
