"""Derivatives of roots and fixed points by the implicit function theorem, whatever the solver did: `implicit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from mapsto.array.array import Array
from mapsto.array.comparison import where
from mapsto.array.manipulate import zeros_like
from mapsto.array.reduction import sum as total
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import float_info
from mapsto.transform.call import Function, check_function
from mapsto.transform.control import while_loop
from mapsto.transform.grad import jvp, vjp
from mapsto.transform.rules import custom_rule
from mapsto.transform.section import opened_tree

Arrays = list[Array]
Linear = Callable[[Arrays], Arrays]


def implicit(
    solve: Function,
    *,
    root: Function | None = None,
    fixed_point: Function | None = None,
    tolerance: float | None = None,
    most: int = 1000,
) -> Function:
    """A solver, args ↦ x, and what it solves ↦ the solver, differentiated by the implicit function theorem.

    Either `root(x, *args)` is 0 at the solution, or `fixed_point(x, *args)` is x. With r the one, or x minus the other:
    `dx = -(∂r/∂x)⁻¹ (∂r/∂args) dargs`, so the derivative needs the solution alone, not the steps that led there, and no
    memory for them (Bai et al., Deep equilibrium models, 2019; Blondel et al., Efficient and modular implicit
    differentiation, 2022). The linear system is solved without its matrix, by conjugate gradients on the normal
    equations (Hestenes and Stiefel, 1952), until the rest is `tolerance` times the right side, by default ten times
    the precision of its type, or for `most` steps. Where ∂r/∂x is singular, the derivative means nothing.

    >>> from mapsto import xp
    >>> from mapsto.transform.grad import grad
    >>> def newton(a):
    ...     return while_loop(lambda x: xp.abs(x * x - a) > 1e-6, lambda x: (x + a / x) / 2, a)
    >>> root = implicit(newton, root=lambda x, a: x * x - a)
    >>> root(4.0), grad(root)(4.0)
    (array(2., f32[]), array(0.25, f32[]))

    Raises UsageError (RULE-05) unless one of root and fixed_point is given, ShapeError (RULE-06) for one whose result
    has not the structure and shapes of x; and what `custom_rule` raises.
    """
    check_function("implicit", solve)
    if (root is None) == (fixed_point is None):
        raise UsageError("RULE-05", fix="implicit(solve, root=f) for f(x, …) = 0, fixed_point=f for f(x, …) = x")

    def rest(x: Any, args: Sequence[Any]) -> Arrays:
        """What is 0 at the solution."""
        xs, form = opened_tree(x)
        function = root if root is not None else fixed_point
        assert function is not None
        made, found = opened_tree(function(x, *args))
        if form.structure != found.structure or form.specs != found.specs:
            rows = tuple((name, ", ".join(map(str, one.specs)), "") for name, one in (("x", form), ("result", found)))
            raise ShapeError("RULE-06", operands=rows, fix="return as many equations as there are unknowns, like x")
        return made if root is not None else [one - other for one, other in zip(xs, made, strict=True)]

    def push(args: Any, x: Any, tangents: Any) -> Any:
        xs, form = opened_tree(x)
        _, moved = jvp(lambda *given: rest(x, given), args, tangents)
        forth, back = maps(lambda *given: rest(form.tree(given), args), xs)
        return form.tree(solved(forth, back, [-one for one in moved], tolerance, most))

    def pull(args: Any, x: Any, cotangent: Any) -> Any:
        xs, form = opened_tree(x)
        forth, back = maps(lambda *given: rest(form.tree(given), args), xs)
        weights = solved(back, forth, opened_tree(cotangent)[0], tolerance, most)
        _, by_args = vjp(lambda *given: rest(x, given), *args)
        return by_args([-one for one in weights])

    return wraps(solve)(custom_rule(solve, vjp=pull, jvp=push))


def maps(function: Function, xs: Arrays) -> tuple[Linear, Linear]:
    """A function of arrays at a point ↦ its derivative there as a linear map, and the transpose."""
    _, pulled = vjp(function, *xs)
    return (lambda v: list(jvp(function, xs, v)[1])), (lambda w: list(pulled(w)))


def dot(one: Arrays, other: Arrays) -> Array:
    """The inner product of lists of arrays."""
    products = [total(x * y) for x, y in zip(one, other, strict=True)]
    return sum(products[1:], products[0])


def solved(forth: Linear, back: Linear, right: Arrays, tolerance: float | None, most: int) -> Arrays:
    """A linear map, its transpose and b ↦ x with `forth(x) = b`, by conjugate gradients on the normal equations."""
    small = float(10 * float_info(right[0].dtype).eps) if tolerance is None else tolerance
    goal = small * small * dot(right, right)
    first = back(right)

    def going(state: Any) -> Any:
        count, _, left, _, size = state
        return (count < most) & (dot(left, left) > goal) & (size > 0)

    def step(state: Any) -> Any:
        count, x, left, way, size = state
        image = forth(way)
        square = dot(image, image)
        length = where(square > 0, size / where(square > 0, square, 1), 0)
        x = [one + length * w for one, w in zip(x, way, strict=True)]
        left = [one - length * i for one, i in zip(left, image, strict=True)]
        slope = back(left)
        new = dot(slope, slope)
        way = [s + new / size * w for s, w in zip(slope, way, strict=True)]
        return count + 1, x, left, way, new

    start = (0, [zeros_like(one) for one in right], right, first, dot(first, first))
    return while_loop(going, step, start)[1]
