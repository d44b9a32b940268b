"""Losses against their formulas in float64, at extremes, and what they refuse."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, xp

RNG = np.random.default_rng(0)
SCORES = RNG.normal(0, 3, (6, 4))
LABELS = np.array([0, 1, 2, 3, 0, 2])
ONE_HOT = np.eye(4)[LABELS]


def log_softmax(x):
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def values(loss, prediction, target):
    return np.asarray(loss(xp.asarray(prediction), xp.asarray(target)))


def slopes(loss, prediction, target):
    return np.asarray(mt.grad(lambda p: xp.sum(loss(p, xp.asarray(target))))(xp.asarray(prediction)))


def test_cross_entropy_is_minus_the_log_of_the_probability():
    wanted = -log_softmax(SCORES)[np.arange(6), LABELS]
    np.testing.assert_allclose(values(losses.cross_entropy, SCORES, LABELS), wanted, rtol=1e-13)
    np.testing.assert_allclose(
        slopes(losses.cross_entropy, SCORES, LABELS), np.exp(log_softmax(SCORES)) - ONE_HOT, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_one_hot_is_the_same_as_integer_labels(dtype):
    by_label = values(losses.cross_entropy, SCORES, LABELS)
    np.testing.assert_array_equal(values(losses.cross_entropy, SCORES, ONE_HOT.astype(dtype)), by_label)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint64])
def test_labels_may_be_any_integers(dtype):
    np.testing.assert_array_equal(
        values(losses.cross_entropy, SCORES, LABELS.astype(dtype)), values(losses.cross_entropy, SCORES, LABELS)
    )


def test_cross_entropy_of_a_distribution():
    target = RNG.dirichlet(np.ones(4), 6)
    wanted = -(target * log_softmax(SCORES)).sum(1)
    np.testing.assert_allclose(values(losses.cross_entropy, SCORES, target), wanted, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_is_finite_at_ten_thousand(dtype):
    scores = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]], dtype)
    labels = np.array([0, 0, 1, 2])
    found, slope = values(losses.cross_entropy, scores, labels), slopes(losses.cross_entropy, scores, labels)
    np.testing.assert_allclose(found, [0, 2e4, np.log(3), np.log(3)], rtol=1e-3, atol=1e-6)
    assert found.dtype == dtype and np.isfinite(slope).all()
    np.testing.assert_allclose(slope[1], [-1, 1, 0], atol=1e-6)


def test_a_masked_class_has_no_part_in_it():
    scores = np.array([[1.0, -np.inf, 0.0]])
    found = values(losses.cross_entropy, scores, np.array([0]))
    np.testing.assert_allclose(found, [np.log(1 + np.exp(-1))], rtol=1e-14)
    np.testing.assert_array_equal(values(losses.cross_entropy, scores, np.array([[1.0, 0.0, 0.0]])), found)
    assert np.isfinite(slopes(losses.cross_entropy, scores, np.array([0]))).all()
    assert values(losses.cross_entropy, scores, np.array([1])) == [np.inf]
    assert np.isnan(values(losses.cross_entropy, np.array([[1.0, np.nan]]), np.array([0]))).all()


def test_the_targets_of_cross_entropy_have_a_gradient_too():
    found = np.asarray(mt.grad(lambda t: xp.sum(losses.cross_entropy(xp.asarray(SCORES), t)))(xp.asarray(ONE_HOT)))
    np.testing.assert_allclose(found, -log_softmax(SCORES), rtol=1e-13)


def test_cross_entropy_of_sequences_is_the_mean_over_their_places():
    scores, labels = RNG.normal(size=(3, 5, 4)), RNG.integers(0, 4, (3, 5))
    rows = values(losses.cross_entropy, scores.reshape(15, 4), labels.reshape(15)).reshape(3, 5)
    np.testing.assert_allclose(values(losses.cross_entropy, scores, labels), rows.mean(1), rtol=1e-13)


def test_binary_cross_entropy_is_its_formula():
    target = RNG.uniform(size=(6, 4))
    p = 1 / (1 + np.exp(-SCORES))
    wanted = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean(1)
    np.testing.assert_allclose(values(losses.binary_cross_entropy, SCORES, target), wanted, rtol=1e-12)
    np.testing.assert_allclose(
        slopes(losses.binary_cross_entropy, SCORES, target), (p - target) / 4, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_is_finite_at_ten_thousand_and_smooth_at_zero(dtype):
    scores, target = np.array([1e4, -1e4, 1e4, -1e4, 0, -0.0], dtype), np.array([1, 0, 0, 1, 1, 0], dtype)
    found = values(losses.binary_cross_entropy, scores, target)
    np.testing.assert_allclose(found, [0, 0, 1e4, 1e4, np.log(2), np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(slopes(losses.binary_cross_entropy, scores, target), [0, 0, 1, -1, -0.5, 0.5], atol=1e-6)


def test_binary_targets_may_be_integers_or_truth_values():
    target = np.array([0, 1, 1, 0, 1, 0])
    wanted = values(losses.binary_cross_entropy, SCORES[:, 0], target.astype(np.float64))
    for other in (target, target.astype(np.uint8), target.astype(bool)):
        np.testing.assert_allclose(values(losses.binary_cross_entropy, SCORES[:, 0], other), wanted, rtol=1e-13)


def test_mse_is_the_mean_square():
    target = RNG.normal(size=(6, 4))
    np.testing.assert_allclose(values(losses.mse, SCORES, target), ((SCORES - target) ** 2).mean(1), rtol=1e-13)
    np.testing.assert_allclose(slopes(losses.mse, SCORES, target), (SCORES - target) / 2, rtol=1e-13)
    assert values(losses.mse, [1.0, 3.0], [0, 1]).tolist() == [1.0, 4.0]


@pytest.mark.parametrize("loss", [losses.mse, losses.binary_cross_entropy])
@pytest.mark.parametrize(
    ("prediction", "target"),
    [((6,), (6, 1)), ((6, 1), (6,)), ((6, 4), (4,)), ((6, 4), (1, 4)), ((6, 4), (5, 4)), ((6,), ()), ((), ())],
    ids=str,
)
def test_losses_of_numbers_refuse_to_broadcast(loss, prediction, target):
    with pytest.raises(mt.ShapeError) as error:
        loss(xp.zeros(prediction), xp.zeros(target))
    assert error.value.fix


@pytest.mark.parametrize(
    ("scores", "target"),
    [
        ((6, 4), np.zeros((6, 1), np.int64)),
        ((6, 4), np.zeros(5, np.int64)),
        ((6, 4), np.zeros((6, 3))),
        ((6, 4), np.zeros((), np.int64)),
        ((6,), np.zeros(6, np.int64)),
        ((6, 5, 4), np.zeros(6, np.int64)),
    ],
    ids=str,
)
def test_cross_entropy_refuses_other_shapes(scores, target):
    with pytest.raises(mt.ShapeError) as error:
        losses.cross_entropy(xp.zeros(scores), xp.asarray(target))
    assert error.value.fix


def test_cross_entropy_refuses_labels_that_are_no_classes():
    with pytest.raises(mt.DTypeError, match="integer labels"):
        losses.cross_entropy(xp.zeros((6, 4)), xp.zeros(6))
    for label in (-1, 4):
        with pytest.raises(mt.DataError, match=f"label {label} at index 2"):
            losses.cross_entropy(xp.zeros((6, 4)), np.array([0, 1, label, 3, 0, 0]))
        with pytest.raises(mt.IndexRangeError, match=f"index {label} "):
            mt.compile(losses.cross_entropy)(xp.zeros((2, 4)), np.array([0, label]))


@pytest.mark.parametrize("loss", [losses.mse, losses.binary_cross_entropy, losses.cross_entropy])
def test_one_value_per_example(loss):
    assert loss(xp.zeros((6, 4)), xp.full((6, 4), 0.25)).shape == (6,)
    assert loss(xp.zeros((0, 4)), xp.zeros((0, 4))).shape == (0,)
    assert loss(xp.zeros((2, 3, 4)), xp.full((2, 3, 4), 0.25)).shape == (2,)
