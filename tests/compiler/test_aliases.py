"""Donated arrays are passed once: what is refused, on every way into a compiled function, and what is not."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp


def refused(run, *args, **kwargs):
    with pytest.raises(mt.UsageError) as error:
        run(*args, **kwargs)
    assert error.value.code == "COMPILE-05"
    return str(error.value)


def test_both_paths_are_named():
    step = mt.compile(lambda run, x, scale=1.0: run["w"][0] * x * scale, donate="run")
    w = xp.ones(3)
    assert "x is the same array as run.w.0" in refused(step, {"w": (w,)}, w)
    assert "scale is in the same memory as run.w.0" in refused(step, {"w": (w,)}, 1.0, scale=w[:1])
    assert w.tolist() == [1.0] * 3


def test_also_where_calls_are_known_or_interpreted():
    step = mt.compile(lambda x, y: x + y, donate="x")
    for _ in range(3):
        x = xp.ones(2)
        assert step(x, xp.ones(2)).tolist() == [2.0, 2.0]
        y = xp.ones(2)
        refused(step, y, y)
        assert step(y, np.ones(2, np.float32)).tolist() == [2.0, 2.0]
        refused(step, x := xp.ones(2), np.asarray(x))
        refused(step, x=x, y=x)
    with mt.interpret():
        refused(step, x, x)
    with pytest.raises(mt.DonatedError):
        step(y, y)  # gone before


WHOLE = xp.arange(8.0)
GRID = xp.reshape(WHOLE, (2, 4))


@pytest.mark.parametrize("pair", [(WHOLE[:5], WHOLE[3:]), (GRID, WHOLE[3:]), (GRID.T, WHOLE), (WHOLE[::2], WHOLE[::3])])
def test_views_that_meet(pair):
    refused(mt.compile(lambda x, y: (x + 1, y + 1), donate=("x", "y")), *pair)


@pytest.mark.parametrize("cut", [slice(None, 4), slice(None, None, 2), slice(0, 0)])
def test_views_that_do_not_meet(cut):
    whole = xp.arange(8.0)
    rest = {4: whole[4:], None: whole[1::2], 0: whole}[cut.stop]
    first, second = mt.compile(lambda x, y: (x + 1, y + 1), donate=("x", "y"))(whole[cut], rest)
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(1, 9))


def test_what_is_not_donated_is_passed_as_often_as_one_likes():
    step = mt.compile(lambda run, x, y, z: run + xp.sum(x) + y[0] + z[0], donate="run")
    x, run = xp.ones(2), xp.zeros(())
    for _ in range(3):
        run = step(run, x, x, x[1:])
    assert float(run) == 12.0


def test_numpy_arrays_are_copied_as_before():
    x = np.ones(2, np.float32)
    for _ in range(2):
        assert mt.compile(lambda x, y: x + y, donate=("x", "y"))(x, x).tolist() == [2.0, 2.0]


def test_nothing_is_donated_and_so_nothing_refused_within_a_trace():
    step = mt.compile(lambda x, y: x * y, donate=("x", "y"))
    assert float(mt.grad(lambda x: step(x, x))(3.0)) == 6.0


def test_equal_results_of_one_program_are_two_arrays_to_whoever_has_them():
    """Adam's two means are zeros of the same shape, which a compiled `init` makes once."""
    net = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
    opt = mt.compile(lambda net: optim.adam(0.1).init(net))(net)
    assert opt.mean["weight"].data is opt.square["weight"].data
    step = mt.compile(lambda net, opt: opt.step(net, net), donate=("net", "opt"))
    for _ in range(3):
        net, opt = step(net, opt)
    twice = mt.compile(lambda x: (x, x))
    assert mt.compile(lambda x, y: x + y, donate=("x", "y"))(*twice(xp.ones(2))).tolist() == [2.0, 2.0]


def test_one_array_in_two_places_of_a_net():
    class Tied(mt.Mapping):
        def __init__(self):
            self.one = self.other = xp.ones(2)

        def __call__(self, x):
            return self.one * x + self.other

    step = mt.compile(lambda net, x: net(x), donate="net")
    assert "net.other is the same array as net.one" in refused(step, Tied(), xp.ones(2))
