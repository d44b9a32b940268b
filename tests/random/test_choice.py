"""Choices, classes and whole numbers within bounds: right proportions, and the ends of every type."""

import numpy as np
import pytest
from scipy import stats

import mapsto as mt
from mapsto import random, xp
from mapsto.array.random import bits

KEY = mt.key(8)
LUCK = 1e-5
WEIGHTS = np.array([1.0, 2.0, 0.0, 3.0, 4.0])


def fits(found: object, weights: np.ndarray) -> bool:
    counts = np.bincount(np.asarray(found).reshape(-1), minlength=len(weights))
    assert (counts[weights == 0] == 0).all()
    wanted = weights[weights > 0] / weights.sum() * counts.sum()
    return stats.chisquare(counts[weights > 0], wanted).pvalue > LUCK


def test_categorical() -> None:
    with np.errstate(divide="ignore"):
        logits = np.log(WEIGHTS)
    assert fits(random.categorical(KEY, logits, (100_000,)), WEIGHTS)
    assert fits(random.categorical(KEY, logits + 700, (100_000,)), WEIGHTS)
    rows = xp.asarray(np.stack([logits, logits[::-1]]))
    found = random.categorical(KEY, rows, (50_000, 2))
    assert fits(found[:, 0], WEIGHTS) and fits(found[:, 1], WEIGHTS[::-1])
    assert random.categorical(KEY, rows).shape == (2,)
    assert random.categorical(KEY, np.zeros((2, 5)), axis=0).shape == (5,)
    assert random.categorical(KEY, np.zeros((0, 3))).shape == (0,)
    assert random.categorical(KEY, [0.0], (4,)).tolist() == [0] * 4


def test_choice_with_weights() -> None:
    assert fits(random.choice(KEY, 5, (100_000,), WEIGHTS), WEIGHTS)
    assert fits(random.choice(KEY, 5, (100_000,)), np.ones(5))
    assert fits(random.choice(KEY, 5, (100_000,), WEIGHTS * 1e300), WEIGHTS)
    many = np.arange(1, 1001.0)
    assert fits(random.choice(KEY, 1000, (200_000,), many), many)


def test_choice_without_replacement() -> None:
    """The first two of three: 1 then 2 has the chance w₁/1 · w₂/(1 - w₁)."""
    weights = np.array([0.5, 0.3, 0.2])
    draw = mt.vmap(lambda key: random.choice(key, 3, (2,), weights, replace=False))
    pairs = np.asarray(draw(mt.split(KEY, 60_000)))
    chances = {(a, b): weights[a] * weights[b] / (1 - weights[a]) for a in range(3) for b in range(3) if a != b}
    counts = [int((pairs == pair).all(-1).sum()) for pair in chances]
    assert sum(counts) == 60_000
    assert stats.chisquare(counts, np.array(list(chances.values())) * 60_000).pvalue > LUCK
    found = random.choice(KEY, xp.arange(10.0), (10,), replace=False)
    assert sorted(found.tolist()) == list(range(10))
    assert sorted(random.choice(KEY, 5, (4,), WEIGHTS, replace=False).tolist()) == [0, 1, 3, 4]


def test_choice_of_rows() -> None:
    rows = xp.reshape(xp.arange(12), (4, 3))
    found = np.asarray(random.choice(KEY, rows, (2, 5)))
    assert found.shape == (2, 5, 3)
    assert (found[..., 1] - found[..., 0] == 1).all() and (found[..., 0] % 3 == 0).all()
    assert random.choice(KEY, rows).shape == (3,)
    assert random.choice(KEY, rows, (0,)).shape == (0, 3)
    assert random.choice(KEY, 0, (0,)).shape == (0,)


def test_permutations_are_all_alike() -> None:
    orders = np.asarray(mt.vmap(lambda key: mt.random.permutation(key, 4))(mt.split(KEY, 48_000)))
    assert (np.sort(orders, -1) == np.arange(4)).all()
    counts = np.unique(orders @ [64, 16, 4, 1], return_counts=True)[1]
    assert len(counts) == 24 and stats.chisquare(counts).pvalue > LUCK


@pytest.mark.parametrize("name", "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split())
def test_randint_of_whole_types(name: str) -> None:
    """The whole range of every type, whose ends are within reach and nothing beyond."""
    info = np.iinfo(name)
    low, high = int(info.min), int(info.max)
    found = np.asarray(random.randint(KEY, low, high + 1, (100_000,), dtype=name))
    assert found.dtype == np.dtype(name)
    place = (found.astype(np.float64) - low) / (float(high) - low)
    assert stats.kstest(place, "uniform").pvalue > LUCK or info.bits == 8
    if info.bits == 8:
        assert stats.chisquare(np.unique(found, return_counts=True)[1]).pvalue > LUCK
    assert random.randint(KEY, high, high + 1, (3,), dtype=name).tolist() == [high] * 3
    assert random.randint(KEY, low, low + 1, (3,), dtype=name).tolist() == [low] * 3


def test_randint_has_no_modulo_bias() -> None:
    """Of 3·2⁶² numbers a word of 64 bits modulo that would give the lowest quarter twice as often."""
    found = np.asarray(random.randint(KEY, 0, 3 * 2**62, (90_000,), dtype=xp.uint64))
    assert stats.chisquare(np.bincount((found >> np.uint64(62)).astype(np.int64), minlength=3)).pvalue > LUCK
    limit = 2**64 - 59
    words = [[int(word) for word in row] for row in np.asarray(bits(KEY, (4, 200)))]
    exact = [sum(word << 32 * n for n, word in enumerate(four)) * limit >> 128 for four in zip(*words, strict=True)]
    assert random.randint(KEY, 0, limit, (200,), dtype=xp.uint64).tolist() == exact


def test_randint_between_arrays() -> None:
    found = np.asarray(random.randint(KEY, [0, 10, -5], [1, 12, 5], (30_000, 3)))
    assert (found[:, 0] == 0).all() and set(found[:, 1]) == {10, 11}
    assert fits(found[:, 2] + 5, np.ones(10))
    assert random.randint(KEY, 0, 5, (0, 2)).shape == (0, 2)
