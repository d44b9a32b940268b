"""All derivatives of a function of arrays: the Jacobian, forward or in reverse, and the Hessian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Literal

from mapsto.array.array import Array
from mapsto.array.convert import cast
from mapsto.array.diagonals import eye
from mapsto.array.manipulate import moveaxis, reshape
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import Spec, is_float
from mapsto.core.tree import rebuild
from mapsto.transform.arguments import opened_call, pair_of
from mapsto.transform.call import Function, check_function, leave, pass_guards, positions
from mapsto.transform.grad import grad
from mapsto.transform.linearize import pullback, pushforward
from mapsto.transform.record import Recorded, record, tangents_of

Mode = Literal["forward", "reverse"]
MODES = ("forward", "reverse")


def jacobian(
    function: Function, argnums: int | Sequence[int] = 0, mode: Mode | None = None, aux: bool = False
) -> Callable[..., Any]:
    """f ↦ its Jacobian: `jacobian(f)(x)[i…, j…] = ∂f(x)[i…] / ∂x[j…]`, of shape f(x).shape + x.shape.

    For trees, the result's structure comes first: a tree like f's result, with a tree like argument `argnums` in place
    of each of its arrays (a tuple of them for several `argnums`), and None at what is not differentiated. An entry has
    the element type of the argument, like a gradient.

    `mode="forward"` runs the derivative once for every number of the arguments, `"reverse"` once for every number of
    the result, all of them at once (`vmap` of `jvp` or of the pullback; Griewank and Walther, Evaluating Derivatives,
    2008, chapter 3); None takes the smaller. With `aux`, f yields (value, rest), and the result is (Jacobian, rest).

    >>> from mapsto import xp
    >>> jacobian(lambda x: xp.stack([x[0] * x[1], x[0] ** 2]))(xp.asarray([2.0, 3.0]))
    array([[3., 2.],
           [4., 0.]], f32[2,2])

    Raises UsageError if there is no float to differentiate, ShapeError if there is none in the result.
    """
    check_function("jacobian", function)
    if mode is not None and mode not in MODES:
        fix = 'mode="forward", mode="reverse", or None for the cheaper of the two'
        raise UsageError("ARG-02", function="mt.jacobian", name="mode", value=mode, fix=fix)

    return all_derivatives("jacobian", function, argnums, mode, aux)


def all_derivatives(
    transform: str, function: Function, argnums: int | Sequence[int], mode: Mode | None, aux: bool
) -> Callable[..., Any]:
    """The Jacobian of a function, by the name under which it was asked for."""
    chosen = positions(argnums)

    @wraps(function)
    def derived(*args: Any, **kwargs: Any) -> Any:
        trees, call = opened_call(transform, function, chosen, args, kwargs)
        run = record(transform, trees, call, lambda result: pair_of(result, aux))
        refuse_integers(run)
        pass_guards(run.frame)
        rows = iter(blocks(run, mode))

        def row(spec: Spec) -> Any:
            """One array of the result ↦ its derivatives, in a tree like the arguments."""
            if not is_float(spec.dtype):
                return None
            closed = run.inputs.close(next(rows))
            return tuple(closed) if isinstance(argnums, (tuple, list)) else closed[0]

        made = rebuild(run.structure, [row(var.spec) for var in run.outputs], differentiated=False)
        return (made, leave(run.frame, run.rest)) if aux else made

    return derived


def refuse_integers(run: Recorded) -> None:
    if not any(is_float(var.spec.dtype) for var in run.outputs):
        found = ", ".join(str(var.spec) for var in run.outputs[:4]) or "nothing"
        fix = "return the floats that depend on the arguments; what else is wanted comes along with aux=True"
        raise ShapeError("GRAD-11", found=found, fix=fix)


def blocks(run: Recorded, mode: str | None) -> list[list[Array]]:
    """A run ↦ for every float output, its derivatives by every differentiated input: `[*output, *input]`."""
    inputs = [x.spec for x in run.inputs.traced]
    outputs = [var.spec for var in run.outputs if is_float(var.spec.dtype)]
    columns, rows = sum(x.size for x in inputs), sum(y.size for y in outputs)
    if mode == "forward" or (mode is None and columns <= rows):
        made = pushforward(run).along(columns, units(inputs, columns))
        cut = [[moveaxis(part, 0, -1) for part in parts(whole, inputs)] for whole in made]
    else:
        made = pullback(run).along(rows, units(outputs, rows))
        cut = [list(row) for row in zip(*(parts(whole, outputs) for whole in made), strict=True)]
    return [
        [cast(reshape(one, (*y.shape, *x.shape)), x.dtype) for one, x in zip(row, inputs, strict=True)]
        for row, y in zip(cut, outputs, strict=True)
    ]


def units(specs: Sequence[Spec], count: int) -> list[Array]:
    """Specs ↦ for each array `[count, *shape]`: all `count` directions in which one number of theirs moves."""
    made: list[Array] = []
    start = 0
    for spec in specs:
        made.append(reshape(eye(count, spec.size, k=-start, dtype=spec.dtype), (count, *spec.shape)))
        start += spec.size
    return made


def parts(whole: Array, specs: Sequence[Spec]) -> list[Array]:
    """The rows of an array that belong to each of these specs, one for each of its numbers."""
    ends = [sum(spec.size for spec in specs[: i + 1]) for i in range(len(specs))]
    return [whole[end - spec.size : end] for end, spec in zip(ends, specs, strict=True)]


def hessian(function: Function, argnums: int | Sequence[int] = 0, aux: bool = False) -> Callable[..., Any]:
    """f ↦ its second derivatives: `hessian(f)(x)[i…, j…] = ∂²f(x) / ∂x[i…] ∂x[j…]`, of shape x.shape + x.shape.

    f yields one float, or with `aux` a pair of one float and anything else. The Jacobian, forward, of the gradient: for
    trees, a tree like argument `argnums` with such trees in it. It has as many entries as f has numbers, squared;
    products with it need none of them, see `hvp`.

    >>> from mapsto import xp
    >>> hessian(lambda x: x[0] ** 2 * x[1])(xp.asarray([2.0, 3.0]))
    array([[6., 4.],
           [4., 0.]], f32[2,2])

    Raises what `grad` and `jacobian` raise.
    """
    check_function("hessian", function)
    return all_derivatives("hessian", grad(function, argnums, aux), argnums, "forward", aux)


def hvp(function: Function, argnums: int | Sequence[int] = 0, aux: bool = False) -> Callable[..., Any]:
    """f ↦ the products of its Hessian: `hvp(f)(x, v) = hessian(f)(x) · v`, like x.

    The last argument is the direction v, all before it are those of f: `hvp(loss)(net, x, y, v)`. It has the structure
    of argument `argnums` (a tuple for several); parts that are missing or None count as zero. With `aux`, the result is
    (product, rest).

    Forward over reverse, the derivative of the gradient along v, at the price of a few gradients (Pearlmutter, Fast
    Exact Multiplication by the Hessian, 1994).

    >>> from mapsto import xp
    >>> hvp(lambda x: x[0] ** 2 * x[1])(xp.asarray([2.0, 3.0]), xp.asarray([1.0, 0.0]))
    array([6., 4.], f32[2])

    Raises what `grad` raises, and UsageError for a direction that is missing or has another structure.
    """
    check_function("hvp", function)
    chosen = positions(argnums)
    several = isinstance(argnums, (tuple, list))
    gradient = grad(function, argnums, aux)

    @wraps(function)
    def product(*args: Any, **kwargs: Any) -> Any:
        if len(args) < max(chosen) + 2:
            fix = "give the direction after the arguments of f: mt.hvp(f)(x, v)"
            raise UsageError("GRAD-12", count=len(args), least=max(chosen) + 2, fix=fix)
        *given, direction = args
        trees, call = opened_call("hvp", gradient, chosen, given, kwargs)
        run = record("hvp", trees, call, lambda result: pair_of(result, aux))
        pass_guards(run.frame)
        made = pushforward(run)(tangents_of("hvp", run.inputs.arguments, direction if several else (direction,)))
        floats = [cast(d, var.spec.dtype) for d, var in zip(made, run.outputs, strict=True)]
        moved = rebuild(run.structure, floats, differentiated=False)
        return (moved, leave(run.frame, run.rest)) if aux else moved

    delattr(product, "__wrapped__")  # whose signature would hide that there is one argument more
    return product
