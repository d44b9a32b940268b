"""First values of parameters that follow from their shape alone: (key, shape, dtype) ↦ array.

Those with settings, such as `normal(0.02)`, stand in `distributions`.
"""

from __future__ import annotations

import math
from typing import Any

from mapsto.array import manipulate
from mapsto.array.array import Array
from mapsto.array.random import normal, uniform
from mapsto.core.spec import DType, Shape


def fans(shape: Shape, groups: int = 1) -> tuple[int, int]:
    """Fan-in and fan-out of a weight `[…, in, out]`: how many inputs a unit has, and how many units have an input.

    The leading axes are a window, and multiply both. A kernel in groups holds the inputs of one group and the outputs
    of all, so with `groups` the fan-out is divided by them; initialisers see the shape alone, and count all outputs, as
    PyTorch does. Of an embedding, one row is read at a time: its fan-in is 1, not the vocabulary, so initialisers that
    divide by it make its rows far too small; `nn.Embedding` starts with `normal(1.0)`.

    >>> fans((3, 3, 16, 32)), fans((3, 3, 4, 32), groups=4)
    ((144, 288), (36, 72))
    """
    if len(shape) < 2:
        return max(math.prod(shape), 1), max(math.prod(shape), 1)
    window = math.prod(shape[:-2])
    return max(window * shape[-2], 1), max(window * shape[-1] // groups, 1)


def zeros(key: Array, shape: Shape, dtype: Any) -> Array:
    """(key, shape, dtype) ↦ f32[shape], 0 everywhere.

    >>> from mapsto import key, xp
    >>> zeros(key(0), (2,), xp.float32)
    array([0., 0.], f32[2])
    """
    return manipulate.zeros(shape, dtype=dtype)


def ones(key: Array, shape: Shape, dtype: Any) -> Array:
    """(key, shape, dtype) ↦ f32[shape], 1 everywhere.

    >>> from mapsto import key, xp
    >>> ones(key(0), (2,), xp.float32)
    array([1., 1.], f32[2])
    """
    return manipulate.ones(shape, dtype=dtype)


def glorot_uniform(key: Array, shape: Shape, dtype: DType) -> Array:
    """(key, shape, dtype) ↦ f32[shape], uniform within ±√(6 / (fan-in + fan-out)) (Glorot and Bengio, 2010).

    >>> from mapsto import key, xp
    >>> w = glorot_uniform(key(0), (400, 200), xp.float32)
    >>> round(float(xp.max(w)), 2), round(float(xp.min(w)), 2)  # √(6 / 600)
    (0.1, -0.1)
    """
    bound = math.sqrt(6.0 / sum(fans(shape)))
    return uniform(key, shape, -bound, bound, dtype=dtype)


def glorot_normal(key: Array, shape: Shape, dtype: DType) -> Array:
    """(key, shape, dtype) ↦ f32[shape], normal with variance 2 / (fan-in + fan-out) (Glorot and Bengio, 2010).

    >>> from mapsto import key, xp
    >>> round(float(xp.std(glorot_normal(key(0), (100, 100), xp.float32))), 2)  # √(2 / 200)
    0.1
    """
    return normal(key, shape, std=math.sqrt(2.0 / sum(fans(shape))), dtype=dtype)


def he_uniform(key: Array, shape: Shape, dtype: DType) -> Array:
    """(key, shape, dtype) ↦ f32[shape], uniform within ±√(6 / fan-in), for relu (He et al., 2015, arXiv:1502.01852).

    >>> from mapsto import key, xp
    >>> w = he_uniform(key(0), (600, 100), xp.float32)
    >>> round(float(xp.max(w)), 2), round(float(xp.min(w)), 2)  # √(6 / 600)
    (0.1, -0.1)
    """
    bound = math.sqrt(6.0 / fans(shape)[0])
    return uniform(key, shape, -bound, bound, dtype=dtype)


def he_normal(key: Array, shape: Shape, dtype: DType) -> Array:
    """(key, shape, dtype) ↦ f32[shape], normal with variance 2 / fan-in, for relu (He et al., 2015, arXiv:1502.01852).

    >>> from mapsto import key, xp
    >>> round(float(xp.std(he_normal(key(0), (200, 100), xp.float32))), 2)  # √(2 / 200)
    0.1
    """
    return normal(key, shape, std=math.sqrt(2.0 / fans(shape)[0]), dtype=dtype)


def lecun_uniform(key: Array, shape: Shape, dtype: DType) -> Array:
    """(key, shape, dtype) ↦ f32[shape], uniform within ±√(3 / fan-in), for selu (LeCun et al., 1998).

    >>> from mapsto import key, xp
    >>> w = lecun_uniform(key(0), (300, 100), xp.float32)
    >>> round(float(xp.max(w)), 2), round(float(xp.min(w)), 2)  # √(3 / 300)
    (0.1, -0.1)
    """
    bound = math.sqrt(3.0 / fans(shape)[0])
    return uniform(key, shape, -bound, bound, dtype=dtype)


def lecun_normal(key: Array, shape: Shape, dtype: DType) -> Array:
    """(key, shape, dtype) ↦ f32[shape], normal with variance 1 / fan-in, for selu (LeCun et al., 1998).

    >>> from mapsto import key, xp
    >>> round(float(xp.std(lecun_normal(key(0), (100, 200), xp.float32))), 2)  # √(1 / 100)
    0.1
    """
    return normal(key, shape, std=math.sqrt(1.0 / fans(shape)[0]), dtype=dtype)
