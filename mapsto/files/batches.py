"""Batches that a net is tried with, so different in their examples that what one takes from another shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mapsto.core.spec import Spec, is_float

Numbers = np.ndarray[Any, Any]

# Normal floats, then larger ones: what is mixed may vanish behind a relu or a softmax that is sure of itself.
SCALES = (1.0, 20.0)
# Beside much larger examples, or 0, one meets maxima that are not its own, and limits that others pass.
UNLIKE = (1.0, 30.0, 1.0, 10_000.0, 0.0)
TURNS = 2 * len(UNLIKE)
# Bytes below these; other integers may be indices of anything: 0 and 1 are in range, and more is tried, too.
BYTES = (1, 2, 20, 256)
INDICES = (1, 2, 10, 200)


def alike(spec: Spec, count: int) -> Iterator[Numbers]:
    """Batches of examples of one kind: normal floats, then larger ones; bytes from 0 to 255; other integers 0 and 1."""
    for scale in SCALES if is_float(spec.dtype) else SCALES[:1]:
        yield random_batch(spec, count, scale)


def unlike(spec: Spec, count: int) -> Iterator[Numbers]:
    """Batches of examples of unlike sizes; then, if they are floats, some that are infinite or no numbers."""
    random = np.random.default_rng(1)
    shape, column = (count, *spec.shape), (count, *(1 for _ in spec.shape))
    for turn in range(TURNS):
        if is_float(spec.dtype):
            scales = (
                np.resize(np.roll(UNLIKE, turn), count) if turn < len(UNLIKE) else 10 ** random.uniform(-3, 4, count)
            )
            yield (scales.reshape(column) * random.normal(size=shape)).astype(spec.dtype)
            continue
        limits = BYTES if spec.dtype == np.uint8 else INDICES[: 2 + turn // 4]
        limit = random.choice(limits, column)
        lowest = random.integers(0, 2, column) * (256 - limit) if spec.dtype == np.uint8 else 0
        yield (lowest + random.integers(0, np.broadcast_to(limit, shape))).astype(spec.dtype)
    for wrong in (np.nan, np.inf, -np.inf) if is_float(spec.dtype) else ():
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
