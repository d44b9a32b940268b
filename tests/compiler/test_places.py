"""A short innermost axis, written out, gives what the reference gives; axes that nothing asks for stay as they were."""

import pytest

from mapsto import xp
from tests.compiler.watched import check, decisions, numbers


@pytest.fixture
def places(monkeypatch):
    """The places of every nest that is written, from here on."""
    return decisions(monkeypatch, "places_of")


@pytest.mark.parametrize("count", [2, 3, 6, 8])
@pytest.mark.parametrize("shape", [(37,), (3, 33)])
def test_stacks_along_the_last_axis(shape, count, places):
    check(lambda *x: xp.stack(x, axis=-1), *(numbers(shape, seed=seed) for seed in range(count)))
    assert any(places)


@pytest.mark.parametrize("kind", ["f2", "f8", "i1", "i8", "u2", "?"])
def test_element_types(kind, places):
    check(lambda x, y: xp.stack([x, y, x], axis=-1), numbers((2, 19), kind), numbers((2, 19), kind, 1))
    assert any(places)


def test_parts_of_several_places_and_borders(places):
    x, y = numbers((5, 20, 2)), numbers((5, 20, 1), seed=1)
    check(lambda x, y: xp.concat([x + 1, y], axis=-1), x, y)
    check(lambda x: xp.pad(x, ((0, 0), (0, 0), (1, 2))), x)
    assert all(places)


def test_many_places_and_few_rows_stay_as_they_were(places):
    check(lambda *x: xp.stack(x, axis=-1), *(numbers((40,), seed=seed) for seed in range(9)))
    check(lambda x, y: xp.stack([x, y], axis=-1), numbers((5, 7)), numbers((5, 7), seed=1))
    assert not any(places)


@pytest.mark.parametrize("vector_cpu", ["sse", "avx2"])
def test_narrower_vectors(vector_cpu, monkeypatch):
    monkeypatch.setenv("MAPSTO_CPU", vector_cpu)
    check(lambda x, y: xp.stack([x, y, x], axis=-1), numbers((21, 35)), numbers((21, 35), seed=1))
