"""The plain NumPy training that all losses are held against, and that mapsto follows it."""

import numpy as np
import pytest

from bench import networks, on_mapsto, reference
from bench.networks import Row, batches, first_weights
from bench.peers import DRIFT, STEPS, TOLERANCE
from bench.runner import Task

SMALL = "conv 3, relu, pool, conv 4, relu, flatten, dense 6, relu, dense 10"
ROWS = {
    "pictures": Row("pictures", "", SMALL, (12, 13, 2), 8, "adam"),
    "dense": Row("dense", "", "dense 12, relu, dense 10", (32,), 8, "momentum"),
    "inference": Row("inference", "", SMALL, (12, 13, 2), 1, None),
}


def task_of(name: str) -> Task:
    row = ROWS[name]
    return Task(row, first_weights(row), *batches(row))


@pytest.mark.parametrize("name", ["pictures", "dense"])
def test_gradients_are_slopes(name: str) -> None:
    """Against differences of the loss along a random direction of every weight."""
    task = task_of(name)
    rng = np.random.Generator(np.random.PCG64(3))
    weights = {path: array.astype(np.float64) for path, array in task.weights.items()}
    _, gradients = reference.loss_and_gradients(task.row, weights, task.images[0], task.labels[0])
    assert set(gradients) == set(weights)
    for path, array in weights.items():
        along = rng.standard_normal(array.shape)

        def loss(h: float, path=path, array=array, along=along) -> float:
            moved = weights | {path: array + h * along}
            return reference.loss_and_gradients(task.row, moved, task.images[0], task.labels[0])[0]

        slope = (loss(1e-6) - loss(-1e-6)) / 2e-6
        np.testing.assert_allclose(np.sum(gradients[path] * along), slope, rtol=1e-6, err_msg=path)


@pytest.mark.parametrize("name", ROWS)
def test_mapsto_follows(name: str) -> None:
    task = task_of(name)
    runner = on_mapsto.make(task, "compile")
    found = np.stack([runner.numbers(runner.step(number)).astype(np.float64) for number in range(STEPS)])
    expected, weights = reference.follow(task, STEPS)
    assert found.shape == expected.shape
    assert reference.disagreement(found, expected) < TOLERANCE / 10
    if task.row.trains:
        assert reference.drift(runner.weights(), weights, task.weights) < DRIFT / 10
        runner.restart()
        assert runner.numbers(runner.step(0)) == found[0]  # the first weights again, bit for bit


@pytest.mark.parametrize("setting", [("ADAM", "beta1", 0.8), ("ADAM", "rate", 1.05e-5)])
def test_another_training_is_noticed(setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the small rate losses hardly show what the optimizer does; the weights do."""
    task = task_of("pictures")
    _, weights = reference.follow(task, STEPS)
    table, name, value = setting
    monkeypatch.setitem(getattr(networks, table), name, value)
    _, others = reference.follow(task, STEPS)
    assert reference.drift(others, weights, task.weights) > DRIFT


def test_missing_weights_are_noticed() -> None:
    assert reference.drift({}, {"w": np.ones(2)}, {"w": np.zeros(2)}) == float("inf")
