"""Training and evaluation as mappings: `mt.training(net)` is (key, x) ↦ (y, net')."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Generic

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.random import checked, fold
from mapsto.array.trace import Traced, top_frame
from mapsto.compose.declare import refuse_unmade
from mapsto.compose.frame import CallFrame, calling, current_frame, key_for, private_copy, stream_of
from mapsto.compose.mapping import M, Mapping, behaves_differently
from mapsto.compose.states import Places, states_of
from mapsto.core.errors import ShapeError, StateError, TraceError, UsageError
from mapsto.core.tree import Tree, containers, fields, flatten
from mapsto.transform.ports import opened


class EvaluationFrame(CallFrame):
    """Plain calls; the mapping must have its parameters."""

    def call(self, mapping: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        refuse_unmade(mapping)
        return function(mapping, *args, **kwargs)


class TrainingFrame(EvaluationFrame):
    """Calls a layer's training mode where it has one, with a key of its own, and keeps the state it returns.

    Frozen parts run plainly: in them nothing drops and no state moves.
    """

    private = True

    def __init__(self, key: Array, paths: dict[int, str], frozen: set[str]) -> None:
        self.key = key
        self.paths = paths
        self.frozen = frozen
        self.uses: dict[int, int] = {}
        self.streams: dict[int, Array] = {}  # while a block is traced: variables instead of numbers
        self.outer = top_frame()

    def call(self, mapping: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        refuse_unmade(mapping)
        if self.paths.get(id(mapping)) in self.frozen:
            with calling(EvaluationFrame()):
                return function(mapping, *args, **kwargs)
        if not behaves_differently(mapping):
            return function(mapping, *args, **kwargs)
        if id(mapping) not in self.paths:
            fix = "make it an attribute or a step of a chain, or say mt.evaluation(…) where it is called"
            raise StateError("MAP-07", name=type(mapping).__name__, fix=fix)
        key = self.draw(mapping)
        try:
            pair: Any = mapping.training(key, *args, **kwargs)
        except TypeError:
            check_training(mapping, key, args, kwargs)
            raise
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], type(mapping))):  # pyright: ignore[reportUnknownArgumentType]
            fix = "return y, self where nothing changes, else y, self.replace(mean=…)"
            raise UsageError("MAP-08", name=type(mapping).__name__, fix=fix)
        result, changed = pair  # pyright: ignore[reportUnknownVariableType]
        check_state(mapping, changed)
        # Written into the private copy, so that a second call sees it.
        vars(mapping).update(fields(changed))
        return result  # pyright: ignore[reportUnknownVariableType]

    def draw(self, mapping: Any) -> Array:
        """A key for this use of a layer; within `vmap`, for this lane of it."""
        use = self.used(mapping)
        self.set_used(mapping, use + 1)
        key = key_for(self.key, self.stream(mapping), use)
        frame = top_frame()
        while frame is not None and frame is not self.outer:
            key = key if frame.lane is None else fold(key, frame.lane)
            frame = frame.parent
        return key

    def used(self, mapping: Any) -> int:
        """How many keys a layer has drawn."""
        return self.uses.get(id(mapping), 0)

    def set_used(self, mapping: Any, count: int) -> None:
        self.uses[id(mapping)] = count

    def stream(self, mapping: Any) -> Array:
        """The number of a layer's stream of keys: where a block is traced for all its copies, a variable."""
        known = self.streams.get(id(mapping))
        return asarray(stream_of(self.paths[id(mapping)])) if known is None else known

    def set_stream(self, mapping: Any, stream: Array) -> None:
        self.streams[id(mapping)] = stream

    def drawing(self, part: Any) -> Iterator[Any]:
        """The layers in a part of the tree that draw keys."""
        if isinstance(part, Tree) and behaves_differently(part):
            yield part
        for _, inner in containers(part) or ():
            yield from self.drawing(inner)


def check_training(mapping: Any, key: Array, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise UsageError if a layer's `training` cannot be called with a key and what the layer itself is called with."""
    signature = inspect.signature(mapping.training)
    try:
        signature.bind(key, *args, **kwargs)
    except TypeError:
        rows = (("defined", f"training{signature}", ""),)
        fix = "def training(self, key, x): …; return y, self"
        raise UsageError("MAP-21", name=type(mapping).__name__, operands=rows, fix=fix) from None


def check_state(before: Mapping, after: Any) -> None:
    """A layer's state keeps its shape and type from step to step."""
    for old, new in zip(flatten(before)[0], flatten(after)[0], strict=False):
        if isinstance(old.value, Array) and isinstance(new.value, Array) and old.value.spec != new.value.spec:
            rows = (("before", old.value.spec, ""), ("after", new.value.spec, ""))
            name = type(before).__name__
            raise ShapeError("MAP-09", name=name, leaf=new.path, operands=rows, fix="keep it as declared")


class Training(Mapping, Generic[M]):
    """(key, x) ↦ (y, net'): a mapping in training mode."""

    mapping: M

    def __call__(self, key: Array, *args: Any) -> tuple[Any, M]:
        copy, paths = private_copy(self.mapping)
        with calling(TrainingFrame(checked(key), paths, frozen_parts(copy))), opened(Places(states_of(copy))):
            result = copy(*args)
        for leaf in flatten(copy)[0]:
            if isinstance(leaf.value, Traced) and not leaf.value.frame.open:
                fix = "a state is of the whole batch: write it outside of mt.each and mt.vmap"
                raise TraceError("TRACE-04", leaf=leaf.path, fix=fix)
        return result, copy


def frozen_parts(mapping: Mapping) -> set[str]:
    """The paths of parts that have parameters, all of them frozen."""
    held: dict[str, set[str]] = {"param": set(), "frozen": set()}
    for leaf in flatten(mapping)[0]:
        names = leaf.path.split(".")
        held.get(leaf.kind, set()).update(".".join(names[:i]) for i in range(len(names)))
    return held["frozen"] - held["param"]


def training(mapping: M) -> Training[M]:
    """A mapping ↦ its training mode, (key, x) ↦ (y, mapping'): dropout drops, running statistics move.

    Pure: the changed mapping is returned, the given one stays as it is. Raises StateError for a mapping without
    parameters, or a layer that draws or keeps state and is no part of it.

    >>> from mapsto import key, nn, xp
    >>> y, net = training(nn.Dropout(0.5))(key(0), xp.ones((1, 64)))
    >>> sorted({float(one) for one in y[0]})
    [0.0, 2.0]
    """
    return Training(mapping)


class Evaluation(Mapping):
    """x ↦ y in evaluation mode, also where a derivative is taken."""

    mapping: Mapping

    def __call__(self, *args: Any) -> Any:
        frame = current_frame()
        if frame is not None and frame.makes_parameters:
            return self.mapping(*args)
        with calling(EvaluationFrame()):
            return self.mapping(*args)


def evaluation(mapping: Mapping) -> Evaluation:
    """A mapping ↦ itself in evaluation mode, said on purpose: `grad` accepts it where layers behave differently.

    Raises StateError for a mapping without parameters.

    >>> from mapsto import key, nn, xp
    >>> evaluation(nn.Dropout(0.5))(xp.ones((1, 3)))
    array([[1., 1., 1.]], f32[1,3])
    """
    return Evaluation(mapping)
