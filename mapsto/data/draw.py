"""Random orders and splits: functions of the seed alone, the same on every machine and with every NumPy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import numpy as np

from mapsto.core.check import is_real, whole_number
from mapsto.core.errors import DataError

Array = np.ndarray[Any, Any]


def random_order(count: int, *seeds: int) -> Array:
    """A count and one seed or more ↦ 0 … count − 1 in a random order, i64[count].

    >>> random_order(5, 0).tolist(), random_order(5, 0, 1).tolist()
    ([3, 2, 1, 0, 4], [4, 1, 2, 0, 3])
    """
    # The raw words of a bit generator are fixed for all versions of NumPy; `Generator.permutation` is not.
    words = np.random.PCG64(seeds[0] if len(seeds) == 1 else np.random.SeedSequence(seeds)).random_raw(count)
    return np.argsort(cast(Array, words), kind="stable")


def split_rows(count: int, fraction: float, seed: int, labels: Array | None) -> tuple[Array, Array]:
    """A count and a fraction ↦ the rows of the rest and of the part, both ascending; by class if there are labels."""
    if not is_real(fraction) or not 0 < fraction < 1:  # also true of NaN
        raise DataError("DATA-07", fraction=fraction, fix="use 0 < fraction < 1")
    seed = whole_number("split", "seed", seed, least=0)
    share = Fraction(str(float(fraction)))  # 0.1 is meant to be one tenth, not the nearest binary number
    total = round(share * count)
    if not 0 < total < count:
        raise DataError("DATA-08", fraction=fraction, total=count, fix="use another fraction, or more samples")
    classes = np.zeros(count, np.int64) if labels is None else np.unique(labels, return_inverse=True)[1]
    in_part = np.zeros(count, np.bool_)
    in_part[drawn(classes, share, total, seed)] = True
    return np.flatnonzero(~in_part), np.flatnonzero(in_part)


def drawn(classes: Array, share: Fraction, total: int, seed: int) -> Array:
    """The class number of every sample ↦ the indices of `total` samples, share · n_c of each class but for rounding.

    The counts are found by largest remainders: round all down, then give one more to the classes that lost most.
    """
    bits = np.random.PCG64(seed)
    order = np.argsort(cast(Array, bits.random_raw(len(classes))), kind="stable")
    by_class = order[np.argsort(classes[order], kind="stable")]
    counts = np.bincount(classes)
    quotas = [share * int(count) for count in counts]
    chosen = np.array([int(quota) for quota in quotas])
    ties = cast(Array, bits.random_raw(len(counts)))
    by_loss = sorted(range(len(counts)), key=lambda c: (int(quotas[c]) - quotas[c], int(ties[c])))
    chosen[by_loss[: total - int(chosen.sum())]] += 1
    place_in_class = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return by_class[place_in_class < np.repeat(chosen, counts)]
