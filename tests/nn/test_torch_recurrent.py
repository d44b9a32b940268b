"""RNN, LSTM and GRU equal PyTorch's in float64, to 1e-10: outputs, last states, gradients, three steps of training.

The stored numbers were made by scripts/torch_recurrent.py.
"""

from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.nn.stored import close, part

FILE = Path(__file__).parent.parent / "stored" / "torch_recurrent.npz"
STORED = dict(np.load(FILE))
RATE, STEPS, UNITS = 0.1, 3, 3

LAYERS = {
    "rnn": nn.RNN(UNITS),
    "rnn_relu": nn.RNN(UNITS, activation=nn.relu),
    "lstm": nn.LSTM(UNITS),
    "gru": nn.GRU(UNITS),
    "lstm_plain": nn.LSTM(UNITS, bias=False),
    "gru_plain": nn.GRU(UNITS, bias=False),
    **{f"{name}_state": kind(UNITS) for name, kind in (("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU))},
    **{f"{name}_lengths": kind(UNITS) for name, kind in (("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU))},
    "rnn_both": nn.RNN(UNITS, bidirectional=True),
    "lstm_both": nn.LSTM(UNITS, bidirectional=True),
    "gru_both": nn.GRU(UNITS, bidirectional=True),
    "rnn_all": nn.RNN(UNITS, bidirectional=True, layers=2),
    "lstm_all": nn.LSTM(UNITS, bidirectional=True, layers=2),
    "gru_all": nn.GRU(UNITS, bidirectional=True, layers=2),
}


def number(array, unit=32):
    return xp.asarray(array.astype(np.float64) / unit)


def nested(name, states):
    """[s, n, units] as PyTorch has it ↦ a tuple of states, (h, c) or (h,)."""
    if not name.startswith("lstm"):
        return tuple((states[i],) for i in range(states.shape[0]))
    half = states.shape[0] // 2
    return tuple((states[i], states[half + i]) for i in range(half))


def flat(states):
    """The other way."""
    return xp.stack([one[i] for i in range(len(states[0])) for one in states])


def loaded(name):
    net = LAYERS[name].cast(xp.float64).init(mt.key(0), xp.zeros((1, 4, 2), dtype=xp.float64))
    net = mt.replace(net, {path: number(array, 64) for path, array in part(STORED, name, "start").items()})
    assert set(mt.parameters(net)) == set(part(STORED, name, "start"))
    return net


def test_the_stored_file_is_small_and_all_of_it_is_used():
    assert FILE.stat().st_size < 300_000
    assert {path.split("/")[0] for path in STORED} == set(LAYERS)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", LAYERS)
def test_three_steps(name, compiled):
    net, lengths = loaded(name), STORED.get(f"{name}/lengths")
    begin = number(STORED[f"{name}/state"]) if f"{name}/state" in STORED else xp.asarray(np.asarray(flat(net.first(3))))

    def objective(net, x, begin, g, k):
        y, last = net(x, lengths, state=nested(name, begin))
        last = flat(last)
        return xp.sum(y * g) + xp.sum(last * k), (y, last)

    slopes_of = mt.value_and_grad(objective, argnums=(0, 1, 2), aux=True)
    slopes_of = mt.compile(slopes_of) if compiled else slopes_of
    for step in range(STEPS):
        x, g, k = (number(STORED[f"{name}/{one}"][step]) for one in "xgk")
        (_, (y, last)), (slopes, slope_x, slope_state) = slopes_of(net, x, begin, g, k)
        close(y, STORED[f"{name}/y"][step], f"y, step {step}")
        close(last, STORED[f"{name}/last"][step], f"last states, step {step}")
        wanted = part(STORED, name, "slope")
        close(slope_x, wanted.pop("x")[step], f"gradient of x, step {step}")
        if "state" in wanted:
            close(slope_state, wanted.pop("state")[step], f"gradient of the state, step {step}")
        found = mt.parameters(slopes)
        assert set(found) == set(wanted)
        for path, array in wanted.items():
            close(found[path], array[step], f"gradient of {path}, step {step}")
        net = mt.replace(net, {path: mt.parameters(net)[path] - RATE * found[path] for path in found})
