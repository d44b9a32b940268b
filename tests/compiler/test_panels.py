"""A vector times a matrix of parameters, from a layout that is read in order: made once, and equal to the reference."""

from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.compiler.pipeline import Plan

RNG = np.random.default_rng(0)


def normal(*shape: int, dtype: Any = np.float32) -> Any:
    return xp.asarray(RNG.normal(size=shape).astype(dtype))


def plan_of(function: Any) -> Plan:
    (program,) = function.programs.values()
    return program.native.plan


def layouts(function: Any) -> list[tuple[int, ...]]:
    """The shapes of what is made of the parameters."""
    plan = plan_of(function)
    places = [place for place, level in enumerate(plan.levels) if level < plan.kept_phases]
    return [plan.specs[member.stage.array].shape for place in places for member in plan.steps[place].members]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("formula", "x", "w", "laid"),
    [
        ("k,kn->n", (784,), (784, 512), (4, 784, 128)),
        ("mk,kn->mn", (1, 512), (512, 256), (2, 512, 128)),
        ("abk,kn->nab", (1, 1, 256), (256, 192), (3, 256, 64)),
        ("mk,kn->mn", (1, 256), (256, 10), (10, 256)),
        ("k,kn->n", (3000,), (3000, 2), (2, 3000)),
        ("k,kn->n", (3000,), (3000, 1), None),  # its one column lies in order
        ("mk,kn->mn", (1, 300), (300, 160), (2, 300, 80)),
        ("k,kn->n", (129,), (129, 33), None),  # columns that make no panels
        ("k,nk->n", (784,), (512, 784), None),  # lies in order as it is
        ("mk,kn->mn", (2, 784), (784, 512), None),  # a second row reads the matrix out of the cache
        ("k,kn->kn", (784,), (784, 512), None),  # no product of matrices
        ("k,kn->n", (16,), (16, 64), None),  # too small to be worth it
    ],
)
def test_products(formula: str, x: Any, w: Any, laid: Any, dtype: Any) -> None:
    left, right = formula.partition("->")[::2]
    vector, matrix = left.split(",")
    for swapped in (False, True):
        written = f"{matrix},{vector}->{right}" if swapped else formula

        @mt.compile
        def product(parameters: Any, x: Any, written: Any = written, swapped: Any = swapped) -> Any:
            pair = (parameters[0], x) if swapped else (x, parameters[0])
            return xp.maximum(xp.einsum(written, *pair) + parameters[1], 0)

        parameters = [normal(*w, dtype=dtype), normal(1, dtype=dtype)]
        given = normal(*x, dtype=dtype)
        for _ in range(2):
            found = np.asarray(product(parameters, given))
            wanted = np.einsum(formula, *(np.asarray(one, np.float64) for one in (given, parameters[0])))
            tolerance = 1e-4 if dtype == np.float32 else 1e-12
            np.testing.assert_allclose(found, np.maximum(wanted + float(parameters[1][0]), 0), tolerance, tolerance)
            given = normal(*x, dtype=dtype)
        assert layouts(product) == ([] if laid is None else [laid])


def net() -> Any:
    layers = nn.Flatten() >> nn.Dense(512) >> nn.relu >> nn.Dense(256) >> nn.relu >> nn.Dense(10)
    return layers.init(mt.key(0), np.zeros((1, 28, 28), np.float32))


def test_a_net_is_the_same_to_the_last_bit_for_every_number_of_threads() -> None:
    dense, x, before = net(), normal(1, 28, 28), mt.threads()
    found = []
    for count in (1, 2, 3, 4):
        mt.threads(count)
        answer = mt.compile(lambda net, x: net(x))
        found += [np.asarray(answer(dense, x)).tobytes() for _ in range(3)]
        assert sorted(layouts(answer)) == [(2, 512, 128), (4, 784, 128), (10, 256)]
    mt.threads(before)
    assert len(set(found)) == 1
    with mt.interpret():
        np.testing.assert_allclose(np.frombuffer(found[0], np.float32), np.asarray(dense(x))[0], 1e-4, 1e-5)


def test_other_parameters_and_those_that_were_given_away() -> None:
    answer, x = mt.compile(lambda net, x: net(x)), normal(1, 28, 28)
    scaled = mt.compile(
        lambda net: mt.replace(net, {name: 1.5 * w for name, w in mt.select(net, "**").items()}), donate=["net"]
    )
    dense, other = net(), net()
    for _ in range(3):
        for one in (dense, other):
            with mt.interpret():
                wanted = np.asarray(one(x))
            np.testing.assert_allclose(np.asarray(answer(one, x)), wanted, 1e-3, 1e-3)
        given = dense
        dense = scaled(given)
        with pytest.raises(mt.DonatedError):
            answer(given, x)


def test_a_matrix_that_is_a_result_and_a_factor_twice() -> None:
    @mt.compile
    def twice(parameters: Any, x: Any) -> Any:
        (w,) = parameters
        return xp.sin(x @ w) @ w, w

    w, x = normal(256, 256) / 16, normal(1, 256)
    for _ in range(2):
        found, same = twice([w], x)
        wide = np.asarray(w, np.float64)
        np.testing.assert_allclose(np.asarray(found), np.sin(np.asarray(x) @ wide) @ wide, 1e-4, 1e-4)
        np.testing.assert_array_equal(np.asarray(same), np.asarray(w))


def test_derivatives_by_the_vector_and_by_the_parameters() -> None:
    dense, x = net(), normal(1, 28, 28)
    for gradient in (
        lambda net, x: mt.grad(lambda x: net(x).sum())(x),
        lambda net, x: mt.grad(lambda n: n(x).sum())(net),
    ):
        found, wanted = mt.compile(gradient)(dense, x), None
        with mt.interpret():
            wanted = gradient(dense, x)
        leaves = (mt.select(one, "**") if isinstance(one, mt.Mapping) else {"x": one} for one in (found, wanted))
        for one, other in zip(*(each.values() for each in leaves), strict=True):
            np.testing.assert_allclose(np.asarray(one), np.asarray(other), 1e-3, 1e-4)
