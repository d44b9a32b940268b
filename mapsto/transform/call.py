"""What the transforms share: tracing a function of trees, and taking its results out of the trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, strong, weak, whole
from mapsto.array.trace import Frame, Traced, evaluate_on
from mapsto.core.errors import NonFiniteError, UsageError
from mapsto.core.tree import Leaf, flatten, is_number, rebuild
from mapsto.ir.graph import Graph, Var, given

Function = Callable[..., Any]


def as_array(leaf: Leaf | Any) -> Array:
    """A leaf of a user's tree as an array; Python numbers as weak ones."""
    value = leaf.value if isinstance(leaf, Leaf) else leaf
    return weak(value) if is_number(value) else asarray(value)


def check_function(transform: str, function: Any) -> None:
    if not callable(function):
        fix = f"give the function itself, without calling it: mt.{transform}(f)"
        raise UsageError("ARG-03", function=f"mt.{transform}", found=type(function).__name__, fix=fix)


def leave(frame: Frame, tree: Any) -> Any:
    """A result traced with values ↦ the same tree of the values outside of the frame, no longer differentiated."""

    def outside(leaf: Leaf) -> Any:
        value = leaf.value
        if isinstance(value, Traced) and value.frame is frame and value.value is not None:
            return strong(value.value)
        return value

    leaves, structure = flatten(tree)
    return rebuild(structure, [outside(leaf) for leaf in leaves], differentiated=False)


def pass_guards(frame: Frame) -> None:
    """Guards set within a frame hold outside of it as well."""
    for name, var in frame.guards:
        guard(name, frame.values[var])


def guard(name: str, array: Array) -> None:
    """Demand that an array is finite: at once if its numbers are known, else before the results of its trace count."""
    if isinstance(array, Traced):
        array.frame.guards.append((name, array.variable))
    elif not np.isfinite(array.data).all():
        raise not_finite(name)


def not_finite(name: str) -> NonFiniteError:
    """The error for a guarded array with an infinity or NaN."""
    fix = "lower the learning rate, scale the inputs, or clip: optim.clip(1.0) >> optim.adam(…)"
    return NonFiniteError("NAN-01", tensor=name, step="", fix=fix)


def guarded(graph: Graph, results: list[Array]) -> list[Array]:
    """The results of a graph ↦ its outputs; its guards hold for whoever traces it."""
    count = len(graph.outputs)
    for (name, _), value in zip(graph.guards, results[count:], strict=True):
        guard(name, value)
    return results[:count]


def evaluate_known(graph: Graph, frame: Frame, extra: dict[Var, Array]) -> list[Array]:
    """Run a graph that extends a frame's graph, from the values that the frame kept."""
    short = given(graph, frame.values.keys() | extra.keys())
    arrays = [extra[var] if var in extra else frame.values[var] for var in short.inputs]
    return [strong(array) for array in evaluate_on(short, arrays)]


def result_leaves(result: Any) -> tuple[list[Array], Any]:
    """A traced function's result ↦ its arrays and structure."""
    leaves, structure = flatten(result)
    return [as_array(leaf) for leaf in leaves], structure


def positions(argnums: Any) -> tuple[int, ...]:
    """`argnums` ↦ the positions that it names. Raises UsageError (GRAD-02) for everything that names none."""
    listed = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    found = [None if isinstance(one, bool) else whole(one) for one in listed]
    if not found or any(one is None or one < 0 for one in found):
        fix = "count arguments from 0: argnums=0, or argnums=(0, 1)"
        raise UsageError("GRAD-02", argnums=repr(argnums), fix=fix)
    return tuple(one for one in found if one is not None)
