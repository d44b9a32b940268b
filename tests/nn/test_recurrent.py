"""Recurrent layers: what they promise beyond PyTorch's figures (test_torch_recurrent.py)."""

import pickle
import time
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp

KINDS = [nn.RNN, nn.LSTM, nn.GRU]
KEY = mt.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 3))


def ready(layer: Any, x: Any = X) -> Any:
    """The layer in float64, with biases that are not 0."""
    net = layer.cast(xp.float64).init(KEY, xp.asarray(x))
    bent = {path: RNG.normal(size=array.shape) for path, array in mt.parameters(net).items() if "weight" not in path}
    return mt.replace(net, {path: array for path, array in bent.items() if "recurrent" not in path.split(".")})


@pytest.mark.parametrize("outputs", ["all", "last"])
@pytest.mark.parametrize("both", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_padded_batch_gives_what_each_sequence_gives_alone(kind: Any, both: bool, outputs: Any) -> None:
    net = ready(kind(5, layers=2, bidirectional=both, outputs=outputs, initial="learned"))
    lengths = [6, 1, 4, 0]
    y = np.asarray(net(xp.asarray(X), lengths))
    rubbish = np.where(np.arange(6)[:, None] < np.array(lengths)[:, None, None], X, np.nan_to_num(1e30))
    assert np.array_equal(y, net(xp.asarray(rubbish), lengths))
    mask = np.arange(6) < np.array(lengths)[:, None]
    assert np.array_equal(y, net(xp.asarray(X), mask))
    for row, length in enumerate(lengths):
        alone = np.asarray(net(xp.asarray(X[row : row + 1, :length])))[0]
        if outputs == "all":
            np.testing.assert_allclose(y[row, :length], alone, rtol=1e-13, atol=1e-15)
            assert (y[row, length:] == 0).all()
        else:
            np.testing.assert_allclose(y[row], alone, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_that_do_not_count_are_left_out(kind: Any) -> None:
    net, mask = ready(kind(5)), np.array([[True, False, True, True, False, True]])
    y = np.asarray(net(xp.asarray(X[:1]), mask))
    np.testing.assert_allclose(y[mask], np.asarray(net(xp.asarray(X[:1, mask[0]])))[0], rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_within_a_chain(kind: Any) -> None:
    words = np.array([[3, 4, 5, 0], [6, 0, 0, 0]])
    net = (nn.Embedding(7, 2, padding=0) & mt.fn(lambda x: x != 0)) >> mt.star(kind(5, outputs="last")) >> nn.Dense(2)
    net = net.init(KEY, words)
    np.testing.assert_allclose(np.asarray(net(words))[1], np.asarray(net(words[1:, :1]))[0], rtol=1e-5)
    compiled = mt.compile(lambda net, x: net(x))(net, words)
    np.testing.assert_allclose(np.asarray(net(words)), np.asarray(compiled), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts(kind: Any) -> None:
    net, x = ready(kind(5, layers=2, initial="learned")), xp.asarray(X)
    first, state = net(x[:, :2], state=net.first(4))
    rest, last = net(x[:, 2:], state=state)
    whole, end = net(x, state=net.first(4))
    assert np.array_equal(xp.concat([first, rest], axis=1), whole) and np.array_equal(whole, net(x))
    for one, other in zip(last, end, strict=True):
        assert len(one) == (2 if kind is nn.LSTM else 1)
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_state_may_be_given_within_a_loop() -> None:
    """One step after the other, as text is written."""
    net, x = ready(nn.LSTM(5)), xp.asarray(X)

    def step(state: Any, one: Any) -> Any:
        y, state = net(one[:, None], state=state)
        return state, y[:, 0]

    _, rows = mt.scan(step, net.first(4), xp.permute_dims(x, (1, 0, 2)))
    np.testing.assert_allclose(np.asarray(rows).transpose(1, 0, 2), np.asarray(net(x)), rtol=1e-13)


def test_learned_states_learn() -> None:
    net = ready(nn.LSTM(5, initial="learned", bidirectional=True))
    slopes = mt.parameters(mt.grad(lambda net: xp.sum(net(xp.asarray(X)) ** 2))(net))
    learned = [path for path in slopes if ".initial." in path]
    assert len(learned) == 4 and all(np.any(np.asarray(slopes[path]) != 0) for path in learned)


def test_first_weights() -> None:
    net = nn.LSTM(16).init(KEY, xp.ones((1, 4, 8)))
    way = net.forward[0]
    assert np.array_equal(way.bias, np.repeat([0.0, 1.0, 0.0, 0.0], 16))
    for gate in np.split(np.asarray(way.recurrent), 4, axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(16), atol=1e-5)
    bound = np.sqrt(6 / (8 + 16))
    gates = np.split(np.asarray(way.weight), 4, axis=1)
    assert all(0.9 * bound < np.abs(gate).max() <= bound for gate in gates)
    assert not np.array_equal(gates[0], gates[1])
    gru = nn.GRU(16, init=nn.normal(0.02), recurrent_init=nn.identity()).init(KEY, xp.ones((1, 4, 8))).forward[0]
    assert np.array_equal(gru.recurrent, np.tile(np.eye(16), 3)) and not np.any(np.asarray(gru.recurrent_bias))


def test_dropout_in_layers_is_the_same_at_all_times() -> None:
    """With U = 1 and no input, h is what the mask leaves of the state before."""
    net = nn.RNN(64, recurrent_dropout=0.5, recurrent_init=nn.identity(), activation=nn.relu, initial="learned")
    net = net.init(KEY, xp.zeros((2, 5, 1)))
    net = mt.replace(net, {"forward.0.initial.0": np.ones(64, np.float32)})
    y, _ = mt.training(net)(mt.key(1), xp.zeros((2, 5, 1)))
    y = np.asarray(y)
    assert 20 < np.count_nonzero(y[0, 0]) < 44 and not np.array_equal(y[0, 0], y[1, 0])
    for step in range(5):
        assert np.array_equal(y[:, step], y[:, 0] * 2.0**step)
    assert (np.asarray(net(xp.zeros((2, 5, 1)))) == 1).all()


def test_dropout_between_layers() -> None:
    net = nn.GRU(64, layers=2, dropout=0.5).init(KEY, xp.asarray(X.astype(np.float32)))
    x = xp.asarray(X.astype(np.float32))
    y, _ = mt.training(net)(mt.key(1), x)
    again, _ = mt.training(net)(mt.key(1), x)
    other, _ = mt.training(net)(mt.key(2), x)
    assert np.array_equal(y, again) and not np.allclose(y, other) and not np.allclose(y, net(x))
    lower, _ = mt.training(mt.replace(net, {"forward.1.weight": np.zeros((64, 192))}))(mt.key(1), x)
    assert np.array_equal(lower[0], lower[1])  # nothing else is dropped


@pytest.mark.parametrize("kind", KINDS)
def test_no_steps_and_no_sequences(kind: Any) -> None:
    net = ready(kind(5, initial="learned"))
    assert net(xp.zeros((2, 0, 3), dtype=xp.float64)).shape == (2, 0, 5)
    assert net(xp.zeros((0, 4, 3), dtype=xp.float64)).shape == (0, 4, 5)
    last = ready(kind(5, initial="learned", outputs="last"))
    y = last(xp.zeros((2, 0, 3), dtype=xp.float64))
    assert np.array_equal(y[0], mt.parameters(last)["forward.0.initial.0"])


@pytest.mark.parametrize("dtype", [xp.bfloat16, xp.float16, xp.float64])
def test_other_types(dtype: Any) -> None:
    net = nn.LSTM(5, layers=2, bidirectional=True).cast(dtype).init(KEY, xp.asarray(X, dtype=dtype))
    assert net(xp.asarray(X, dtype=dtype), [6, 2, 3, 4]).dtype == dtype


def test_structure() -> None:
    net = nn.LSTM(8, initial="learned")
    assert repr(net.init(KEY, xp.ones((1, 4, 3)))) == (
        "LSTM(outputs='all', backward=(), dropout=None)\n"
        "  forward.0: LSTMWay(units=8, backwards=False, weight=f32[3,32], recurrent=f32[8,32], bias=f32[32], "
        "initial=(f32[8], f32[8]), dropout=None)"
    )
    assert "initial=(param(?), param(?))" in repr(net)
    again = pickle.loads(pickle.dumps(net)).init(KEY, xp.ones((1, 4, 3)))
    assert list(mt.parameters(again)) == [
        f"forward.0.{name}" for name in ("weight", "recurrent", "bias", "initial.0", "initial.1")
    ]
    chain = (nn.GRU(4, layers=2) >> nn.RNN(3)).init(KEY, xp.ones((1, 4, 3)))
    assert "gru_1.forward.1.recurrent" in mt.parameters(chain) and "rnn_1.forward.0.bias" in mt.parameters(chain)


def test_the_laws_hold_in_seconds() -> None:
    """A training mode, two layers in both directions, saved and loaded: every law."""
    net = nn.LSTM(4, layers=2, bidirectional=True, dropout=0.2, outputs="last") >> nn.Dense(2)
    began = time.process_time()
    report = mt.check(net.init(KEY, xp.asarray(X.astype(np.float32))), xp.asarray(X.astype(np.float32)))
    assert report, report
    assert time.process_time() - began < 10


def test_it_learns_what_came_first() -> None:
    """The class of a sequence is its first step's sign; what follows is noise."""
    x = RNG.normal(size=(256, 12, 1)).astype(np.float32)
    y = (x[:, 0, 0] > 0).astype(np.int64)
    for net in (nn.LSTM(16, outputs="last") >> nn.Dense(2), nn.GRU(16, outputs="last") >> nn.Dense(2)):
        learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.clip(1.0) >> optim.adam(2e-2))
        learner.fit(x, y, epochs=16, batch_size=32, seed=0)
        assert np.mean(np.asarray(learner.predict(x)).argmax(1) == y) > 0.95
