"""`mt.check(f, *examples)`: the laws that hold for every mapping here, tried on one of the user's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mapsto.core.errors import MapstoError, TraceError, UsageError
from mapsto.core.notes import Note
from mapsto.laws.case import Case, DoesNotApply, case_of, result_text, specs_text
from mapsto.laws.derivative import wrong_derivative
from mapsto.laws.net import (
    examples_mix,
    file_differs,
    in_training,
    states_move_elsewhere,
    training_has_hidden_randomness,
)
from mapsto.laws.report import Counterexample, Law, Report
from mapsto.laws.running import compiled_is_not_reference, differs_from_itself, vmap_is_not_loop
from mapsto.laws.shrink import Search, shrunk
from mapsto.transform.call import check_function

ROWS = 4


def as_given(case: Case) -> Case:
    return case


def few(case: Case) -> Case:
    """A few rows of the batch: a law that is broken is broken for few examples too."""
    return case.rows(slice(ROWS)) if case.mapping is not None and (case.extent or 0) > ROWS else case


def wide(case: Case) -> Case:
    """Few rows in float64, where rounding hides little; as they are if the function takes no float64."""
    try:
        return few(case).widened()
    except DoesNotApply:
        return few(case)


@dataclass(frozen=True)
class Statement:
    """A law as it is tried: its name, on what, what looks for a counterexample, and how closely it is to hold."""

    name: str
    prepare: Callable[[Case], Case]
    search: Search
    note: str
    needs: str = ""  # a law that must not have failed, or this one would fail of the same


WIDE = "in float64, to 1e-5 of the largest entry"
SLOPES = "in both modes, or the one that it has, in float64, to 1e-5 of the largest entry"
ROUNDING = "to 2000 roundings of the largest entry"
TWICE, KEYED = "twice the same", "one key, one training"
STATEMENTS = (
    Statement(TWICE, as_given, differs_from_itself, "bit for bit, and compiled on 1, 2 and 3 threads"),
    Statement(KEYED, as_given, training_has_hidden_randomness, "bit for bit", TWICE),
    Statement("derivative = differences", lambda case: few(case).widened(), wrong_derivative, SLOPES, TWICE),
    Statement("the same in training", lambda case: few(in_training(case)).widened(), wrong_derivative, SLOPES, KEYED),
    Statement("vmap = loop", wide, vmap_is_not_loop, WIDE, TWICE),
    Statement("compiled = reference", as_given, compiled_is_not_reference, ROUNDING, TWICE),
    Statement("compiled in training", in_training, compiled_is_not_reference, ROUNDING, KEYED),
    Statement("examples apart", wide, examples_mix, WIDE, TWICE),
    Statement("only training moves states", as_given, states_move_elsewhere, "bit for bit", TWICE),
    Statement("save ∘ load = identity", as_given, file_differs, ROUNDING, TWICE),
)


def check(function: Callable[..., Any], *examples: Any) -> Report:
    """f and an example of each argument ↦ a table of the laws that every mapping obeys, tried on f.

    f is a function of arrays and trees, or a mapping with its parameters made; then the first axis is the batch. In
    evaluation mode, unless a law speaks of training:

    - *derivative = differences*, in evaluation and in training: forward and reverse mode against the slope of f, in
      float64, along a seeded direction of every argument and parameter. Near the example where f has a kink at it. An
      own rule of derivatives is held to the same, and a deliberate `mt.stop_gradient` breaks the law. Where f computes
      in float32 whatever it is given, 2e-2 of the largest entry is asked for.
    - *vmap = loop*, *compiled = reference*; in training, too.
    - *examples apart*: a row of a batch depends neither on the other rows nor on its place.
    - *twice the same*: bit for bit, and compiled for any number of threads. *one key, one training*: training draws
      from its key alone. *only training moves states*, and moves nothing else.
    - *save ∘ load = identity*, through a file in a temporary folder.

    The report is true if no law failed, so a test says `assert mt.check(f, x)`; what failed is printed with the
    smallest example that was found, the entry, and what was expected and found. A law that says nothing about f, such
    as the last about a function, does not apply, and the table says why. Laws are tried, not proved: an example that is
    all zeros shows little. f is called some hundred times, and `mt.threads` is another meanwhile.

    Raises UsageError for what cannot be called (ARG-03), for no example (CHECK-01) and for a result without numbers
    (CHECK-02), and what f raises for these examples.

    >>> import mapsto as mt
    >>> from mapsto import nn, xp
    >>> bool(check(xp.tanh, mt.xp.ones(3)))
    True
    >>> wrong = check(lambda x: x * mt.stop_gradient(x), xp.asarray([3.0, 4.0]))
    >>> print(wrong.failed[0].counterexample.where)
    ∂ result[0] / ∂ x[0]
    """
    check_function("check", function)
    if not examples:
        raise UsageError("CHECK-01", fix="mt.check(f, x), with an example of each argument")
    case = case_of(function, examples)
    result = case.values()  # what the user's function raises, the user should see
    if not result:
        raise UsageError("CHECK-02", fix="return an array, or a tree of arrays")
    name = getattr(function, "__name__", type(function).__name__)
    title = f"{name}: {specs_text(case)} ↦ {result_text(result)}"
    laws: dict[str, Law] = {}
    for statement in STATEMENTS:
        before = laws.get(statement.needs)
        if before is not None and before.verdict == "failed":
            laws[statement.name] = Law(statement.name, "does not apply", f"{before.name} failed")
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Note)  # the laws find out what notes warn of
                laws[statement.name] = judged(statement, case)
    return Report(title, tuple(laws.values()))


def judged(statement: Statement, case: Case) -> Law:
    """A law tried on a case."""
    name = statement.name
    try:
        prepared = statement.prepare(case)
        found = statement.search(prepared)
        if found is None:
            return Law(name, "passed", statement.note)
        return Law(name, "failed", "", shrunk(prepared, found, statement.search))
    except DoesNotApply as reason:
        return Law(name, "does not apply", str(reason))
    except TraceError as problem:
        return Law(name, "does not apply", f"it cannot be traced: {problem.headline}")
    except Exception as problem:
        text = problem.headline if isinstance(problem, MapstoError) else str(problem)
        raised = Counterexample({}, "the call", "a result", f"{type(problem).__name__}: {text}")
        return Law(name, "failed", "", raised)
