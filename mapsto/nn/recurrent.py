"""What recurrent layers share: one layer in one direction over `mt.scan`, and stacks of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

from mapsto.array.array import Array
from mapsto.array.comparison import where
from mapsto.array.convert import asarray, strong
from mapsto.array.linear import matmul
from mapsto.array.manipulate import broadcast_to, concat, expand_dims, ones, permute_dims, zeros
from mapsto.array.random import split
from mapsto.compose.declare import Initialiser, param, refuse_unmade
from mapsto.compose.mapping import Mapping
from mapsto.core.check import one_of, real_number, truth, whole_number
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import DType, Shape, Spec
from mapsto.nn import initialisers
from mapsto.nn.checks import extent_is, float_input
from mapsto.nn.dropout import Dropout
from mapsto.nn.lengths import steps_that_count
from mapsto.transform.control import scan

State = tuple[Array, ...]  # of one layer in one direction, f32[n, units] each: (h, c) of an LSTM, (h,) of the others
States = tuple[State, ...]  # of all, layer by layer, and within a layer forward, then backward
Outputs = Literal["all", "last"]
Initial = Literal["zeros", "learned"]


def gate_by_gate(gates: int, init: Initialiser, key: Array, shape: Shape, dtype: DType) -> Array:
    """First values of [rows, gates · units]: the initialiser's for [rows, units], drawn anew for every gate."""
    rows, columns = shape
    keys = split(key, gates)
    return concat([asarray(init(keys[i], (rows, columns // gates), dtype)) for i in range(gates)], axis=1)


def weight_shape(width: int, x: Spec, *others: Spec) -> Shape:
    """The weight's shape for an input: a function of the module, so that a layer without weights can be pickled."""
    return x.shape[-1], width


def parts_of(array: Array, count: int) -> list[Array]:
    """[n, count · units] ↦ [n, units] of each gate."""
    units = array.shape[-1] // count
    return [array[:, i * units : (i + 1) * units] for i in range(count)]


class Way(Mapping):
    """f32[n, time, d], steps that count, a first state ↦ (f32[n, time, units], last state): one layer, one direction.

    Not a layer itself: RNN, LSTM and GRU have one for every layer and direction, and say in `turn` what a step does.
    """

    gates: ClassVar[int]
    arrays: ClassVar[int]  # of a state

    def __init__(
        self,
        units: int,
        bias: bool,
        initial: Initial,
        recurrent_dropout: float,
        init: Initialiser,
        recurrent_init: Initialiser,
        *,
        backwards: bool,
        bias_init: Initialiser = initialisers.zeros,
    ) -> None:
        name = type(self).__name__.removesuffix("Way")
        units = whole_number(name, "units", units)
        one_of(name, "initial", initial, ("zeros", "learned"))
        rate = real_number(name, "recurrent_dropout", recurrent_dropout, least=0, below=1)
        width = self.gates * units
        self.units, self.backwards = units, backwards
        self.weight: Array = param(partial(weight_shape, width), partial(gate_by_gate, self.gates, init))
        self.recurrent: Array = param((units, width), partial(gate_by_gate, self.gates, recurrent_init))
        self.bias: Array | None = param((width,), bias_init) if truth(name, "bias", bias) else None
        count = self.arrays if initial == "learned" else 0
        self.initial: State = tuple(param((units,), initialisers.zeros) for _ in range(count))
        self.dropout = Dropout(rate) if rate else None

    def turn(self, given: Array, seen: Array, state: State) -> State:
        """One step: the input's part of the gates f32[n, gates · units], the h that the gates see, a state ↦ the next.

        The h that the gates see is the state's, but for dropout.
        """
        raise NotImplementedError

    def first(self, count: int) -> State:
        """The state before the first step, for so many sequences."""
        refuse_unmade(self)
        shape = (count, self.units)
        if self.initial:
            return tuple(broadcast_to(array, shape) for array in self.initial)
        return tuple(zeros(shape, dtype=self.weight.dtype) for _ in range(self.arrays))

    def __call__(self, x: Any, counts: Array | None = None, state: State | None = None) -> tuple[Array, State]:
        x = float_input(x, self.weight)
        extent_is(x, self.weight, -1, 0, "in")
        # Of the gates, what the inputs add is one product for all times; the loop is left with h·U. The inputs, which
        # are fewer numbers, are turned before it, not what it makes.
        given = matmul(permute_dims(x, (1, 0, 2)), self.weight)
        given = given if self.bias is None else given + self.bias
        shown = None if self.dropout is None else self.dropout(ones((x.shape[0], self.units), dtype=x.dtype))

        def step(before: State, row: Array) -> State:
            return self.turn(row, before[0] if shown is None else before[0] * shown, before)

        first = self.first(x.shape[0]) if state is None else state
        if counts is None:
            last, rows = scan(lambda one, row: twice(step(one, row)), first, given, reverse=self.backwards)
        else:
            marks = expand_dims(permute_dims(counts, (1, 0)), axis=2)
            last, rows = scan(partial(where_it_counts, step), first, (given, marks), reverse=self.backwards)
        return permute_dims(rows, (1, 0, 2)), last


def twice(state: State) -> tuple[State, Array]:
    """A state ↦ the carry and the output of a step."""
    return state, state[0]


def where_it_counts(step: Callable[[State, Array], State], before: State, row: tuple[Array, Array]) -> Any:
    """A step of the sequences for which it counts; the states of others stay, and their outputs are 0."""
    given, marks = row
    after = step(before, given)
    state = tuple(where(marks, new, old) for new, old in zip(after, before, strict=True))
    return state, where(marks, after[0], 0.0)


class Recurrent(Mapping):
    """What RNN, LSTM and GRU share; not a layer itself."""

    def __init__(
        self,
        way: Callable[..., Way],
        layers: int,
        bidirectional: bool,
        outputs: Outputs,
        dropout: float,
    ) -> None:
        name = type(self).__name__
        layers = whole_number(name, "layers", layers)
        dropout = real_number(name, "dropout", dropout, least=0, below=1)
        if dropout and layers == 1:
            fix = "recurrent_dropout drops within a layer; nn.Dropout drops before or after it"
            raise UsageError("RNN-04", function=name, fix=fix)
        backwards = truth(name, "bidirectional", bidirectional)
        self.outputs = one_of(name, "outputs", outputs, ("all", "last"))
        self.forward: tuple[Way, ...] = tuple(way(backwards=False) for _ in range(layers))
        self.backward: tuple[Way, ...] = tuple(way(backwards=True) for _ in range(layers if backwards else 0))
        self.dropout = Dropout(dropout) if dropout else None

    def levels(self) -> list[tuple[Way, ...]]:
        """Layer by layer, its directions."""
        return [(way, *self.backward[i : i + 1]) for i, way in enumerate(self.forward)]

    def ways(self) -> list[tuple[str, Way]]:
        """All of them in that order, which is also that of states, with their paths."""
        directions = ("forward", "backward")
        return [(f"{directions[d]}.{i}", way) for i, level in enumerate(self.levels()) for d, way in enumerate(level)]

    def first(self, count: int) -> States:
        """A number of sequences n ↦ the states before their first step, to begin with `state=net.first(n)`.

        For every layer and direction a tuple of f32[n, units], (h, c) of an LSTM and (h,) of the others; zeros, or what
        was learned.
        """
        count = whole_number(type(self).__name__, "first", count, least=0)
        return tuple(way.first(count) for _, way in self.ways())

    def __call__(self, x: Any, lengths: Any = None, *, state: States | None = None) -> Any:
        name = type(self).__name__
        x = strong(asarray(x))
        if x.ndim != 3:
            fix = "give a batch of sequences: x[None] adds a batch axis, x[..., None] a feature axis"
            raise ShapeError("RNN-01", function=name, x=x.spec, fix=fix)
        counts = None if lengths is None else steps_that_count(name, lengths, x)
        levels, last = self.levels(), list[State]()
        states = [None] * sum(map(len, levels)) if state is None else self.checked(state, x.shape[0])
        for number, level in enumerate(levels):
            if number and self.dropout is not None:
                x = self.dropout(x)
            found = [way(x, counts, states[len(last) + i]) for i, way in enumerate(level)]
            x = joined([y for y, _ in found])
            last += [after for _, after in found]
        result = x if self.outputs == "all" else joined([after[0] for after in last[-len(levels[-1]) :]])
        return result if state is None else (result, tuple(last))

    def checked(self, state: Any, count: int) -> States:
        """The states for so many sequences. Raises ShapeError (RNN-03)."""
        wanted = [(way.arrays, (count, way.units)) for _, way in self.ways()]
        found = [[asarray(array) for array in one] for one in state] if is_nested(state) else []
        if [[array.shape for array in one] for one in found] != [[shape] * arrays for arrays, shape in wanted]:
            rows = (
                ("wanted", described([[shape] * arrays for arrays, shape in wanted]), ""),
                ("found", described([[array.shape for array in one] for one in found]) or type(state).__name__, ""),
            )
            fix = f"begin with state=net.first({count}), then give the state that the call before returned"
            raise ShapeError("RNN-03", function=type(self).__name__, operands=rows, fix=fix)
        return tuple(tuple(one) for one in found)


def is_nested(state: Any) -> bool:
    """Whether a value is a tuple of tuples, as states are."""
    return isinstance(state, (tuple, list)) and all(isinstance(one, (tuple, list)) for one in list[Any](state))


def described(shapes: Sequence[Sequence[Shape]]) -> str:
    return ", ".join(f"({', '.join(map(str, one))})" for one in shapes)


def joined(arrays: Sequence[Array]) -> Array:
    """The outputs of a layer's directions, beside one another."""
    return arrays[0] if len(arrays) == 1 else concat(arrays, axis=-1)
