"""The simple recurrent layer."""

from __future__ import annotations

from functools import partial
from typing import Any

from mapsto.array.array import Array
from mapsto.array.linear import matmul
from mapsto.compose.declare import Initialiser
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError
from mapsto.nn.activation import tanh
from mapsto.nn.distributions import orthogonal
from mapsto.nn.initialisers import glorot_uniform
from mapsto.nn.recurrent import Initial, Outputs, Recurrent, State, Way

ORTHOGONAL = orthogonal()


class RNNWay(Way):
    """One layer of an RNN in one direction: h' = φ(x·W + b + h·U)."""

    gates, arrays = 1, 1

    def __init__(self, activation: Mapping, *settings: Any, backwards: bool) -> None:
        super().__init__(*settings, backwards=backwards)
        self.activation = activation

    def turn(self, given: Array, seen: Array, state: State) -> State:
        return (self.activation(given + matmul(seen, self.recurrent)),)


class RNN(Recurrent):
    """f32[n, time, d] ↦ f32[n, time, units]: h ← tanh(x·W + b + h·U), step by step, from h = 0.

    `outputs="last"` gives f32[n, units], the state after the last step. `layers` stand on one another, with `dropout`
    between them in training. `bidirectional` has as many that read from the last step to the first; outputs are
    those of both beside one another, 2·units features, and the last state of the second is that after step 0.
    `recurrent_dropout` hides the same numbers of h from the gates in all steps (Gal and Ghahramani, 2016,
    arXiv:1512.05287). `initial="learned"` makes the first state parameters. `activation` is another φ.

    `net(x, lengths)` takes sequences that were padded to one length: `lengths` is i64[n], or a mask bool[n, time] of
    the steps that count. Elsewhere states stay as they are and outputs are 0, so a sequence gives what it gives alone.
    In a chain: `(nn.Embedding(99, 8, padding=0) & mt.fn(lambda x: x != 0)) >> mt.star(nn.RNN(64))`.

    `net(x, state=state)` begins with that state and returns (outputs, last state), so a sequence goes on with
    the next call; `state=net.first(n)` is the one of the beginning.

    `forward.0` holds the first layer, `backward.0` the one that reads it backwards: `weight` W is f32[d, units],
    `recurrent` U f32[units, units], `bias` f32[units]. W begins as Glorot's uniform, U orthogonal (Saxe et al., 2013,
    arXiv:1312.6120). Elman, 1990, doi:10.1207/s15516709cog1402_1.

    Raises UsageError for settings out of range, for `dropout` without a second layer (RNN-04), and for lengths beyond
    the time (RNN-05); ShapeError for an input that is not [n, time, d] (RNN-01), lengths of another shape (RNN-02), a
    state of another shape (RNN-03), other than d features.

    >>> from mapsto import key, xp
    >>> net = RNN(8, outputs="last", bidirectional=True).init(key(0), xp.ones((1, 5, 3)))
    >>> net(xp.ones((4, 7, 3)), [7, 1, 3, 0]).shape
    (4, 16)
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
        activation: Mapping = tanh,
        bias: bool = True,
        init: Initialiser = glorot_uniform,
        recurrent_init: Initialiser = ORTHOGONAL,
    ) -> None:
        if not isinstance(activation, Mapping):
            wanted = "a mapping, such as nn.relu"
            raise UsageError("ARG-01", function="RNN", name="activation", value=activation, wanted=wanted)
        way = partial(RNNWay, activation, units, bias, initial, recurrent_dropout, init, recurrent_init)
        super().__init__(way, layers, bidirectional, outputs, dropout)
