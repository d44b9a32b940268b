"""Convolution, pooling and upsampling against PyTorch's stored figures: outputs, and gradients by every array.

`scripts/torch_conv_layers.py` made them and says what the file holds.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp

FILE = Path(__file__).parents[1] / "stored" / "torch_conv_layers.npz"
with np.load(FILE) as stored:
    CASES = json.loads(str(stored["cases"]))
    GIVEN, FOUND = stored["given"] / 8.0, stored["found"]


def taken(numbers, kind):
    """The arrays of every case, by name, out of one long row of numbers."""
    place = 0
    for case in CASES:
        arrays = {}
        for name, shape in case[kind].items():
            size = int(np.prod(shape))
            arrays[name] = numbers[place : place + size].reshape(shape)
            place += size
        yield arrays
    assert place == len(numbers)


def tuples(value):
    return tuple(map(tuples, value)) if isinstance(value, list) else value


PAIRS = list(zip(taken(GIVEN, "given"), taken(FOUND, "found"), strict=True))
NAMES = [f"{case['layer']}-{case['args']}-{case['settings']}" for case in CASES]


def made(case, arrays):
    """The layer of a case with its weights, in float64."""
    settings = {name: tuples(value) for name, value in case["settings"].items()}
    layer = getattr(nn, case["layer"])(*map(tuples, case["args"]), **settings)
    layer = layer.cast(xp.float64).init(mt.key(0), xp.asarray(arrays["x"]))
    weights = {name: arrays[name] for name in ("weight", "bias") if name in arrays}
    for name, value in weights.items():
        assert getattr(layer, name).shape == value.shape
    return mt.replace(layer, weights) if weights else layer


def close(got, wanted):
    """To ten digits of the largest number: sums of several signs cancel."""
    assert np.asarray(got).shape == wanted.shape
    np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-10, atol=1e-12 * np.abs(wanted).max())


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: NAMES[number])
def test_outputs_and_gradients(number):
    case, (given, wanted) = CASES[number], PAIRS[number]
    layer, x, g = made(case, given), xp.asarray(given["x"]), xp.asarray(given["g"])
    close(layer(x), wanted["y"])
    slopes = mt.grad(lambda layer, x: xp.sum(layer(x) * g), argnums=(0, 1))(layer, x)
    close(slopes[1], wanted["x"])
    for name in ("weight", "bias"):
        if name in wanted:
            close(getattr(slopes[0], name), wanted[name])


def test_every_layer_is_there():
    """One to three axes of each."""
    here = {case["layer"] for case in CASES}
    wanted = {
        f"{name}{n}D" for name in ("Conv", "ConvTranspose", "MaxPool", "AvgPool", "UpSampling") for n in (1, 2, 3)
    }
    wanted |= {f"Adaptive{name}Pool{n}D" for name in ("Avg", "Max") for n in (1, 2, 3)}
    assert here == wanted | {"GlobalAvgPool", "GlobalMaxPool", "DepthwiseConv2D"}


COMPILED = [
    "Conv3D",
    "DepthwiseConv2D",
    "ConvTranspose2D",
    "MaxPool3D",
    "AvgPool2D",
    "AdaptiveMaxPool2D",
    "UpSampling2D",
]


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_and_mapped_over_a_further_axis(name):
    number = max(i for i, case in enumerate(CASES) if case["layer"] == name)
    given, wanted = PAIRS[number]
    layer, x = made(CASES[number], given), xp.asarray(given["x"])
    close(mt.compile(lambda layer, x: layer(x))(layer, x), wanted["y"])
    both = mt.vmap(lambda x: layer(x))(xp.stack([x, 2.0 * x]))
    close(both[0], wanted["y"])
    close(both[1], np.asarray(layer(2.0 * x)))
