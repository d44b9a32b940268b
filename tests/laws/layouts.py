"""The same numbers in other places of memory, as users hand them over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.laws.samples import Array


def transposed(x: Array) -> Array:
    """Axes lie in opposite order."""
    return np.ascontiguousarray(x.T).T


def backwards(x: Array) -> Array:
    """All strides are negative."""
    every = (..., *[slice(None, None, -1)] * x.ndim)
    return np.ascontiguousarray(x[every])[every]


def spread(x: Array) -> Array:
    """With gaps between the elements of every axis."""
    wide = np.zeros(tuple(2 * extent for extent in x.shape), x.dtype)
    view = wide[(..., *[slice(None, None, 2)] * x.ndim)]
    view[...] = x
    return view


def shifted(x: Array) -> Array:
    """At an address that is no multiple of the element's size."""
    memory = np.zeros(x.nbytes + 1, np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "transposed": transposed,
    "backwards": backwards,
    "spread": spread,
    "shifted": shifted,
}


def repeated(x: Array) -> Array:
    """The first element of every axis, everywhere: all strides are 0."""
    return np.broadcast_to(x[(..., *[slice(0, 1)] * x.ndim)], x.shape)
