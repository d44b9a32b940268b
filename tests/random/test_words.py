"""The words themselves: split keys do not know of each other, and no lattice shows in few dimensions."""

import numpy as np
from scipy import stats

import mapsto as mt
from mapsto import xp

LUCK = 1e-5
KEY = mt.key(99)


def cells(points: np.ndarray, side: int) -> float:
    """The chi-square test of points of a unit cube over side^d cells."""
    dimensions = points.shape[-1]
    place = (points * side).astype(np.int64) @ side ** np.arange(dimensions)
    return float(stats.chisquare(np.bincount(place, minlength=side**dimensions)).pvalue)


def test_low_dimensions() -> None:
    """Pairs, triples and quadruples of successive numbers fill their cubes evenly, and finely."""
    for dtype in (xp.float32, xp.float64):
        numbers = np.asarray(mt.random.uniform(KEY, (240_000,), dtype=dtype), np.float64)
        for dimensions, side in ((2, 100), (3, 22), (4, 10)):
            assert cells(numbers.reshape(-1, dimensions), side) > LUCK
        assert cells(np.stack([numbers[:-100], numbers[100:]], -1), 100) > LUCK


def test_split_keys_are_independent() -> None:
    """Neighbouring keys, folds and seeds: their numbers at one place fill the cube, and do not correlate."""
    keys = mt.split(KEY, 120_000)
    numbers = np.asarray(mt.vmap(lambda key: mt.random.uniform(key, (2,)))(keys), np.float64)
    assert cells(numbers, 60) > LUCK
    assert cells(np.stack([numbers[:-1, 0], numbers[1:, 0]], -1), 60) > LUCK
    samples = np.stack(
        [np.asarray(mt.random.normal(key, (100_000,))) for key in (*mt.split(KEY, 4), mt.key(100), mt.key(98))]
    )
    off = np.corrcoef(samples)[np.triu_indices(6, 1)]
    assert np.abs(off).max() < 5 / np.sqrt(100_000)


def test_every_bit_is_even() -> None:
    words = np.asarray(mt.fold(KEY, xp.arange(100_000)))
    for word in (words[:, 0], words[:, 1]):
        ones = np.unpackbits(np.ascontiguousarray(word).view(np.uint8)).reshape(len(word), 32).sum(0, dtype=np.int64)
        assert np.abs(ones - 50_000).max() < 5 * np.sqrt(25_000)
