"""Embedding: rows of a table, their gradients, the padding, and what is refused in every mode."""

import pickle

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp

KEY = mt.key(0)
RNG = np.random.default_rng(0)


def ready(**settings):
    return nn.Embedding(7, 3, **settings).init(KEY, xp.asarray([[0]]))


@pytest.mark.parametrize("shape", [(), (4,), (2, 5), (2, 3, 4), (0,), (3, 0)], ids=str)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.int8, np.uint64])
def test_every_number_is_its_row(shape, dtype):
    net, x = ready(), RNG.integers(0, 7, shape).astype(dtype)
    y = net(xp.asarray(x))
    assert y.shape == (*shape, 3) and y.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(y), np.asarray(net.weight)[x.astype(np.int64)])


def test_the_gradient_of_a_row_is_the_sum_over_its_places():
    net, x, g = ready(), np.array([[1, 3, 1], [6, 1, 0]]), RNG.integers(-9, 9, (2, 3, 3)).astype(np.float32)
    slope = mt.grad(lambda net: xp.sum(net(x) * xp.asarray(g)))(net).weight
    wanted = np.zeros((7, 3))
    for place in np.ndindex(x.shape):
        wanted[x[place]] += g[place]
    np.testing.assert_array_equal(np.asarray(slope), wanted)


def test_padding_is_zeros_and_gets_no_gradient_whatever_its_row_holds():
    net = ready(padding=2)
    assert (np.asarray(net.weight)[2] == 0).all() and (np.asarray(net.weight)[[0, 1, 3]] != 0).all()
    net = mt.replace(net, {"weight": np.ones((7, 3), np.float32)})
    y, x = np.asarray(net([[2, 4]])), xp.asarray([[2, 4]])
    assert y.tolist() == [[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]]
    slope = np.asarray(mt.grad(lambda net: xp.sum(net(x)))(net).weight)
    assert (slope[2] == 0).all() and (slope[4] == 1).all()


def test_the_same_in_every_mode():
    net, x = ready(padding=0), xp.asarray(RNG.integers(0, 7, (4, 5)))
    wanted = np.asarray(net(x))
    np.testing.assert_array_equal(np.asarray(mt.compile(net)(x)), wanted)
    np.testing.assert_array_equal(np.asarray(mt.vmap(net)(x)), wanted)
    np.testing.assert_array_equal(np.asarray(mt.training(net)(KEY, x)[0]), wanted)
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(net))(x)), wanted)
    assert net.cast(xp.float64)(x).dtype == np.float64


@pytest.mark.parametrize("index", [7, -1, -8, 10**12])
def test_an_index_outside_is_refused_in_every_mode(index):
    net, x = ready(), xp.asarray([[0, index]])
    runs = [
        lambda: net(x),
        lambda: mt.compile(lambda net, x: net(x))(net, x),
        lambda: mt.grad(lambda net: xp.sum(net(x)))(net),
        lambda: mt.compile(mt.grad(lambda net, x: xp.sum(net(x))))(net, x),
        lambda: mt.vmap(net)(x),
    ]
    for run in runs:
        with pytest.raises(mt.IndexRangeError, match=f"in net.*{index}"):
            run()


@pytest.mark.parametrize("x", [[[0.5]], [[True]], np.array([[1.0]], np.float32)], ids=["float", "bool", "numpy"])
def test_what_is_no_whole_number_is_refused(x):
    with pytest.raises(mt.DTypeError, match="EMBED-02"):
        ready()(x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Embedding(0, 3),
        lambda: nn.Embedding(7, 2.5),  # type: ignore[arg-type]
        lambda: nn.Embedding(7, 3, padding=7),
        lambda: nn.Embedding(7, 3, padding=-1),
        lambda: nn.Embedding(7, 3, padding=True),
    ],
)
def test_sizes_out_of_range_are_refused(make):
    with pytest.raises(mt.UsageError, match="ARG-01"):
        make()


def test_the_first_values_have_deviation_1_or_are_the_initialiser_s():
    w = np.asarray(nn.Embedding(2000, 50).init(KEY, xp.asarray([0])).weight)
    assert abs(w.std() - 1) < 0.02 and abs(w.mean()) < 0.02
    net = nn.Embedding(4, 3, init=nn.constant(2.0), padding=1).init(KEY, xp.asarray([0]))
    assert np.asarray(net.weight).tolist() == [[2.0] * 3, [0.0] * 3, [2.0] * 3, [2.0] * 3]


def test_a_bag_of_words_learns():
    x = RNG.integers(1, 7, (64, 6))
    y = (x == 3).any(1).astype(np.int64)
    net = nn.Embedding(7, 8, padding=0) >> mt.fn(lambda e: xp.mean(e, axis=1)) >> nn.Dense(2)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(0.05))
    history = learner.fit(x, y, epochs=15, batch_size=32)["loss"]
    assert history[-1] < 0.5 * history[0]
