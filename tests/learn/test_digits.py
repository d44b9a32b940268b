"""The default recipe on digits: five seeds, mean test accuracy 0.975, minimum 0.965, each under a minute."""

import time
from functools import cache

import pytest

from mapsto import data
from mapsto.train.recipes import learner_for, recipe_for

SEEDS, MEAN, MINIMUM, SECONDS = range(5), 0.975, 0.965, 60


@cache
def trained(seed):
    """Test accuracy of one seed, and the processor's seconds (a busy machine must not fail it)."""
    train, test = data.load("digits", "train"), data.load("digits", "test")
    recipe = recipe_for("digits")
    learner = learner_for(recipe, len(train.classes))
    began = time.process_time()
    learner.fit(train, epochs=recipe.epochs, batch_size=recipe.batch_size, seed=seed)
    seconds = time.process_time() - began
    return learner.evaluate(test)["accuracy"], seconds


@pytest.mark.parametrize("seed", SEEDS)
def test_one_seed(seed):
    accuracy, seconds = trained(seed)
    print(f"seed {seed}: accuracy {accuracy:.4f} in {seconds:.1f} s")
    assert accuracy >= MINIMUM
    assert seconds < SECONDS


def test_the_mean_of_all():
    found = [trained(seed)[0] for seed in SEEDS]
    assert sum(found) / len(found) >= MEAN, found
