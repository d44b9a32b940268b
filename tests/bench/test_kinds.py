"""Rows that are no layers one after another: the plain NumPy step is right, and mapsto follows it."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from bench.kinds import flops, follow, task_of
from bench.lstm.reference import loss_and_gradients
from bench.networks import ROWS
from bench.peers import DRIFT, TOLERANCE
from bench.reference import disagreement, drift
from bench.runner import Task

STEPS = 3


def small(name: str) -> Task:
    """A few sequences, and pictures, of the row."""
    row = replace(ROWS[name], batch=4, example=(7,) if name == "lstm" else ROWS[name].example)
    return task_of(row)


@pytest.mark.parametrize("name", ["lstm", "dcgan"])
def test_mapsto_follows(name: str) -> None:
    task = small(name)
    runner = importlib.import_module(f"bench.{name}.on_mapsto").make(task, "compile")
    found = np.stack([runner.numbers(runner.step(number)).astype(np.float64) for number in range(STEPS)])
    expected, weights = follow(task, STEPS)
    assert disagreement(found, expected) < TOLERANCE / 10
    assert drift(runner.weights(), weights, task.weights) < DRIFT
    runner.restart()
    assert runner.numbers(runner.step(0)) == found[0]


def test_the_gradient_of_the_lstm_is_its_slope() -> None:
    task = small("lstm")
    rng = np.random.default_rng(0)
    weights = {path: array.astype(np.float64) for path, array in task.weights.items()}
    along = {path: rng.standard_normal(array.shape) for path, array in weights.items()}

    def loss(size: float) -> float:
        moved = {path: array + size * along[path] for path, array in weights.items()}
        return loss_and_gradients(task.row, moved, task.images[0], task.labels[0])[0]

    _, slopes = loss_and_gradients(task.row, weights, task.images[0], task.labels[0])
    wanted = (loss(1e-5) - loss(-1e-5)) / 2e-5
    np.testing.assert_allclose(sum(np.sum(slopes[path] * along[path]) for path in slopes), wanted, rtol=1e-6)


def test_the_arithmetic_of_a_step() -> None:
    assert flops(ROWS["lstm"]) == 2 * 3 * 6400 * (64 * 512 + 128 * 512 + 128 * 65)
    assert flops(ROWS["dcgan"]) > 0
