"""Transposed reads by squares of vectors give what the reference gives, and nests without them stay as they were."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from tests.compiler.watched import check, decisions, numbers

KINDS = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
SIZES = [(16, 16), (15, 33), (8, 100), (50, 9), (37, 53), (80, 32), (1, 40), (40, 7)]


@pytest.fixture
def squares(monkeypatch):
    """The squares of every nest that is written, from here on."""
    return decisions(monkeypatch, "squares_of")


def turned(x, *order):
    return xp.permute_dims(x, order or tuple(range(x.ndim))[::-1])


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_all_sizes(shape):
    check(lambda x: turned(x) + 1, numbers(shape))


@pytest.mark.parametrize("kind", KINDS)
def test_element_types(kind, squares):
    check(lambda x: turned(x) * 2, numbers((37, 41), kind))
    assert any(squares)


def test_truth_values_stay_as_they_were(squares):
    check(lambda x: ~turned(x), numbers((37, 41)) > 20)
    assert not any(squares)


@pytest.mark.parametrize("vector_cpu", ["sse", "avx2"])
def test_narrower_vectors(vector_cpu, monkeypatch):
    monkeypatch.setenv("MAPSTO_CPU", vector_cpu)
    check(lambda x: turned(x) + 3, numbers((21, 35)))


ORDERS = [
    ((3, 20, 30), (0, 2, 1)),
    ((20, 3, 30), (2, 1, 0)),
    ((20, 30, 3), (1, 2, 0)),
    ((2, 17, 6, 7), (0, 2, 3, 1)),
    ((2, 6, 7, 17), (0, 3, 1, 2)),
]


@pytest.mark.parametrize(("shape", "order"), ORDERS, ids=str)
def test_more_axes(shape, order):
    check(lambda x: turned(x, *order) + 1, numbers(shape))


BODIES = {
    "two transposed": lambda x, y, row, column: turned(x) + turned(y) * 2,
    "one of each": lambda x, y, row, column: turned(x) - xp.reshape(y, (45, 35)),
    "by rows and columns": lambda x, y, row, column: xp.maximum(turned(x) * row + column[:, None], 3),
    "a part": lambda x, y, row, column: turned(x[2:, 5:-1]) + 1,
    "every second": lambda x, y, row, column: turned(x[::2]) + 1,
    "backwards": lambda x, y, row, column: turned(xp.flip(x, axis=0)) + 1,
    "joined": lambda x, y, row, column: xp.concat([turned(x) + 1, turned(y)], axis=1),
    "joined the other way": lambda x, y, row, column: xp.concat([turned(x), turned(y) + 1], axis=0),
    "padded": lambda x, y, row, column: xp.pad(turned(x), ((3, 2), (1, 20))) + 1,
    "chosen": lambda x, y, row, column: xp.where(turned(x) > 9, turned(y), row),
    "taken": lambda x, y, row, column: turned(x) + xp.take(row, xp.astype(turned(y) % 35, xp.int32)),
    "read again": lambda x, y, row, column: turned(turned(x) * 2 + xp.reshape(y, (45, 35))) + y,
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name, squares):
    check(BODIES[name], numbers((35, 45)), numbers((35, 45), seed=1), numbers(35), numbers(45))
    assert any(squares), "this nest has a transposed read"


def test_nests_with_folds_stay_as_they_were(squares):
    """A fold over what a row needs would be repeated in every square."""
    check(lambda x, y: turned(x) - xp.max(y, axis=1), numbers((40, 40)), numbers((40, 40, 40)))
    assert not any(squares)


@pytest.mark.parametrize("shape", [(70, 600), (600, 70), (999, 333)], ids=str)
def test_several_chunks(shape):
    """Large enough for chunks, the last of which has fewer rows than a square."""
    given = numbers(shape)
    assert (np.asarray(mt.compile(lambda x: turned(x) + 1)(given)) == given.T + 1).all()
