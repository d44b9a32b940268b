"""Gated recurrent units."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.array import Array
from mapsto.array.functions import sigmoid
from mapsto.array.linear import matmul
from mapsto.array.trigonometric import tanh
from mapsto.compose.declare import Initialiser, param
from mapsto.nn.distributions import orthogonal
from mapsto.nn.initialisers import glorot_uniform, zeros
from mapsto.nn.recurrent import Initial, Outputs, Recurrent, State, Way, parts_of

ORTHOGONAL = orthogonal()


class GRUWay(Way):
    """One layer of a GRU in one direction; its state is (h,)."""

    gates, arrays = 3, 1

    def __init__(self, *settings: Any, backwards: bool) -> None:
        super().__init__(*settings, backwards=backwards)
        self.recurrent_bias: Array | None = None if self.bias is None else param((self.units,), zeros)

    def turn(self, given: Array, seen: Array, state: State) -> State:
        (h,) = state
        r_given, z_given, g_given = parts_of(given, 3)
        r_seen, z_seen, g_seen = parts_of(matmul(seen, self.recurrent), 3)
        if self.recurrent_bias is not None:
            g_seen = g_seen + self.recurrent_bias
        z = sigmoid(z_given + z_seen)
        g = tanh(g_given + sigmoid(r_given + r_seen) * g_seen)
        return (g + z * (h - g),)


class GRU(Recurrent):
    """f32[n, time, d] ↦ f32[n, time, units]: in every step, from h = 0, with the gates as thirds of the columns,

        r = σ(x·Wr + br + h·Ur)
        z = σ(x·Wz + bz + h·Uz)
        g = tanh(x·Wg + bg + r·(h·Ug + b'))
        h ← (1 − z)·g + z·h

    r multiplies after the product with U, as in PyTorch, cuDNN and Keras (there: `reset_after`); in the paper it
    multiplies h before. `outputs`, `layers`, `dropout`, `bidirectional`, `recurrent_dropout`, `initial`, `lengths` and
    `state` are as for RNN, and so are its errors.

    `forward.0` holds the first layer: `weight` W is f32[d, 3·units], `recurrent` U f32[units, 3·units], `bias`
    f32[3·units], with the gates in PyTorch's order r, z, g (reset, update, candidate; Keras has z, r, g);
    `recurrent_bias` f32[units] is b'. Gate by gate, W begins as Glorot's uniform and U orthogonal (Saxe et al., 2013,
    arXiv:1312.6120).

    Cho et al., 2014, arXiv:1406.1078.

    >>> from mapsto import key, xp
    >>> net = GRU(8, layers=2, dropout=0.2, outputs="last").init(key(0), xp.ones((1, 5, 3)))
    >>> net(xp.ones((4, 7, 3))).shape
    (4, 8)
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
        way = partial(GRUWay, units, bias, initial, recurrent_dropout, init, recurrent_init)
        super().__init__(way, layers, bidirectional, outputs, dropout)
