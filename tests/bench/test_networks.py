"""The networks of the comparison: extents, first weights, batches, arithmetic, layouts of others."""

import doctest
import importlib
from itertools import pairwise

import numpy as np
import pytest

from bench.layouts import channels_first, channels_last, flattened_from
from bench.networks import CLASSES, ROWS, batches, first_weights, flops, layers_of

# Those that need none of the other frameworks.
MODULES = ["networks", "layouts", "reference", "contest", "contestants", "machine", "fma", "table", "serving_table"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"bench.{name}")).failed == 0


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.kind == "layers"], ids=lambda row: row.name)
def test_layers_fit_together(row) -> None:
    layers = list(layers_of(row))
    assert layers[0].before == row.example
    assert layers[-1].after == (CLASSES,)
    assert all(one.after == two.before for one, two in pairwise(layers))


def test_the_arithmetic_of_a_step() -> None:
    """By hand: 900 places × 27 × 32, 169 × 288 × 64, 16 × 576 × 64, 1024 × 64, 64 × 10; the first one only twice."""
    first, *rest = 900 * 27 * 32, 169 * 288 * 64, 16 * 576 * 64, 1024 * 64, 640
    assert flops(ROWS["cnn-128"]) == 2 * 128 * (2 * first + 3 * sum(rest))
    assert flops(ROWS["cnn-256"]) == 2 * flops(ROWS["cnn-128"]) == 8 * flops(ROWS["cnn-32"])
    assert flops(ROWS["cnn-1"]) == 2 * (first + sum(rest))


def test_weights_and_batches_are_the_same_each_time() -> None:
    row = ROWS["dense-32"]
    for make in (lambda: first_weights(row)["dense_2.weight"], lambda: batches(row, pool=2)[0]):
        np.testing.assert_array_equal(make(), make())
    images, labels = batches(row, pool=3)
    assert images.shape == (3, 32, 784) and images.dtype == np.uint8 and labels.dtype == np.int64
    assert len(np.unique(images)) > 200 and set(np.unique(labels)) == set(range(CLASSES))
    assert not np.array_equal(images[0], images[1])


@pytest.mark.parametrize("name", ["cnn-32", "cnn28-128", "dense-64"])
def test_layouts_there_and_back(name: str) -> None:
    flat = flattened_from(ROWS[name])
    for path, array in first_weights(ROWS[name]).items():
        there = np.ascontiguousarray(channels_first(path, array, flat))
        np.testing.assert_array_equal(channels_last(path, there, flat), array)


def test_a_dense_layer_after_flattening_channels_first() -> None:
    """The same picture flattened either way meets the same weights."""
    rng = np.random.Generator(np.random.PCG64(5))
    picture, weight = rng.integers(9, size=(2, 3, 4)), rng.integers(9, size=(24, 5))
    theirs = channels_first("dense_1.weight", weight, {"dense_1": (2, 3, 4)})
    np.testing.assert_array_equal(theirs @ picture.transpose(2, 0, 1).reshape(-1), picture.reshape(-1) @ weight)
