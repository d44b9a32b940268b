"""Axes that a condition cuts: joined and padded arrays are written part by part, to the same bits."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.compiler.conditions import borders
from mapsto.ir.formula import Index, as_index, word
from mapsto.ir.loops_text import show

RNG = np.random.default_rng(0)
A, B, C = (RNG.standard_normal((6, extent)).astype(np.float32) for extent in (16, 40, 33))


def joined(a, b, c):
    return xp.concat([xp.sin(a), b * 2, c], axis=1) + 1


def padded(a, b, c):
    return xp.pad(a, ((0, 0), (20, 32))) + xp.pad(b, ((0, 0), (17, 11))) * 3


def sliced(a, b, c):
    """The derivative of slices is a sum of padded arrays."""
    return mt.grad(lambda x: xp.sum(xp.sin(x[:, :30]) ** 2) + xp.sum(x[:, 30:70] ** 3) + xp.sum(x[:, 65:]))(
        xp.concat([a, b, c], axis=1)
    )


def short(a, b, c):
    return xp.concat([a[:, :3], b, c[:, :1]], axis=1)


def rows(a, b, c):
    return xp.concat([a, a * 2, a[:1]], axis=0) * xp.concat([b[:, :16]] * 2 + [b[:1, :16]], axis=0)


@pytest.mark.parametrize("function", [joined, padded, sliced, short, rows])
def test_the_same_as_the_reference(function):
    found = np.asarray(mt.compile(function)(A, B, C))
    with mt.interpret():
        wanted = np.asarray(function(*map(xp.asarray, (A, B, C))))
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def program_of(compiled):
    (program,) = compiled.programs.values()
    return program


def test_nothing_is_asked_of_each_element():
    compiled = mt.compile(lambda a, b: xp.concat([a, b], axis=1))
    compiled(A, B[:, :32])
    text = "\n".join(show(written.kernel) for written in program_of(compiled).native.plan.written.values())
    assert text.count("for j") == 2 and " where " not in text and "select" not in text


def test_where_conditions_change():
    i, j = Index(50), Index(50)
    conditions = [
        word("less", i, as_index(20)),
        word("less_equal", i, as_index(30)),
        word("less_equal", as_index(7), i),
        word("less", as_index(50), i),  # never
        word("less", i, j),
        word("less", i * 2, as_index(3)),
    ]
    assert borders(conditions, (i, j)) == {i: {20, 31, 7}}
