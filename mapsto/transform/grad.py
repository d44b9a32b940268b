"""The derivative of a mapping is a mapping: `grad`, `value_and_grad`, `vjp`, `jvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import cast, strong
from mapsto.array.manipulate import ones_like, zeros_like
from mapsto.array.trace import Frame, Traced, tracing
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import FLOAT32, is_float
from mapsto.core.tree import Leaf, Structure, flatten, rebuild, trainable
from mapsto.transform.call import (
    Function,
    as_array,
    check_function,
    evaluate_known,
    leave,
    pass_guards,
    positions,
    result_leaves,
)
from mapsto.transform.derive import backward, forward


class Inputs:
    """The differentiated arguments of a call, opened in a frame: floats and parameters become inputs."""

    def __init__(self, frame: Frame, transform: str, trees: Sequence[Any]) -> None:
        self.traced: list[Traced] = []
        self.forms: list[tuple[list[bool], Structure]] = []
        self.opened: list[Any] = []
        for tree in trees:
            leaves, structure = flatten(tree)
            chosen = [trainable(leaf) for leaf in leaves]
            opened = [self.open(frame, leaf, one) for leaf, one in zip(leaves, chosen, strict=True)]
            self.opened.append(rebuild(structure, opened, differentiated=True))
            self.forms.append((chosen, structure))
            if not any(chosen):
                found = ", ".join(str(as_array(leaf).spec) for leaf in leaves[:4]) or type(tree).__name__
                fix = "differentiate with respect to floats; xp.astype(x, xp.float32) makes them"
                raise UsageError("USE-01", problem=f"mt.{transform}: nothing to differentiate in {found}", fix=fix)

    def open(self, frame: Frame, leaf: Leaf, chosen: bool) -> Any:
        if not chosen:
            return leaf.value
        array = as_array(leaf)
        self.traced.append(frame.input(array.spec, array))
        return self.traced[-1]

    def close(self, derivatives: Sequence[Any]) -> list[Any]:
        """One derivative for each input ↦ trees like the arguments, with None at what was not differentiated."""
        pairs = zip(derivatives, self.traced, strict=True)
        remaining = iter([cast(d, FLOAT32) if x.spec.weak else d for d, x in pairs])
        return [
            rebuild(structure, [next(remaining) if one else None for one in chosen]) for chosen, structure in self.forms
        ]


def value_and_grad(function: Function, argnums: int | Sequence[int] = 0, aux: bool = False) -> Callable[..., Any]:
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
    if not chosen or min(chosen) < 0:
        fix = "count arguments from 0: argnums=0, or argnums=(0, 1)"
        raise UsageError("USE-01", problem=f"mt.grad with argnums={argnums}", fix=fix)

    @wraps(function)
    def derived(*args: Any, **kwargs: Any) -> Any:
        if max(chosen) >= len(args):
            raise UsageError(
                "USE-01", problem=f"mt.grad: argument {max(chosen)} of {len(args)} was not given by position"
            )
        with tracing(keeps_values=True) as frame:
            inputs = Inputs(frame, "grad", [args[i] for i in chosen])
            opened = list(args)
            for i, tree in zip(chosen, inputs.opened, strict=True):
                opened[i] = tree
            result = function(*opened, **kwargs)
            value, rest = split_aux(result, aux)
            output = frame.var_of(value)
        graph = frame.graph([x.var for x in inputs.traced], [output])
        derivative = backward(graph, range(len(inputs.traced)))
        value = frame.values[output]
        seed = {derivative.inputs[-1]: ones_like(value)}
        gradients = inputs.close(evaluate_known(derivative, frame, seed))
        pass_guards(frame)
        gradient = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        value = strong(value)
        return ((value, leave(frame, rest)) if aux else value), gradient

    return derived


def split_aux(result: Any, aux: bool) -> tuple[Array, Any]:
    """The differentiated value and the rest of a function's result."""
    if aux and not (isinstance(result, tuple) and len(result) == 2):
        raise UsageError("USE-01", problem="with aux=True the function returns a pair: (value, anything)")
    value, rest = result if aux else (result, None)
    if not aux and isinstance(result, tuple):
        raise UsageError("USE-01", problem="mt.grad: the function returns a tuple", fix="say aux=True")
    value = as_array(value)
    if value.shape != () or not is_float(value.dtype):
        fix = "take .mean() or .sum() of it" if is_float(value.dtype) else "differentiate a float"
        raise ShapeError("SHAPE-07", function="grad", problem=f"the value is {value.spec}, not one float", fix=fix)
    return value, rest


def grad(function: Function, argnums: int | Sequence[int] = 0, aux: bool = False) -> Callable[..., Any]:
    """f ↦ its gradient: `grad(f)(x)` has the structure of x. With `aux`, (gradient, the rest of f's result).

    See `value_and_grad` for what is differentiated and what is raised.

    >>> grad(grad(lambda x: x**3))(2.0)
    array(12., f32[])
    """
    both = value_and_grad(function, argnums, aux)

    @wraps(function)
    def derived(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if aux else gradient

    return derived


def vjp(function: Function, *args: Any) -> tuple[Any, Callable[[Any], Any]]:
    """f and its arguments ↦ (f's result, the pullback: cotangent of the result ↦ a tuple of those of the arguments).

    >>> y, pull = vjp(lambda x: x * x, 3.0)
    >>> pull(1.0)
    (array(6., f32[]),)
    """
    check_function("vjp", function)
    with tracing(keeps_values=True) as frame:
        inputs = Inputs(frame, "vjp", args)
        result = function(*inputs.opened)
        arrays, structure = result_leaves("vjp", result)
        outputs = [frame.var_of(array) for array in arrays]
    graph = frame.graph([x.var for x in inputs.traced], outputs)
    derivative = backward(graph, range(len(inputs.traced)))
    seeds = derivative.inputs[len(graph.inputs) :]
    pass_guards(frame)

    def pullback(cotangent: Any) -> Any:
        leaves, given_structure = flatten(cotangent)
        if len(leaves) != len(outputs):
            raise UsageError("USE-01", problem=f"the cotangent {given_structure.form} is not shaped like the result")
        floats = [leaf for leaf, var in zip(leaves, outputs, strict=True) if is_float(var.spec.dtype)]
        given = [cotangent_like(leaf, var.spec) for leaf, var in zip(floats, seeds, strict=True)]
        return tuple(inputs.close(evaluate_known(derivative, frame, dict(zip(seeds, given, strict=True)))))

    return leave(frame, rebuild(structure, arrays)), pullback


def cotangent_like(leaf: Leaf, spec: Any) -> Array:
    array = cast(as_array(leaf), spec.dtype)
    if array.shape != spec.shape:
        rows = (("cotangent", array.spec, ""), ("result", spec, ""))
        raise ShapeError("SHAPE-02", function="vjp", operands=rows, fix="a cotangent has the shape of its result")
    return array


def jvp(function: Function, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f at `args` along `tangents` ↦ (f's result, its derivative in that direction).

    Tangents have the structure of the arguments; None counts as zero. Integer results have the tangent None.

    >>> jvp(lambda x: x * x, (3.0,), (1.0,))
    (array(9., f32[]), array(6., f32[]))
    """
    check_function("jvp", function)
    if len(args) != len(tangents):
        raise UsageError("USE-01", problem=f"mt.jvp: {len(tangents)} tangents for {len(args)} arguments")
    with tracing(keeps_values=True) as frame:
        inputs = Inputs(frame, "jvp", args)
        result = function(*inputs.opened)
        arrays, structure = result_leaves("jvp", result)
        outputs = [frame.var_of(array) for array in arrays]
    graph = frame.graph([x.var for x in inputs.traced], outputs)
    derivative = forward(graph, range(len(inputs.traced)))
    seeds = dict(zip(derivative.inputs[len(graph.inputs) :], directions(inputs, tangents), strict=True))
    pass_guards(frame)
    made = evaluate_known(derivative, frame, seeds)
    moved = iter(made[len(outputs) : len(outputs) + sum(is_float(var.spec.dtype) for var in outputs)])
    derivatives = [next(moved) if is_float(var.spec.dtype) else None for var in outputs]
    derivatives = [d if d is None else cast(d, y.dtype) for d, y in zip(derivatives, made, strict=False)]
    return (
        rebuild(structure, made[: len(outputs)], differentiated=False),
        rebuild(structure, derivatives, differentiated=False),
    )


def directions(inputs: Inputs, tangents: Sequence[Any]) -> list[Array]:
    """One tangent for each differentiated leaf."""
    found: list[Array] = []
    traced = iter(inputs.traced)
    for (chosen, structure), tangent in zip(inputs.forms, tangents, strict=True):
        flat = flat_like(structure, tangent, chosen)
        for value in flat:
            like = next(traced)
            array = zeros_like(like.value if like.value is not None else like) if value is None else as_array(value)
            array = cast(array, like.dtype)
            if array.shape != like.shape:
                rows = (("argument", like.spec, ""), ("tangent", array.spec, ""))
                raise ShapeError(
                    "SHAPE-02", function="jvp", operands=rows, fix="a tangent has the shape of its argument"
                )
            found.append(array)
    return found


def flat_like(structure: Structure, tangent: Any, chosen: list[bool]) -> list[Any]:
    """The tangent's leaves in the order of the differentiated leaves; a lone None means zeros throughout."""
    if tangent is None:
        return [None] * sum(chosen)
    leaves, _ = flatten(tangent)
    if len(leaves) == sum(chosen):
        return [leaf.value for leaf in leaves]
    if len(leaves) == len(chosen):
        return [leaf.value for leaf, one in zip(leaves, chosen, strict=True) if one]
    raise UsageError("USE-01", problem=f"a tangent does not have the structure of its argument ({structure.form})")
