"""Windows of pictures: from the middle, from anywhere while training, mirrored by chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.comparison import where
from mapsto.array.convert import astype
from mapsto.array.indexing import take
from mapsto.array.manipulate import arange, expand_dims, flip, reshape
from mapsto.array.padding import pad as pad_array
from mapsto.array.random import bernoulli, fold, uniform
from mapsto.array.rounding import floor
from mapsto.core.check import real_number, whole_number
from mapsto.core.errors import ShapeError
from mapsto.core.spec import INT64
from mapsto.image.checks import PictureMapping, pictures, size_of
from mapsto.transform.vmap import vmap


class CenterCrop(PictureMapping):
    """[n, h, w, c] ↦ [n, height, width, c], from the middle. See `center_crop`."""

    size: tuple[int, int]

    def __call__(self, x: Any) -> Array:
        return middle("center_crop", pictures("center_crop", x), self.size)


def center_crop(size: int | tuple[int, int]) -> CenterCrop:
    """Pictures [n, h, w, c] ↦ [n, height, width, c], cut from the middle; an odd rest falls to the bottom and right.

    Raises UsageError (ARG-01) for another size; ShapeError for what is no batch (IMAGE-06) or is smaller (IMAGE-08).

    >>> center_crop(1)([[[[1], [2], [3]]]]).reshape(1)
    array([2], i64[1])
    """
    return CenterCrop(size_of("center_crop", size))


class Pad(PictureMapping):
    """[n, h, w, c] ↦ [n, h + 2 · rows, w + 2 · columns, c], zeros around. See `pad`."""

    widths: tuple[int, int]

    def __call__(self, x: Any) -> Array:
        rows, columns = self.widths
        return pad_array(pictures("pad", x), ((0, 0), (rows, rows), (columns, columns), (0, 0)))


def pad(width: int | tuple[int, int]) -> Pad:
    """Pictures [n, h, w, c] ↦ the same with `width` zeros on each side, or (above and below, left and right).

    Raises UsageError (ARG-01) for another width; ShapeError (IMAGE-06) for what is no batch.

    >>> pad((0, 1))([[[[7]]]]).reshape(3)
    array([0, 7, 0], i64[3])
    """
    pair = width if isinstance(width, tuple) and len(width) == 2 else (width, width)
    rows, columns = (whole_number("pad", "width", one, least=0) for one in pair)
    return Pad((rows, columns))


class RandomCrop(PictureMapping):
    """[n, h, w, c] ↦ [n, height, width, c], from anywhere in training. See `random_crop`."""

    size: tuple[int, int]
    padding: int

    def __call__(self, x: Any) -> Array:
        x = pictures("random_crop", x)
        # The middle of the padded picture is the middle of the picture, if the window fits into it.
        fits = x.shape[1] >= self.size[0] and x.shape[2] >= self.size[1]
        return middle("random_crop", x if fits else Pad((self.padding, self.padding))(x), self.size)

    def training(self, key: Array, x: Any) -> tuple[Array, RandomCrop]:
        x = Pad((self.padding, self.padding))(pictures("random_crop", x))
        shifts = [
            astype(floor(uniform(fold(key, axis), (x.shape[0],)) * (room + 1)), INT64)
            for axis, room in enumerate(rooms("random_crop", x, self.size))
        ]
        rows, columns = (
            expand_dims(shift, axis=1) + arange(extent) for shift, extent in zip(shifts, self.size, strict=True)
        )
        return vmap(window)(x, rows, columns), self


def window(picture: Array, rows: Array, columns: Array) -> Array:
    """Some rows and columns of one picture."""
    return take(take(picture, rows, axis=0), columns, axis=1)


def random_crop(size: int | tuple[int, int], padding: int = 0) -> RandomCrop:
    """Pictures [n, h, w, c] ↦ [n, height, width, c]: in training a window from anywhere, else from the middle.

    Each picture of a batch has a place of its own, all equally likely, after `padding` zeros were put on each side.
    With `random_crop(32, padding=4)` pictures of 32 × 32 are shifted by up to 4 pixels, and stay as they are in
    evaluation.

    Raises UsageError (ARG-01) for other numbers; ShapeError for what is no batch (IMAGE-06) or too small (IMAGE-08).

    >>> from mapsto import key, training
    >>> shift = random_crop(2, padding=1)
    >>> shift([[[[1], [2]], [[3], [4]]]]).reshape(4)
    array([1, 2, 3, 4], i64[4])
    >>> training(shift)(key(1), [[[[1], [2]], [[3], [4]]]])[0].shape
    (1, 2, 2, 1)
    """
    return RandomCrop(size_of("random_crop", size), whole_number("random_crop", "padding", padding, least=0))


class RandomFlip(PictureMapping):
    """x ↦ x; in training each picture is mirrored with probability `p`. See `random_flip`."""

    p: float

    def __call__(self, x: Any) -> Array:
        return pictures("random_flip", x)

    def training(self, key: Array, x: Any) -> tuple[Array, RandomFlip]:
        x = pictures("random_flip", x)
        chosen = reshape(bernoulli(key, self.p, (x.shape[0],)), (x.shape[0], 1, 1, 1))
        return where(chosen, flip(x, axis=2), x), self


def random_flip(p: float = 0.5) -> RandomFlip:
    """Pictures [n, h, w, c] ↦ the same; in training each is mirrored left to right with probability `p`.

    Raises UsageError (ARG-01) unless 0 ≤ p ≤ 1; ShapeError (IMAGE-06) for what is no batch.

    >>> from mapsto import key, training
    >>> training(random_flip(1.0))(key(0), [[[[1], [2]]]])[0].reshape(2)
    array([2, 1], i64[2])
    """
    return RandomFlip(real_number("random_flip", "p", p, least=0, most=1))


def middle(function: str, x: Array, size: tuple[int, int]) -> Array:
    """The middle of every picture of a batch. Raises ShapeError (IMAGE-08)."""
    top, left = (room // 2 for room in rooms(function, x, size))
    return x[:, top : top + size[0], left : left + size[1], :]


def rooms(function: str, x: Array, size: tuple[int, int]) -> tuple[int, int]:
    """How far a window can move down and to the right. Raises ShapeError (IMAGE-08)."""
    rows, columns = (int(np.subtract(x.shape[1 + i], size[i])) for i in range(2))
    if min(rows, columns) < 0:
        window, found = (f"{height} × {width}" for height, width in (size, x.shape[1:3]))
        fix = "resize or pad them first, or use a smaller window"
        raise ShapeError("IMAGE-08", function=function, window=window, found=found, fix=fix)
    return rows, columns
