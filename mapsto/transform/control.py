"""Loops and branches as mappings: `scan`, `fori`, `while_loop`, `map`, `cond`, `switch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mapsto.array.arithmetic import minimum
from mapsto.array.array import Array, known
from mapsto.array.convert import asarray, astype, integer, strong, whole
from mapsto.array.manipulate import arange
from mapsto.array.trace import Traced
from mapsto.core.errors import DTypeError, ShapeError, UsageError
from mapsto.core.spec import BOOL, DTYPES, Spec, is_integer
from mapsto.transform.call import Function, check_function
from mapsto.transform.looping import run_branch, run_scan, run_while
from mapsto.transform.section import Form, Section, adapted, described, handed_on, opened_tree, section, settled


def scan(
    function: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    *,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: int | None = None,
) -> tuple[Any, Any]:
    """f: (carry, x) ↦ (carry, y), a first carry, rows xs ↦ (last carry, rows ys): a loop, each turn after the other.

    Turn t gets the carry of turn t - 1 and row t of every array in `xs`, along axis 0; row t of every array in `ys` is
    what turn t returned. Without `xs`, `length` says how many turns there are. `reverse` begins with the last row.
    The carry keeps its structure, shapes and types. The function is traced once, so an `if` on a number in it is a
    TraceError (`mt.cond` chooses), and its code does not grow with the number of turns.

    Reverse mode keeps what it needs of every turn; with `checkpoint=k` only every k-th carry, and runs k turns again
    (Griewank, Achieving logarithmic growth of temporal and spatial complexity in reverse automatic differentiation,
    1992, has the trade). Within `mt.training`, layers called in the loop draw a new key in every turn, and their states
    go on from turn to turn. With an optimizer in the carry it is a whole training; that every turn's gradient is finite
    is looked at after the last.

    >>> from mapsto import xp
    >>> scan(lambda total, x: (total + x, total * x), 0.0, xp.asarray([1.0, 2.0, 3.0]))
    (array(6., f32[]), array([0., 2., 9.], f32[3]))

    Raises ShapeError (LOOP-03) for a carry that changes its shape or type, (LOOP-04) for rows of different numbers,
    UsageError (LOOP-02) for a carry of another structure, (LOOP-05) for a function that does not return a pair,
    (LOOP-06) for a length that is missing or wrong.
    """
    check_function("scan", function)
    rows, form = opened_tree(xs)
    rows = [strong(row) for row in rows]
    turns = turns_of(rows, form, length)
    one = Form(form.structure, form.paths, tuple(Spec(s.dtype, s.shape[1:]) for s in form.specs), form.weak)
    parts: dict[str, Form] = {}

    def trace(carry: Form) -> tuple[Section, Form]:
        def body(given: Any, x: Any) -> Any:
            pair = function(given, x)
            if not (isinstance(pair, tuple) and len(pair) == 2):
                found = "one array" if isinstance(pair, Array) else type(pair).__name__
                raise UsageError("LOOP-05", function="mt.scan", found=found, fix="return carry, y; y may be None")
            new = adapted(pair[0], carry)
            parts["carry"], parts["y"] = opened_tree(new)[1], opened_tree(pair[1])[1]
            return new, pair[1]

        made = section(body, (carry, one), "mt.scan", hands_guards=True)
        return made, parts["carry"]

    first, carried, made = settled("mt.scan", init, trace)
    if checkpoint is not None:
        checkpoint = integer("mt.scan: checkpoint", checkpoint)
    if checkpoint is not None and checkpoint < 1:
        raise UsageError("LOOP-06", found=f"checkpoint={checkpoint}", fix="keep every k-th carry: a positive integer")
    last, ys = run_scan(made, first, rows, turns, reverse, checkpoint)
    return carried.tree(last), parts["y"].tree(handed_on(made, ys))


def turns_of(rows: Sequence[Array], form: Form, length: int | None) -> int:
    """How many turns a scan has. Raises ShapeError (LOOP-04), UsageError (LOOP-06)."""
    wanted = None if length is None else whole(length)
    if length is not None and (wanted is None or wanted < 0):
        raise UsageError("LOOP-06", found=repr(length), fix="a Python integer; mt.while_loop ends by a condition")
    if wanted is None and not rows:
        raise UsageError("LOOP-06", found="no length and no rows", fix="say length=10, or give rows: xs=…")
    extents = {path or "xs": row.shape[0] if row.shape else None for path, row in zip(form.paths, rows, strict=True)}
    if wanted is not None:
        extents["length"] = wanted
    if None in extents.values() or len(set(extents.values())) > 1:
        named = ", ".join(f"{path} {'no axis' if extent is None else extent}" for path, extent in extents.items())
        raise ShapeError("LOOP-04", extents=named, fix="every array in xs has one row for each turn, along axis 0")
    return next(one for one in extents.values() if one is not None)


def fori(lower: Any, upper: Any, function: Callable[[Any, Any], Any], init: Any) -> Any:
    """f: (i, carry) ↦ carry, and a first carry ↦ the last: for i from `lower` to below `upper`.

    With Python integers as bounds it is a `scan`, which has derivatives in both modes; with traced integers a
    `while_loop`, which has forward mode alone. Raises what these raise.

    >>> fori(1, 5, lambda i, product: product * i, 1)
    array(24, i64[])
    """
    check_function("fori", function)
    first, last = whole(lower), whole(upper)
    if first is not None and last is not None:
        turns = arange(first, max(first, last))
        return scan(lambda carry, i: (function(i, carry), None), init, turns)[0]
    bounds = [integer_array("mt.fori", bound) for bound in (lower, upper)]

    def step(pair: Any) -> Any:
        i, carry = pair
        return i + 1, function(i, carry)

    return while_loop(lambda pair: pair[0] < bounds[1], step, (bounds[0], init))[1]


def while_loop(condition: Callable[[Any], Any], function: Callable[[Any], Any], init: Any) -> Any:
    """A condition, f: carry ↦ carry, and a first carry ↦ the carry for which the condition no longer holds.

    The carry keeps its structure, shapes and types. Forward mode goes through it, and `vmap`: lanes that are done wait
    for the others. Reverse mode does not (LOOP-01), for nobody knows beforehand what would have to be kept: `mt.fori`
    and `mt.scan` have a known number of turns, `mt.implicit` differentiates a fixed point without its loop. Ctrl-C
    ends it. States and optimizers go on from turn to turn as in `scan`.

    >>> while_loop(lambda x: x < 100, lambda x: 2 * x, 3)
    array(192, i64[])

    Raises DTypeError (LOOP-07) for a condition that is no truth value, UsageError (LOOP-10) for a carry that is never
    changed though the condition is known to hold, and for carries what `scan` raises.
    """
    check_function("while_loop", condition)
    check_function("while_loop", function)

    def traced(function: Function, carry: Form, hands_guards: bool = False) -> Section:
        return section(function, (carry,), "mt.while_loop", hands_guards=hands_guards, claims="what refuses")

    def trace(carry: Form) -> tuple[Section, Form]:
        made = traced(lambda given: adapted(function(given), carry), carry, hands_guards=True)
        return made, made.result

    first, carried, made = settled("mt.while_loop", init, trace)
    asking = traced(condition, carried)
    check_truth("mt.while_loop", "the condition", asking.result.specs)
    if made.changes_nothing:
        truth = known(asarray(condition(carried.tree(first))))
        if truth is not None and truth.item():
            raise UsageError(
                "LOOP-10", fix="return the carry of the next turn, one for which the condition may not hold"
            )
    return carried.tree(run_while(asking, made, first))


def map(function: Function, xs: Any) -> Any:
    """f and rows ↦ f of every row, one after another: what `vmap` does at once, in the memory of one.

    >>> from mapsto import xp
    >>> map(lambda x: x * x, xp.asarray([1.0, 2.0]))
    array([1., 4.], f32[2])
    """
    check_function("map", function)
    return scan(lambda carry, x: (carry, function(x)), None, xs)[1]


def cond(predicate: Any, true: Function, false: Function, *operands: Any) -> Any:
    """A truth value, two functions and their arguments ↦ what the one returns; only that one runs.

    Both return the same structure, shapes and types. Derivatives follow the one that ran. Under `vmap` with a truth
    value for every lane both run, and every lane takes its own. A predicate that is known (a Python bool, an array
    outside of every trace) simply chooses.

    >>> cond(3 > 2, lambda x: x + 1, lambda x: x - 1, 10)
    array(11, i64[])

    Raises DTypeError (LOOP-07) for a predicate that is no truth value, UsageError (LOOP-08) for functions that return
    different structures, shapes or types.
    """
    check_function("cond", true)
    check_function("cond", false)
    array = asarray(predicate)
    check_truth("mt.cond", "the predicate", (array.spec,))
    return chosen("mt.cond", astype(array, "int64"), (false, true), operands)


def switch(index: Any, functions: Sequence[Function], *operands: Any) -> Any:
    """A number i, functions and their arguments ↦ what function i returns.

    As `cond`, with any number of functions: the first for a number less than 0, the last for one that is too large.

    >>> switch(1, [lambda x: x, lambda x: 10 * x, lambda x: -x], 7)
    array(70, i64[])

    Raises DTypeError (LOOP-07) for an index that is no integer, UsageError (LOOP-08) as `cond`.
    """
    if not functions:
        raise UsageError("LOOP-08", function="mt.switch", fix="give at least one function")
    for function in functions:
        check_function("switch", function)
    return chosen("mt.switch", integer_array("mt.switch", index), tuple(functions), operands)


def chosen(name: str, index: Array, functions: Sequence[Function], operands: Sequence[Any]) -> Any:
    """What one of several functions returns."""
    arrays, form = opened_tree(tuple(operands))
    operands = form.tree([strong(array) for array in arrays])
    if not isinstance(index, Traced):
        made = functions[min(max(int(index), 0), len(functions) - 1)](*operands)
        found, result = opened_tree(made)
        return result.tree([strong(array) for array in found])

    def trace(function: Function) -> Section:
        return section(function, (form,), name, loops=False, hands_guards=True, claims="everything")

    first = trace(lambda tree: functions[0](*tree))
    traced = [first, *(trace(alike(one, first.result)) for one in functions[1:])]
    for number, one in enumerate(traced[1:], 1):
        check_alike(name, number, first.result, one.result)
    return first.result.tree(run_branch(index, traced, [strong(array) for array in arrays]))


def alike(function: Function, result: Form) -> Function:
    """A function ↦ the same of a tuple, its Python numbers brought to the types that the other branch's result has."""
    return lambda tree: adapted(function(*tree), result)


def check_alike(name: str, number: int, first: Form, other: Form) -> None:
    """Raise UsageError (LOOP-08) unless two functions return the same."""
    words = ("false", "true") if name == "mt.cond" else ("function 0", f"function {number}")
    if first.structure == other.structure and first.specs == other.specs:
        return
    rows = tuple((word, described(form), "") for word, form in zip(words, (first, other), strict=True))
    fix = "let both return the same structure, shapes and types; xp.astype casts, xp.zeros_like fills in"
    raise UsageError("LOOP-08", function=name, operands=rows, fix=fix)


def check_truth(function: str, what: str, specs: Sequence[Spec]) -> None:
    if len(specs) != 1 or specs[0].dtype != BOOL or specs[0].shape:
        found = ", ".join(str(spec) for spec in specs) or "nothing"
        fix = "compare: x > 0; xp.any or xp.all make one truth value of many"
        raise DTypeError(
            "LOOP-07", function=function, what=what, wanted="one truth value, bool[]", found=found, fix=fix
        )


def integer_array(function: str, value: Any) -> Array:
    array = asarray(value)
    if not is_integer(array.dtype) or array.shape:
        fix = "give an integer, or cast it: xp.astype(i, xp.int64)"
        raise DTypeError(
            "LOOP-07", function=function, what="the number", wanted="one integer", found=array.spec, fix=fix
        )
    if array.dtype == DTYPES["u64"]:  # above all of int64 it is the last or for ever, not negative
        array = minimum(array, np.iinfo(np.int64).max)
    return astype(array, "int64")
