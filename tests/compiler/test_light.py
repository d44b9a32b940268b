"""What is made quickly of few bytes is made again by a group that needs it, and not written out."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import image, losses, nn
from mapsto.compiler.pipeline import planned

BATCH, SIDE = 32, 20


def gradients(scale):
    net = scale >> nn.Conv2D(8, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(64) >> nn.Dense(10)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (BATCH, SIDE, SIDE, 3), np.uint8), rng.integers(0, 10, BATCH)
    function = mt.compile(lambda net, x, y: mt.value_and_grad(lambda net: losses.cross_entropy(net(x), y).mean())(net))
    return function, (net.init(mt.key(0), x[:1]), x, y)


def kept(function, arguments):
    """Whether pictures of floats are kept from one kernel to another."""
    plan = planned(function.graph_for(*arguments))
    return any(plan.specs[n].shape == (BATCH, SIDE, SIDE, 3) for n in plan.offsets)


def test_scaled_pictures_are_not_written_out():
    assert not kept(*gradients(image.scale(1 / 255)))


def test_what_takes_long_is():
    assert kept(*gradients(mt.fn(lambda x: mt.xp.exp(mt.xp.sin(x / 255)) ** 0.3)))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_numbers_are_the_same(threads):
    function, arguments = gradients(image.scale(1 / 255))
    before = mt.threads()
    mt.threads(threads)
    try:
        loss, gradient = function(*arguments)
        with mt.interpret():
            expected, other = function(*arguments)
    finally:
        mt.threads(before)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    for path, found in mt.select(gradient, "**").items():
        np.testing.assert_allclose(found, mt.select(other, "**")[path], rtol=1e-4, atol=1e-6)
