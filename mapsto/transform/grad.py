"""The derivative of a mapping is a mapping: `grad`, `value_and_grad`, `vjp`, `jvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec

from mapsto.array.array import Array
from mapsto.array.convert import cast, strong
from mapsto.array.manipulate import full
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.notes import note
from mapsto.core.spec import is_float
from mapsto.core.tree import Leaf, is_leaf, is_number, rebuild
from mapsto.transform.arguments import opened_call, pair_of
from mapsto.transform.call import (
    Function,
    as_array,
    check_function,
    evaluate_known,
    leave,
    pass_guards,
    positions,
)
from mapsto.transform.derive import backward, forward, varying
from mapsto.transform.record import Recorded, directions, record, tangents_of

P = ParamSpec("P")


def value_and_grad(
    function: Callable[P, Any], argnums: int | Sequence[int] = 0, aux: bool = False
) -> Callable[P, tuple[Any, Any]]:
    """f ↦ (arguments ↦ (f's value, its gradient)).

    f yields one float, or with `aux` a pair of one float and anything else, which is passed on. The gradient has the
    structure of argument `argnums`, with None at what is not trained: in mappings everything but parameters, in plain
    trees everything but floats. For several `argnums` it is a tuple.

    Reverse mode (Griewank and Walther, Evaluating Derivatives, 2008). Python's `if` and loops work on the values.

    >>> from mapsto import xp
    >>> value_and_grad(lambda x: x**3)(2.0)
    (array(8., f32[]), array(12., f32[]))

    Raises UsageError if there is no float to differentiate, ShapeError if the value is not one number.
    """
    check_function("value_and_grad", function)
    chosen = positions(argnums)

    @wraps(function)
    def derived(*args: P.args, **kwargs: P.kwargs) -> Any:
        trees, call = opened_call("grad", function, chosen, args, kwargs)
        run = record("grad", trees, call, lambda result: split_aux(result, aux))
        gradients = gradients_of(run)
        pass_guards(run.frame)
        gradient = tuple(gradients) if isinstance(argnums, (tuple, list)) else gradients[0]
        value = strong(run.frame.values[run.outputs[0]])
        return ((value, leave(run.frame, run.rest)) if aux else value), gradient

    return derived


def gradients_of(run: Recorded) -> list[Any]:
    """A run with one number as its output ↦ the gradient for each argument."""
    graph, output = run.graph, run.outputs[0]
    if not run.frame.lost and output not in varying(graph.nodes, graph.inputs[: len(run.wrt)]):
        note(
            "mt.grad: the value does not depend on what is differentiated, so the gradient is 0. "
            "int(x) and NumPy leave the trace; the functions of xp stay in it."
        )
    derivative = backward(graph, run.wrt)
    seed = {derivative.inputs[-1]: full((), 1, dtype=output.spec.dtype)}
    return run.inputs.close(evaluate_known(derivative, run.frame, seed))


def split_aux(result: Any, aux: bool) -> tuple[Array, Any]:
    """The differentiated value and the rest of a function's result."""
    value, rest = pair_of(result, aux)
    if not aux and isinstance(result, tuple):
        raise UsageError("GRAD-05", fix="say aux=True")
    if value is None:
        raise UsageError("GRAD-06", fix="return the loss")
    if not (is_leaf(value) or is_number(value)):
        fix = "return the number alone, or with aux=True a pair: the number, and what is to come along"
        raise ShapeError("GRAD-07", found="a " + type(value).__name__, fix=fix)
    value = as_array(value)
    if value.shape != () or not is_float(value.dtype):
        fix = "take .mean() or .sum() of it" if is_float(value.dtype) else "differentiate a float"
        raise ShapeError("GRAD-07", found=value.spec, fix=fix)
    return value, rest


def grad(function: Callable[P, Any], argnums: int | Sequence[int] = 0, aux: bool = False) -> Callable[P, Any]:
    """f ↦ its gradient: `grad(f)(x)` has the structure of x. With `aux`, (gradient, the rest of f's result).

    See `value_and_grad` for what is differentiated and what is raised.

    >>> grad(grad(lambda x: x**3))(2.0)
    array(12., f32[])
    """
    both = value_and_grad(function, argnums, aux)

    @wraps(function)
    def derived(*args: P.args, **kwargs: P.kwargs) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if aux else gradient

    return derived


def vjp(function: Function, *args: Any) -> tuple[Any, Callable[[Any], Any]]:
    """f and its arguments ↦ (f's result, the pullback: cotangent of the result ↦ a tuple of those of the arguments).

    A cotangent has the structure of the result; parts that are missing or None count as zero. Arguments without floats
    are constants, whose cotangents are None.

    >>> y, pull = vjp(lambda x: x * x, 3.0)
    >>> pull(1.0)
    (array(6., f32[]),)
    """
    check_function("vjp", function)
    run = record("vjp", args, function)
    graph = run.graph
    derivative = backward(graph, run.wrt)
    seeds = derivative.inputs[len(graph.inputs) :]
    floats = float_leaves(run)
    pass_guards(run.frame)

    def pullback(cotangent: Any) -> Any:
        given = directions("cotangent", floats, run.leaves, cotangent)
        return tuple(run.inputs.close(evaluate_known(derivative, run.frame, dict(zip(seeds, given, strict=True)))))

    return leave(run.frame, rebuild(run.structure, [leaf.value for leaf in run.leaves])), pullback


def float_leaves(run: Recorded) -> list[Leaf]:
    """The leaves of a result that have derivatives."""
    return [leaf for leaf, var in zip(run.leaves, run.outputs, strict=True) if is_float(var.spec.dtype)]


def jvp(function: Function, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f at `args` along `tangents` ↦ (f's result, its derivative in that direction).

    Tangents have the structure of the arguments; parts that are missing or None count as zero. Integer results have the
    tangent None.

    >>> jvp(lambda x: x * x, (3.0,), (1.0,))
    (array(9., f32[]), array(6., f32[]))
    """
    check_function("jvp", function)
    for what, given in (("arguments", args), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            fix = "put them in a tuple, with a comma even if it is one: mt.jvp(f, (x,), (v,))"
            raise UsageError("GRAD-13", what=what, found=type(given).__name__, fix=fix)
    run = record("jvp", args, function)
    graph = run.graph
    derivative = forward(graph, run.wrt)
    seeds = dict(
        zip(derivative.inputs[len(graph.inputs) :], tangents_of("jvp", run.inputs.arguments, tangents), strict=True)
    )
    pass_guards(run.frame)
    made = evaluate_known(derivative, run.frame, seeds)
    results, moved = made[: len(run.outputs)], iter(made[len(run.outputs) :])
    derivatives = [cast(next(moved), y.dtype) if is_float(y.dtype) else None for y in results]
    return (
        rebuild(run.structure, results, differentiated=False),
        rebuild(run.structure, derivatives, differentiated=False),
    )
