"""Between mapsto's layouts (channels last) and those of PyTorch and ONNX (channels first)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from bench.networks import Row, layers_of

Extents = tuple[int, ...]


def flattened_from(row: Row) -> dict[str, Extents]:
    """A row ↦ its dense layers that follow a flattening: their paths and [height, width, channels] before it.

    >>> from bench.networks import ROWS
    >>> flattened_from(ROWS["cnn-32"]), flattened_from(ROWS["dense-32"])
    ({'dense_1': (4, 4, 64)}, {})
    """
    pairs = pairwise(layers_of(row))
    return {after.path: layer.before for layer, after in pairs if layer.kind == "flatten"}


def channels_first(path: str, array: np.ndarray, flat: dict[str, Extents]) -> np.ndarray:
    """[kh, kw, in, out] ↦ [out, in, kh, kw]; [in, out] ↦ [out, in], the inputs of a flattened picture reordered."""
    before = flat.get(path.rpartition(".")[0])
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    if before and array.ndim == 2:
        return array.reshape(*before, -1).transpose(3, 2, 0, 1).reshape(array.shape[1], -1)
    return array.T


def channels_last(path: str, array: np.ndarray, flat: dict[str, Extents]) -> np.ndarray:
    """The inverse of `channels_first`."""
    before = flat.get(path.rpartition(".")[0])
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    if before and array.ndim == 2:
        height, width, channels = before
        return array.reshape(-1, channels, height, width).transpose(2, 3, 1, 0).reshape(-1, array.shape[0])
    return array.T
