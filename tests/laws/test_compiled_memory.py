"""Compiled programs touch nothing but their arrays: by the interpreter of the loops, and beside guard pages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mapsto.core.spec import FLOAT64
from mapsto.ir.graph import run
from mapsto.ir.primitive import Case
from tests.laws.interpreted import run_interpreted
from tests.laws.random_graphs import random_case
from tests.laws.samples import CASES, assert_close, one_node, values

needs_mprotect = pytest.mark.skipif(sys.platform != "linux", reason="pages are protected by Linux's mprotect")


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_every_access_is_inside(case: Case) -> None:
    graph, inputs = one_node(case), values(case)
    for found, wanted in zip(run_interpreted(graph, inputs), run(graph, inputs), strict=True):
        assert_close(found, wanted)


@pytest.mark.parametrize("seed", range(30))
def test_every_access_of_random_graphs_is_inside(seed: int) -> None:
    graph, inputs = random_case(seed, FLOAT64)
    for found, wanted in zip(run_interpreted(graph, inputs), run(graph, inputs), strict=False):
        assert_close(found, wanted, 1e-10)


@needs_mprotect
@pytest.mark.parametrize("side", ["start", "end"])
def test_beside_guard_pages(side: str) -> None:
    """An access of one byte too far would be the end of the process."""
    made = subprocess.run([sys.executable, "-m", "tests.laws.guard_pages", side], capture_output=True, text=True)
    last = made.stdout.splitlines()[-1:]
    assert made.returncode == 0 and last == ["done"], (last, made.stderr[-2000:])


@needs_mprotect
@pytest.mark.parametrize("side", ["start", "end"])
def test_guard_pages_guard(side: str) -> None:
    """The pages around an array end a process that reads them: SIGSEGV, or SIGBUS."""
    text = f"""
import ctypes, numpy as np
from mapsto.core.spec import FLOAT32, Spec
from tests.laws.guard_pages import guarded
with guarded(Spec(FLOAT32, (5,)), {side == "end"}) as array:
    array[...] = 1
    print(ctypes.string_at(array.ctypes.data + {20 if side == "end" else -1}, 1))
"""
    made = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert made.returncode in (-7, -11), made.stdout + made.stderr
