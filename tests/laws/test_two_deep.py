"""The law of nesting: any transform of any transform of any primitive obeys the law of the outer one.

Derivatives against differences of what is differentiated, maps against a loop, compiled and simplified functions
against the function as it was. With MAPSTO_LAWS=native compiled functions run natively, which takes minutes; else they
are interpreted, and `test_compiled.py` has first derivatives natively.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from itertools import product

import pytest

import mapsto as mt
from mapsto.ir.primitive import Case
from mapsto.prims.cast import Weaken
from tests.laws.samples import CASES, DIFFERENTIATED, assert_close
from tests.laws.ways import DERIVED, SAME, Subject, jacobian, subject

NATIVE = os.environ.get("MAPSTO_LAWS") == "native"
WAYS = {**DERIVED, **SAME}
LARGE = 100  # numbers of a Jacobian from which on it is not nested: its own has the square of them

# A weak number leaves its trace as f32, too coarse for differences: `weaken` is among those without.
SMOOTH = {name: case for name, case in DIFFERENTIATED.items() if not isinstance(case.primitive, Weaken)}
ALONE = {name: case for name, case in CASES.items() if case.inputs and name not in SMOOTH}
smooth = pytest.mark.parametrize("case", SMOOTH.values(), ids=list(SMOOTH))


def entries(case: Case) -> int:
    """How many numbers a case's Jacobian has."""
    return sum(x.size for x in case.inputs) * sum(y.size for y in case.primitive.type(*case.inputs))


def hold(before: Subject, outer: str, inner: str) -> None:
    with nullcontext() if NATIVE else mt.interpret():
        nested = WAYS[outer](WAYS[inner](before))
        try:
            nested.check(nested.inputs(0))
        except Exception as problem:
            problem.add_note(f"{outer} of {inner}")
            raise


@smooth
def test_derivatives_maps_and_programs(case: Case) -> None:
    names = [name for name in WAYS if name != "jacobian" or entries(case) <= LARGE]
    for outer, inner in product(names, repeat=2):
        hold(subject(case, smooth=True), outer, inner)


@pytest.mark.parametrize("case", ALONE.values(), ids=list(ALONE))
def test_maps_and_programs_of_what_has_no_derivative(case: Case) -> None:
    for outer, inner in product(SAME, repeat=2):
        hold(subject(case, smooth=False), outer, inner)


@smooth
def test_jacobians_of_both_modes_agree(case: Case) -> None:
    before = subject(case, smooth=True)
    forward, reverse = jacobian(before, "forward"), jacobian(before, "reverse")
    given = before.inputs(0)
    forward.check(given)
    for one, other in zip(forward.run(given), reverse.run(given), strict=True):
        assert_close(one, other, 1e-12)
