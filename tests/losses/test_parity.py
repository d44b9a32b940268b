"""Values and gradients of losses equal PyTorch's, or the published formula's, in float64: scripts/torch_losses.py."""

from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, xp

STORED = np.load(Path(__file__).parents[1] / "stored" / "torch_losses.npz")
WEIGHTS = (0.5, 2.0, 0.0, 1.25, 3.0)

CASES = {
    "cross_entropy": ("scores", "labels", losses.cross_entropy),
    "cross_entropy large": ("large_scores", "labels", losses.cross_entropy),
    "cross_entropy smoothing": ("scores", "labels", losses.CrossEntropy(smoothing=0.1)),
    "cross_entropy weights": ("scores", "labels", losses.CrossEntropy(weights=WEIGHTS)),
    "cross_entropy ignore": ("scores", "some_labels", losses.CrossEntropy(ignore=-1)),
    "cross_entropy all": ("scores", "some_labels", losses.CrossEntropy(ignore=-1, weights=WEIGHTS, smoothing=0.3)),
    "cross_entropy distributions": ("scores", "distributions", losses.cross_entropy),
    "cross_entropy distributions all": (
        "scores",
        "distributions",
        losses.CrossEntropy(weights=WEIGHTS, smoothing=0.2),
    ),
    "cross_entropy places": ("place_scores", "place_labels", losses.CrossEntropy(ignore=-100)),
    "cross_entropy places all": (
        "place_scores",
        "place_labels",
        losses.CrossEntropy(ignore=-100, weights=WEIGHTS, smoothing=0.3),
    ),
    "binary_cross_entropy": ("scores", "truth", losses.binary_cross_entropy),
    "binary_cross_entropy large": ("large_scores", "truth", losses.binary_cross_entropy),
    "binary_cross_entropy flat": ("flat", "flat_labels", losses.binary_cross_entropy),
    "binary_cross_entropy degrees": ("scores", "degrees", losses.binary_cross_entropy),
    "binary_cross_entropy smoothing": ("scores", "truth", losses.BinaryCrossEntropy(smoothing=0.1)),
    "binary_cross_entropy positive": ("scores", "truth", losses.BinaryCrossEntropy(positive=2.0)),
    "binary_cross_entropy positives": ("scores", "degrees", losses.BinaryCrossEntropy(positive=WEIGHTS)),
    "binary_cross_entropy ignore": ("scores", "some_truth", losses.BinaryCrossEntropy(ignore=-1)),
    "focal": ("scores", "labels", losses.focal),
    "focal half": ("scores", "labels", losses.Focal(gamma=0.5)),
    "focal none": ("scores", "labels", losses.Focal(gamma=0)),
    "focal weights": ("scores", "labels", losses.Focal(gamma=3, weights=WEIGHTS)),
    "focal places": ("place_scores", "all_place_labels", losses.focal),
    "binary_focal": ("scores", "truth", losses.binary_focal),
    "binary_focal alpha": ("scores", "truth", losses.BinaryFocal(gamma=1.5, alpha=0.25)),
    "hinge": ("scores", "labels", losses.hinge),
    "hinge squared": ("scores", "labels", losses.Hinge(margin=4.0, squared=True)),
    "hinge places": ("place_scores", "all_place_labels", losses.Hinge(margin=2.0)),
    "hinge all": ("scores", "labels", losses.Hinge(others="all")),
    "hinge all squared": ("scores", "labels", losses.Hinge(others="all", squared=True, margin=2.5)),
    "binary_hinge": ("scores", "truth", losses.binary_hinge),
    "binary_hinge squared": ("scores", "truth", losses.BinaryHinge(margin=2.0, squared=True)),
    "mse": ("scores", "numbers", losses.mse),
    "mae": ("scores", "numbers", losses.mae),
    "huber": ("scores", "numbers", losses.huber),
    "huber wide": ("scores", "numbers", losses.Huber(delta=2.75)),
    "huber flat": ("flat", "flat_labels", losses.Huber(delta=0.5)),
    "log_cosh": ("scores", "numbers", losses.log_cosh),
    "kl": ("scores", "distributions", losses.kl),
    "kl log": ("scores", "distributions", losses.KL(takes="log_probabilities")),
    "poisson": ("scores", "counts", losses.poisson),
    "poisson full": ("scores", "counts", losses.Poisson(full=True)),
    "poisson rate": ("rates", "counts", losses.Poisson(takes="rate")),
    "poisson rate full": ("rates", "counts", losses.Poisson(takes="rate", full=True)),
    "cosine": ("scores", "numbers", losses.cosine),
    "dice": ("place_scores", "all_place_labels", losses.dice),
    "dice ignore": ("place_scores", "place_labels", losses.Dice(smooth=0.25, ignore=-100)),
    "dice probabilities": ("shares", "all_place_labels", losses.Dice(smooth=1e-3, takes="probabilities")),
    "binary_dice": ("scores", "truth", losses.binary_dice),
    "binary_dice ignore": ("scores", "some_truth", losses.BinaryDice(smooth=0.5, ignore=-1)),
    "triplet": ("triples", "same", losses.triplet),
    "triplet margin": ("triples", "same", losses.Triplet(margin=3.0)),
    "triplet squared": ("triples", "same", losses.Triplet(margin=0.2, squared=True)),
    "contrastive": ("pairs", "same", losses.contrastive),
    "contrastive margin": ("pairs", "same", losses.Contrastive(margin=2.5)),
}


def given(case):
    prediction, target, loss = CASES[case]
    return xp.asarray(STORED[f"input/{prediction}"]), xp.asarray(STORED[f"input/{target}"]), loss


def test_every_stored_case_is_compared():
    assert {name.removeprefix("value/") for name in STORED.files if name.startswith("value/")} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case):
    x, t, loss = given(case)
    value = loss(x, t)
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, STORED[f"value/{case}"], rtol=1e-10, atol=1e-14)
    slope = mt.grad(lambda x: xp.sum(loss(x, t)))(x)
    np.testing.assert_allclose(slope, STORED[f"gradient/{case}"], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_compiled_and_in_float32(case):
    x, t, loss = given(case)
    np.testing.assert_allclose(mt.compile(loss)(x, t), STORED[f"value/{case}"], rtol=1e-10, atol=1e-14)
    short = xp.astype(t, xp.float32) if t.dtype == np.float64 else t
    value = loss(xp.astype(x, xp.float32), short)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, STORED[f"value/{case}"], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_an_example_has_its_value_to_itself(case):
    x, t, loss = given(case)
    alone = mt.vmap(lambda x, t: loss(xp.expand_dims(x), xp.expand_dims(t))[0])(x, t)
    np.testing.assert_allclose(alone, STORED[f"value/{case}"], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_the_second_order_is_the_difference_of_the_first(case):
    x, t, loss = given(case)
    first = mt.grad(lambda x: xp.sum(loss(x, t)))
    way = np.random.default_rng(0).normal(size=x.shape)
    # ½x² besides, so that a loss which is linear has a second derivative to compare as well.
    second = np.asarray(mt.grad(lambda x: xp.sum(first(x) * xp.asarray(way) + x * x / 2))(x) - x)
    h = 1e-5
    ahead, behind = (np.asarray(first(x + side * h * xp.asarray(way))) for side in (1.0, -1.0))
    np.testing.assert_allclose(second, (ahead - behind) / (2 * h), atol=2e-8 * max(1.0, float(np.abs(second).max())))
