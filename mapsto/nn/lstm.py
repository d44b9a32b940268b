"""Long short-term memory."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.functions import sigmoid
from mapsto.array.linear import matmul
from mapsto.array.manipulate import concat, ones, zeros
from mapsto.array.trigonometric import tanh
from mapsto.compose.declare import Initialiser
from mapsto.core.spec import DType, Shape
from mapsto.nn.distributions import orthogonal
from mapsto.nn.initialisers import glorot_uniform
from mapsto.nn.recurrent import Initial, Outputs, Recurrent, State, Way, parts_of

ORTHOGONAL = orthogonal()


def open_memory(key: Array, shape: Shape, dtype: DType) -> Array:
    """The first bias of an LSTM: 1 for the gate that keeps the memory, 0 for the others."""
    units = shape[0] // 4
    nothing = zeros((units,), dtype=dtype)
    return asarray(concat([nothing, ones((units,), dtype=dtype), nothing, nothing]))


class LSTMWay(Way):
    """One layer of an LSTM in one direction; its state is (h, c)."""

    gates, arrays = 4, 2

    def __init__(self, *settings: Any, backwards: bool) -> None:
        super().__init__(*settings, backwards=backwards, bias_init=open_memory)

    def turn(self, given: Array, seen: Array, state: State) -> State:
        i, f, g, o = parts_of(given + matmul(seen, self.recurrent), 4)
        c = sigmoid(f) * state[1] + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c


class LSTM(Recurrent):
    """f32[n, time, d] ↦ f32[n, time, units]: in every step, from h = c = 0,

        i, f, g, o = x·W + b + h·U        (a quarter of the columns each)
        c ← σ(f)·c + σ(i)·tanh(g)
        h ← σ(o)·tanh(c)

    `outputs`, `layers`, `dropout`, `bidirectional`, `recurrent_dropout`, `initial`, `lengths` and `state` are as for
    RNN, and so are its errors; a state is (h, c).

    `forward.0` holds the first layer: `weight` W is f32[d, 4·units], `recurrent` U f32[units, 4·units], `bias`
    f32[4·units], with the gates in the order i, f, g, o (input, forget, candidate, output), which is PyTorch's and
    Keras's; PyTorch's two biases are one here. Gate by gate, W begins as Glorot's uniform and U orthogonal (Saxe
    et al., 2013, arXiv:1312.6120); the bias is 1 for f, so that the memory stays at first, and 0 for the others (Gers
    et al., 2000, doi:10.1162/089976600300015015; Jozefowicz et al., 2015).

    Hochreiter and Schmidhuber, 1997, doi:10.1162/neco.1997.9.8.1735.

    >>> from mapsto import key, xp
    >>> net = LSTM(8).init(key(0), xp.ones((1, 5, 3)))
    >>> x = xp.ones((4, 7, 3))
    >>> first, state = net(x[:, :4], state=net.first(4))
    >>> rest, _ = net(x[:, 4:], state=state)
    >>> bool(xp.all(xp.concat([first, rest], axis=1) == net(x)))
    True
    """

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        outputs: Outputs = "all",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        initial: Initial = "zeros",
        bias: bool = True,
        init: Initialiser = glorot_uniform,
        recurrent_init: Initialiser = ORTHOGONAL,
    ) -> None:
        way = partial(LSTMWay, units, bias, initial, recurrent_dropout, init, recurrent_init)
        super().__init__(way, layers, bidirectional, outputs, dropout)
