"""Losses at ±10⁴, at their kinks, with masked classes and for batches of nothing."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, xp

OF_LABELS = {
    "cross_entropy": losses.cross_entropy,
    "smoothed": losses.CrossEntropy(smoothing=0.1, weights=(1, 2, 3)),
    "focal": losses.focal,
    "focal half": losses.Focal(gamma=0.5),
    "focal none": losses.Focal(gamma=0),
    "hinge": losses.hinge,
    "hinge all": losses.Hinge(others="all", squared=True),
    "dice": losses.dice,
}
OF_NUMBERS = {
    "binary_cross_entropy": losses.binary_cross_entropy,
    "positive": losses.BinaryCrossEntropy(positive=3.0, smoothing=0.2),
    "binary_focal": losses.binary_focal,
    "binary_focal half": losses.BinaryFocal(gamma=0.5, alpha=0.25),
    "binary_hinge": losses.binary_hinge,
    "binary_dice": losses.binary_dice,
    "huber": losses.huber,
    "log_cosh": losses.log_cosh,
    "mae": losses.mae,
    "mse": losses.mse,
    "cosine": losses.cosine,
    "kl": losses.kl,
}
LARGE = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [0, 0, 0], [-0.0, 1e-4, -1e4]])


def finite_to_second_order(loss, x, t):
    first = mt.grad(lambda x: xp.sum(loss(x, t)))
    second = mt.grad(lambda x: xp.sum(first(x) * first(x)) + xp.sum(x))
    return all(np.isfinite(np.asarray(f(x))).all() for f in (lambda x: loss(x, t), first, second))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", OF_LABELS.values(), ids=OF_LABELS)
def test_losses_of_labels_are_finite(loss, dtype):
    x = xp.asarray(LARGE.astype(dtype))
    for label in range(3):
        assert finite_to_second_order(loss, x, xp.asarray(np.full(6, label)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", OF_NUMBERS.values(), ids=OF_NUMBERS)
def test_losses_of_numbers_are_finite(loss, dtype):
    x = xp.asarray(LARGE.astype(dtype))
    for target in ([1, 0, 0], [0, 0.5, 0.5], [0, 1, 0]):
        assert finite_to_second_order(loss, x, xp.asarray(np.full((6, 3), target, dtype)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_embeddings_that_coincide_or_are_far_apart(dtype):
    same = np.array([[0.5, -2.0]] * 3)
    x = xp.asarray(np.stack([same, same * 1e4, same + 1e4 * np.eye(3, 2)]).astype(dtype))
    for loss in (losses.triplet, losses.Triplet(squared=True)):
        assert finite_to_second_order(loss, x, None)
    for target in (np.zeros(3), np.ones(3)):
        assert finite_to_second_order(losses.contrastive, x[:, :2], xp.asarray(target.astype(dtype)))


@pytest.mark.parametrize("name", ["cross_entropy", "smoothed", "focal", "focal half", "hinge", "hinge all", "dice"])
def test_a_masked_class_has_no_part_in_any_loss_of_labels(name):
    loss, x = OF_LABELS[name], np.array([[1.0, 0.25, -np.inf], [-0.5, 3.0, -np.inf]])
    if name == "smoothed":  # of two classes, as there would be two weights
        found = loss(xp.asarray(x), np.array([0, 1]))
        without = losses.CrossEntropy(smoothing=0.1, weights=(1, 2))(xp.asarray(x[:, :2]), np.array([0, 1]))
    else:
        found, without = loss(xp.asarray(x), np.array([0, 1])), loss(xp.asarray(x[:, :2]), np.array([0, 1]))
    shared = {"hinge all": 2 / 3, "dice": 2 / 3}.get(name, 1.0)  # the mean is over all classes, the masked one too
    np.testing.assert_allclose(found, shared * np.asarray(without), rtol=1e-14)
    slope = np.asarray(mt.grad(lambda x: xp.sum(loss(x, np.array([0, 1]))))(xp.asarray(x)))
    assert np.isfinite(slope).all() and not slope[:, 2].any()


def test_kl_of_a_masked_class():
    x = xp.asarray([[0.0, -np.inf, 0.0]], dtype=xp.float64)
    np.testing.assert_allclose(losses.kl(x, [[0.5, 0.0, 0.5]]), [0.0], atol=1e-15)
    assert np.asarray(losses.kl(x, [[0.5, 0.5, 0.0]])).tolist() == [np.inf]


def second_derivative(loss, x):
    of = lambda x: loss(xp.expand_dims(x), np.zeros(1))[0]
    return float(mt.grad(mt.grad(of))(xp.asarray(x, dtype=xp.float64)))


@pytest.mark.parametrize(("loss", "wanted"), [(losses.huber, 1), (losses.log_cosh, 1), (losses.mse, 2)])
def test_curvature_where_prediction_and_target_are_equal(loss, wanted):
    assert second_derivative(loss, 0.0) == pytest.approx(wanted, rel=1e-14)


def test_log_cosh_loses_nothing_near_zero_and_joins_smoothly_at_one():
    small = np.array([1e-8, -1e-5, 1e-3, 0.5])
    wanted = small**2 / 2 - small**4 / 12 + small**6 / 45 - 17 * small**8 / 2520
    found = losses.log_cosh(small, np.zeros(4))
    np.testing.assert_allclose(np.asarray(found)[:3], wanted[:3], rtol=1e-14)
    sides = np.asarray(losses.log_cosh(np.array([1 - 1e-15, 1.0]), np.zeros(2)))
    np.testing.assert_allclose(sides, np.log(np.cosh(1.0)), rtol=1e-14)
    assert second_derivative(losses.log_cosh, 1.0) == pytest.approx(1 / np.cosh(1) ** 2, rel=1e-13)


def test_binary_cross_entropy_keeps_what_is_left_of_a_sure_answer():
    found = losses.binary_cross_entropy(np.array([50.0, -50.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(found, [np.exp(-50.0)] * 2, rtol=1e-14)


def test_the_gradient_of_no_length_is_zero():
    t = xp.asarray([[1.0, 2.0]])
    assert losses.cosine([[0.0, 0.0]], t).tolist() == [1.0]
    slope = mt.grad(lambda x: xp.sum(losses.cosine(x, t)))(xp.zeros((1, 2)))
    assert np.isfinite(np.asarray(slope)).all()
    both = xp.asarray([[[1.0, 2.0], [1.0, 2.0]]])
    slope = mt.grad(lambda x: xp.sum(losses.contrastive(x, [0])))(both)
    assert not np.asarray(slope).any()


@pytest.mark.parametrize("loss", [*OF_NUMBERS.values(), losses.poisson], ids=[*OF_NUMBERS, "poisson"])
def test_numbers_of_no_example_and_of_integers(loss):
    assert loss(xp.zeros((0, 3)), xp.zeros((0, 3))).shape == (0,)
    whole = np.array([[1, 0, 0], [0, 0, 1]])
    assert loss(whole, whole).dtype == np.float32
    np.testing.assert_allclose(loss(whole, whole), loss(whole.astype(np.float32), whole), rtol=1e-6)


@pytest.mark.parametrize("loss", OF_LABELS.values(), ids=OF_LABELS)
def test_labels_of_no_example(loss):
    assert loss(xp.zeros((0, 3)), xp.zeros((0,), dtype=xp.int64)).shape == (0,)
    assert loss(xp.zeros((0, 4, 3)), xp.zeros((0, 4), dtype=xp.int64)).shape == (0,)


@pytest.mark.parametrize("loss", OF_LABELS.values(), ids=OF_LABELS)
def test_labels_of_half_floats(loss):
    x = np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]], np.float16)
    found = loss(xp.asarray(x), np.array([1, 0]))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, loss(x.astype(np.float64), np.array([1, 0])), rtol=5e-3)
