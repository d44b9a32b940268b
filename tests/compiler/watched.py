"""What tests of one way to write a nest share: arrays, the comparison with the reference, and what was decided."""

import numpy as np

import mapsto as mt
from mapsto import xp
from mapsto.compiler import nest_writer
from mapsto.ir.graph import run
from tests.laws.interpreted import run_interpreted


def numbers(shape, kind="f4", seed=0):
    return np.random.default_rng(seed).integers(0, 50, shape).astype(kind)


def decisions(monkeypatch, name):
    """The list to which every later call of a function of `nest_writer` adds what it gives."""
    found = []
    decide = getattr(nest_writer, name)

    def noted(*given):
        found.append(decide(*given))
        return found[-1]

    monkeypatch.setattr(nest_writer, name, noted)
    return found


def check(function, *arrays):
    """Compiled, interpreted with every access checked, and eager are the same to the last bit."""
    given = [xp.asarray(array) for array in arrays]
    compiled = mt.compile(function)
    graph = compiled.graph_for(*given)
    wanted = np.asarray(function(*given))
    for one in (np.asarray(compiled(*given)), *run_interpreted(graph, arrays), *run(graph, arrays)):
        assert one.dtype == wanted.dtype and one.tobytes() == wanted.tobytes()
