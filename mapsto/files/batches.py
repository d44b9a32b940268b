"""Batches that a net is tried with, so different in their examples that what one takes from another shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mapsto.core.spec import Spec, is_float

Numbers = np.ndarray[Any, Any]

# Normal floats, then larger ones: what is mixed may vanish behind a relu or a softmax that is sure of itself.
SCALES = (1.0, 20.0)
# One example beside much larger ones, or 0: it meets maxima that are not its own, and limits that others pass.
UNLIKE = (1.0, 30.0, 1.0, 10_000.0, 0.0)
# Integers may be indices of anything, of which 0 and 1 are always in range; the others are tried, too.
RANGES = (2, 10, 200)


def alike(spec: Spec, count: int) -> Iterator[Numbers]:
    """Batches of examples of one kind: normal floats, then larger ones; bytes from 0 to 255; other integers 0 and 1."""
    for scale in SCALES if is_float(spec.dtype) else SCALES[:1]:
        yield random_batch(spec, count, scale)


def unlike(spec: Spec, count: int) -> Iterator[Numbers]:
    """Batches of examples of unlike sizes, the same for each place; then some that are infinite or no numbers."""
    random = np.random.default_rng(1)
    shape = (count, *spec.shape)
    for turn in range(len(UNLIKE)):
        scales = np.resize(np.roll(UNLIKE, turn), count).reshape(-1, *(1 for _ in spec.shape))
        if is_float(spec.dtype):
            yield (scales * random.normal(size=shape)).astype(spec.dtype)
        elif spec.dtype == np.uint8:
            yield np.where(scales == 1, random.integers(0, 256, shape), np.minimum(scales, 255)).astype(spec.dtype)
        elif spec.dtype == np.bool_:
            yield np.where(scales == 1, random.integers(0, 2, shape), scales > 1).astype(spec.dtype)
        elif turn < len(RANGES):
            most = np.where(scales == 1, 2, RANGES[turn])
            yield random.integers(0, np.broadcast_to(most, shape)).astype(spec.dtype)
    if is_float(spec.dtype):
        for wrong in (np.nan, np.inf, -np.inf):
            x = random.normal(size=shape)
            x[1::2] = wrong
            yield x.astype(spec.dtype)


def random_batch(spec: Spec, count: int, scale: float = 1.0) -> Numbers:
    """Normal floats times `scale`; bytes from 0 to 255; other integers 0 and 1, which are indices of anything."""
    random = np.random.default_rng(0)
    shape = (count, *spec.shape)
    if is_float(spec.dtype):
        return (scale * random.normal(size=shape)).astype(spec.dtype)
    return random.integers(0, 256 if spec.dtype == np.uint8 else 2, shape).astype(spec.dtype)
