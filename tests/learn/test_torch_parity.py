"""From PyTorch's weights, the same CNN learns as in PyTorch: 20 losses to 1e-9, in float64.

The stored numbers were made by scripts/torch_small_cnn.py.
"""

from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import image, losses, nn, optim, xp

STORED = Path(__file__).parent.parent / "stored" / "torch_small_cnn.npz"
OPTIMIZERS = {"momentum": optim.momentum(0.2, 0.9), "adam": optim.adam(5e-3)}


@pytest.fixture(scope="module")
def stored():
    with np.load(STORED, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture
def net(stored):
    layers = (
        image.scale(1 / 255) >> nn.Conv2D(8, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Conv2D(16, 3) >> nn.relu
        >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(32) >> nn.relu >> nn.Dense(10)
    )  # fmt: skip
    made = layers.cast(xp.float64).init(mt.key(0), xp.zeros((1, 28, 28, 1), dtype=xp.float64))
    return mt.replace(made, {path: array.astype(np.float64) for path, array in named(stored, "weight/").items()})


def named(stored, prefix):
    return {name.removeprefix(prefix): array for name, array in stored.items() if name.startswith(prefix)}


def batches(stored):
    """Pixels as float64, since uint8 pixels would be scaled in float32."""
    return [(stored["images"][rows].astype(np.float64), stored["labels"][rows]) for rows in stored["batches"]]


def objective(net, x, y):
    return losses.cross_entropy(net(x), y).mean()


def step(net, opt, x, y):
    loss, gradient = mt.value_and_grad(objective)(net, x, y)
    net, opt = opt.step(net, gradient)
    return net, opt, loss


def test_stored_file_is_small(stored):
    assert STORED.stat().st_size < 300_000
    assert set(named(stored, "gradient/")) == set(named(stored, "weight/"))


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_equal_torch(stored, net, compiled):
    function = mt.value_and_grad(objective)
    loss, gradient = (mt.compile(function) if compiled else function)(net, *batches(stored)[0])
    np.testing.assert_allclose(float(loss), stored["momentum"][0], rtol=1e-12)
    found = mt.select(gradient, "**")
    assert set(found) == set(named(stored, "gradient/"))
    for path, expected in named(stored, "gradient/").items():
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found[path], expected, rtol=1e-9, atol=1e-12 * scale, err_msg=path)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_equal_torch(stored, net, name):
    opt = OPTIMIZERS[name].init(net)
    compiled = mt.compile(step, donate=("net", "opt"))
    found = []
    for x, y in batches(stored):
        net, opt, loss = compiled(net, opt, x, y)
        found.append(float(loss))
    np.testing.assert_allclose(found, stored[name], rtol=1e-9)
    assert len(compiled.programs) == 1  # traced once
    assert found[-1] < found[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_eager_equals_compiled(stored, net, name):
    eager = fast = (net, OPTIMIZERS[name].init(net))
    compiled = mt.compile(step)
    for x, y in batches(stored)[:3]:
        *eager, eager_loss = step(*eager, x, y)
        *fast, fast_loss = compiled(*fast, x, y)
        assert float(eager_loss) == pytest.approx(float(fast_loss), rel=1e-13)
    for path, array in mt.parameters(eager[0]).items():
        close = {"rtol": 1e-9, "atol": 1e-12}  # sums in another order, as the first steps of Adam show them
        np.testing.assert_allclose(array, mt.parameters(fast[0])[path], **close, strict=True, err_msg=path)
