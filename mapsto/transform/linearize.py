"""The derivative of a run as a linear map: a graph of directions alone, all that does not depend on them computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import cast, strong
from mapsto.array.trace import Frame, evaluate_on
from mapsto.core.spec import is_float
from mapsto.core.tree import flatten, rebuild
from mapsto.ir.graph import Graph, Var, given
from mapsto.transform.batch import batch_graph
from mapsto.transform.call import Function, check_function, leave, pass_guards
from mapsto.transform.derive import backward, forward, varying
from mapsto.transform.record import Recorded, record, tangents_of


@dataclass(frozen=True)
class Linear:
    """A linear map of arrays: `seeds ↦ outputs` by a graph whose further inputs are the arrays in `kept`."""

    graph: Graph
    kept: list[Array]

    def __call__(self, seeds: Sequence[Array]) -> list[Array]:
        return [strong(array) for array in evaluate_on(self.graph, [*seeds, *self.kept])]

    def along(self, extent: int, seeds: Sequence[Array]) -> list[Array]:
        """The map of `extent` directions at once, each seed and each output with a leading axis of them."""
        batched = [True] * len(seeds) + [False] * len(self.kept)
        mapped = batch_graph(self.graph, batched, extent)
        return [strong(array) for array in evaluate_on(mapped, [*seeds, *self.kept])]


def linear_part(derivative: Graph, seeds: Sequence[Var], outputs: Sequence[Var], frame: Frame) -> Linear:
    """A derivative's graph ↦ the linear map in it, from the values that the frame kept of the run.

    What does not depend on the seeds, such as cos x for the derivative of sin x, is computed here, once.
    """
    short = given(Graph(derivative.inputs, derivative.nodes, tuple(outputs)), frame.values.keys())
    moving = varying(short.nodes, seeds)
    later = [node for node in short.nodes if node.outputs[0] in moving]
    once = [node for node in short.nodes if node.outputs[0] not in moving]
    used = [*(var for node in later for var in node.inputs), *outputs]
    kept = tuple(dict.fromkeys(var for var in used if var not in moving))
    known = [var for var in short.inputs if var in frame.values]
    arrays = evaluate_on(Graph(tuple(known), tuple(once), kept), [frame.values[var] for var in known])
    return Linear(Graph((*seeds, *kept), tuple(later), tuple(outputs)), arrays)


def pushforward(run: Recorded) -> Linear:
    """A run ↦ (tangents of its differentiated inputs ↦ tangents of its float outputs)."""
    derivative = forward(run.graph, run.wrt)
    seeds = derivative.inputs[len(run.graph.inputs) :]
    return linear_part(derivative, seeds, derivative.outputs[len(run.outputs) :], run.frame)


def pullback(run: Recorded) -> Linear:
    """A run ↦ (cotangents of its float outputs ↦ cotangents of its differentiated inputs)."""
    derivative = backward(run.graph, run.wrt)
    seeds = derivative.inputs[len(run.graph.inputs) :]
    return linear_part(derivative, seeds, derivative.outputs, run.frame)


def linearize(function: Function, *args: Any) -> tuple[Any, Callable[..., Any]]:
    """f and its arguments ↦ (f's result, the linear map: a tangent for each argument ↦ the tangent of the result).

    `linearize(f, x)[1](v)` is `jvp(f, (x,), (v,))[1]`; f runs once, and what the derivative needs of that run is
    computed once, however often the map is used. It keeps these arrays, may be mapped (`vmap`) and differentiated, and
    within a trace it ends with it. Tangents have the structure of the arguments; parts that are missing or None count
    as zero. Integer results have the tangent None.

    >>> y, along = linearize(lambda x: x * x, 3.0)
    >>> y, along(1.0), along(10.0)
    (array(9., f32[]), array(6., f32[]), array(60., f32[]))

    Raises UsageError if there is no float to differentiate, or for a tangent of another structure.
    """
    check_function("linearize", function)
    run = record("linearize", args, function)
    pass_guards(run.frame)
    linear = pushforward(run)
    value = leave(run.frame, rebuild(run.structure, [leaf.value for leaf in run.leaves]))
    arguments, structure = run.inputs.arguments, run.structure
    dtypes = [strong(leaf.value).dtype for leaf in flatten(value)[0]]

    def along(*tangents: Any) -> Any:
        moved = iter(linear(tangents_of("linearize", arguments, tangents)))
        parts = [cast(next(moved), dtype) if is_float(dtype) else None for dtype in dtypes]
        return rebuild(structure, parts, differentiated=False)

    return value, along
