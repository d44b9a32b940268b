"""Derivatives that the user states: `custom_rule`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import cast, strong
from mapsto.array.manipulate import zeros
from mapsto.array.trace import Traced, apply_all, differentiated
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import Spec, is_float
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Var
from mapsto.transform.call import Function, check_function
from mapsto.transform.own_rule import OwnRule
from mapsto.transform.section import Form, Section, opened_tree, section

Rule = Callable[..., Any]


def custom_rule(function: Function, *, vjp: Rule | None = None, jvp: Rule | None = None) -> Function:
    """f and its derivative ↦ f, differentiated by that rule.

    `vjp(args, result, cotangent)` is a tuple with a cotangent for each argument, or None where that is zero;
    `jvp(args, result, tangents)` is the tangent of the result. Both are linear in the last argument, so one gives both
    modes, by transposition; give both where one has a loop that cannot be transposed. Cotangents and tangents have the
    structure of what they belong to, with None in place of what is no float. Derivatives of the rule itself are
    second derivatives.

    The rule replaces a derivative that is known better: a more exact formula, a clipped or straight-through gradient.
    `mt.check` compares it with differences.

    >>> from mapsto import xp
    >>> from mapsto.transform.grad import grad
    >>> through = custom_rule(xp.round, jvp=lambda args, y, tangents: tangents[0])
    >>> float(grad(lambda x: xp.round(x) ** 2)(2.6)), float(grad(lambda x: through(x) ** 2)(2.6))
    (0.0, 6.0)

    Raises UsageError (RULE-01) without a rule, (RULE-02) for a function that closes over what is being differentiated,
    (RULE-03) for a rule that returns another structure, (RULE-07) for one that is to be transposed and is not linear,
    ShapeError (RULE-04) for another shape.
    """
    check_function("custom_rule", function)
    if vjp is None and jvp is None:
        raise UsageError("RULE-01", fix="give vjp=…, jvp=… or both")

    @wraps(function)
    def ruled(*args: Any) -> Any:
        arrays, form = opened_tree(args)
        if not any(isinstance(array, Traced) for array in arrays):
            return function(*args)
        return with_rules(function, vjp, jvp, [strong(array) for array in arrays], form)

    return ruled


def with_rules(function: Function, vjp: Rule | None, jvp: Rule | None, arrays: Sequence[Array], args: Form) -> Any:
    """A function applied to traced arguments, as a node that knows its derivative."""
    made = section(lambda tree: function(*tree), (args,), "mt.custom_rule", loops=False)
    for array in made.captured.values():
        if differentiated(array):
            fix = "make it an argument of the function"
            raise UsageError("RULE-02", found=array.spec, fix=fix)
    tangents, cotangents = floats_of(args), floats_of(made.result)
    push = [] if jvp is None else [traced_rule("jvp", jvp, args, made.result, tangents, cotangents)]
    pull = [] if vjp is None else [traced_rule("vjp", vjp, args, made.result, cotangents, tangents)]
    captured = {id(array): array for one in (made, *push, *pull) for array in one.captured.values()}

    def body(one: Section) -> Body:
        own = {id(array): var for var, array in one.captured.items()}
        outer = [own.get(name) or Var(array.spec) for name, array in captured.items()]
        count = len(arrays)
        inputs = (*one.inputs[:count], *outer, *one.inputs[count:])
        return Body(Graph(inputs, one.graph.nodes, one.results))

    node = OwnRule(body(made), tuple(map(body, push)), tuple(map(body, pull)), len(arrays))
    return made.result.tree(list(apply_all(node, *arrays, *captured.values())))


def floats_of(form: Form) -> list[int]:
    """The positions of the floats among a form's leaves."""
    return [i for i, spec in enumerate(form.specs) if is_float(spec.dtype)]


def traced_rule(name: str, rule: Rule, args: Form, result: Form, given: list[int], wanted: list[int]) -> Section:
    """A rule traced on (arguments, result, floats of one of them), handing out the floats of the other."""
    of, like = (result, args) if name == "vjp" else (args, result)
    moved = Form(of.structure, of.paths, tuple(of.specs[i] for i in given), ())

    def call(arguments: Any, made: Any, *directions: Any) -> list[Array]:
        known = dict(zip(given, directions, strict=True))
        tree = of.tree([known.get(i) for i in range(len(of.specs))])
        return checked(name, rule(arguments, made, tree), like, wanted)

    leaves = [Form(LEAF.structure, ("",), (spec,), (False,)) for spec in moved.specs]
    return section(call, (args, result, *leaves), f"the {name} of mt.custom_rule", loops=False)


LEAF = opened_tree(0.0)[1]


def checked(name: str, tree: Any, like: Form, wanted: Sequence[int]) -> list[Array]:
    """What a rule returns ↦ its arrays for the floats of `like`; what is None is zero. Raises RULE-03, RULE-04."""
    arrays, form = opened_tree(tree)
    found = dict(zip(form.paths, arrays, strict=True))
    known = {path: like.specs[i] for i, path in enumerate(like.paths) if i in wanted}
    unknown = [path for path in found if path not in known]
    pair = isinstance(tree, tuple) and len(tree) == top_count(like)
    if unknown or (name == "vjp" and not pair):
        what = (
            "one cotangent for each argument, in a tuple" if name == "vjp" else "a tangent with the result's structure"
        )
        rows = (
            ("returned", ", ".join(f"{path or 'it'}: {array.spec}" for path, array in found.items()) or "None", ""),
        )
        raise UsageError(
            "RULE-03", name=name, wanted=what, operands=rows, fix="put None where it is zero: return g * x, None"
        )
    return [fitted(name, path, found.get(path), spec) for path, spec in known.items()]


def top_count(form: Form) -> int:
    return len(form.structure.parts)


def fitted(name: str, path: str, array: Array | None, spec: Spec) -> Array:
    if array is None:
        return zeros(spec.shape, dtype=spec.dtype)
    if array.shape != spec.shape:
        rows = (("returned", array.spec, path), ("wanted", spec, path))
        raise ShapeError("RULE-04", name=name, operands=rows, fix="a derivative has the shape of what it belongs to")
    return cast(array, spec.dtype)
