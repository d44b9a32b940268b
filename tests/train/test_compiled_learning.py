"""Learning by compiled steps comes out where learning by the reference does."""

from contextlib import nullcontext

import numpy as np
import pytest

import mapsto as mt
from mapsto import data
from mapsto.train.recipes import learner_for, recipe_for

SEEDS, EPOCHS = range(3), 2
NEAR = 0.003  # of mean accuracies


@pytest.fixture(scope="module")
def found():
    """By the reference, and compiled: accuracies and last losses of all seeds.

    They are judged on all 1,797 samples: of the 359 test samples alone, one is as much as is allowed.
    """
    train, test = data.load("digits", "train"), data.load("digits", "test")
    recipe = recipe_for("digits")

    def learned(seed, reference):
        with mt.interpret() if reference else nullcontext():
            learner = learner_for(recipe, len(train.classes))
            learner.fit(train, epochs=EPOCHS, batch_size=recipe.batch_size, seed=seed, progress=False)
            right = sum(learner.evaluate(samples)["accuracy"] * len(samples) for samples in (train, test))
            return right / (len(train) + len(test)), learner.history["loss"][-1]

    return [np.array([learned(seed, reference) for seed in SEEDS]) for reference in (True, False)]


def test_the_mean_accuracy_of_three_seeds_is_the_same(found):
    reference, compiled = (results[:, 0] for results in found)
    assert abs(compiled.mean() - reference.mean()) <= NEAR, (compiled, reference)
    assert compiled.mean() > 0.93


def test_so_are_the_losses(found):
    """To the seventh digit, unless a rounding lets a pooling choose another place: then all that follows differs."""
    reference, compiled = (results[:, 1] for results in found)
    np.testing.assert_allclose(compiled, reference, rtol=0.03)
    assert (compiled != reference).any(), "two ways to compute, not one twice"
