"""The parts of complex numbers, as real numbers have them: there are no complex element types here (note 0027).

Programs written for every array library call these; of real numbers they keep the type.
"""

from __future__ import annotations

from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import asarray
from mapsto.array.manipulate import zeros_like


def conj(x: ArrayLike, /) -> Array:
    """The complex conjugate of real numbers: x itself.

    >>> conj([1.0, -2.0])
    array([ 1., -2.], f32[2])
    """
    return asarray(x)


def real(x: ArrayLike, /) -> Array:
    """The real part of real numbers: x itself.

    >>> real([1, -2])
    array([ 1, -2], i64[2])
    """
    return asarray(x)


def imag(x: ArrayLike, /) -> Array:
    """The imaginary part of real numbers: 0 everywhere.

    >>> imag([1.0, -2.0])
    array([0., 0.], f32[2])
    """
    return zeros_like(x)
