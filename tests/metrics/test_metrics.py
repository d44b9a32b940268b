"""Metrics agree with counting by hand, for every form of scores and targets and however the examples are cut."""

import math

import numpy as np
import pytest

import mapsto as mt
from mapsto import metrics

N, K = 157, 5
rng = np.random.default_rng(7)
SCORES = rng.standard_normal((N, K)).astype(np.float32)
LABELS = rng.integers(0, K, N)


def figure(metric: metrics.Metric, scores, labels, batch: int):
    """The figure over batches of one size, the last filled up with examples of weight 0, as the Learner does."""
    total = 0.0
    for start in range(0, len(scores), batch):
        x, y = scores[start : start + batch], labels[start : start + batch]
        missing = batch - len(x)
        weight = np.concatenate([np.ones(len(x)), np.zeros(missing)]).astype(np.float32)
        x = np.concatenate([x, np.full((missing, *x.shape[1:]), np.nan, np.float32)])
        y = np.concatenate([y, np.zeros((missing, *y.shape[1:]), y.dtype)])
        total = total + np.asarray(metric(x, y, weight), np.float64)
    return metric.value(total)


@pytest.mark.parametrize("batch", [1, 2, 32, 157, 200])
def test_the_batch_size_makes_no_difference(batch: int) -> None:
    right = float(np.mean(SCORES.argmax(1) == LABELS))
    assert figure(metrics.accuracy, SCORES, LABELS, batch) == right
    matrix = figure(metrics.confusion_matrix(K), SCORES, LABELS, batch)
    expected = np.zeros((K, K), np.int64)
    np.add.at(expected, (LABELS, SCORES.argmax(1)), 1)
    np.testing.assert_array_equal(matrix, expected)
    assert matrix.dtype == np.int64


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, np.bool_])
def test_one_hot_targets(dtype: type) -> None:
    hot = np.eye(K)[LABELS].astype(dtype)
    for metric in (metrics.accuracy, metrics.confusion_matrix(K)):
        np.testing.assert_array_equal(metric(SCORES, hot), metric(SCORES, LABELS))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_of_every_integer_type(dtype: type) -> None:
    np.testing.assert_array_equal(metrics.accuracy(SCORES, LABELS.astype(dtype)), metrics.accuracy(SCORES, LABELS))


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_binary_scores(column: bool, dtype: type) -> None:
    scores = np.array([-1.0, 0.0, 2.0, 3.0, -4.0], np.float32)  # 0.0 is not above the threshold
    truth = np.array([0, 0, 1, 0, 1]).astype(dtype)
    shape = (5, 1) if column else (5,)
    statistics = metrics.accuracy(scores.reshape(shape), truth.reshape(shape))
    assert np.asarray(statistics).tolist() == [3.0, 5.0]
    matrix = metrics.confusion_matrix(2)(scores.reshape(shape), truth)
    assert np.asarray(matrix).tolist() == [[2.0, 1.0], [1.0, 1.0]]


def test_equal_scores_choose_the_first_class() -> None:
    assert np.asarray(metrics.accuracy(np.zeros((2, 3), np.float32), [0, 1])).tolist() == [1.0, 2.0]


def test_no_example_has_no_accuracy() -> None:
    assert math.isnan(metrics.accuracy.value(np.zeros(2)))


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.confusion_matrix(K)])
def test_compiled_and_eager_count_the_same(metric: metrics.Metric) -> None:
    weight = (np.arange(N) % 3 > 0).astype(np.float32)
    compiled = mt.compile(lambda p, y, w: metric(p, y, w))(SCORES, LABELS, weight)
    np.testing.assert_array_equal(compiled, metric(SCORES, LABELS, weight))
    assert compiled.dtype == np.float32


def test_names() -> None:
    assert (str(metrics.accuracy.name), metrics.confusion_matrix(3).name) == ("accuracy", "confusion_matrix")


def test_a_metric_of_ones_own() -> None:
    class Ink(metrics.Metric):
        def __call__(self, prediction, target, weight=None):
            return mt.xp.sum(prediction)

        def value(self, statistics):
            return float(statistics)

    assert (Ink().name, Ink().value(Ink()(np.ones((2, 2), np.float32), [0, 1]))) == ("ink", 4.0)
    with pytest.raises(mt.UsageError, match="define __call__"):
        metrics.Metric()(SCORES, LABELS)
    with pytest.raises(mt.UsageError, match="define value"):
        metrics.Metric().value(np.zeros(2))


def scores_of(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("scores", "labels", "weight", "error", "fix"),
    [
        (scores_of(4, 3), np.zeros((4, 1), np.int64), None, mt.ShapeError, "squeeze the labels"),
        (scores_of(4, 3), np.zeros(5, np.int64), None, mt.ShapeError, "one integer per example"),
        (scores_of(4, 3), np.zeros((4, 2), np.float32), None, mt.ShapeError, "one-hot"),
        (scores_of(4, 3), np.zeros(4, np.float32), None, mt.ShapeError, "class labels are integers"),
        (scores_of(4, 1), np.zeros((4, 3), np.float32), None, mt.ShapeError, "one integer per example"),
        (scores_of(4, 2, 3), np.zeros(4, np.int64), None, mt.ShapeError, "one row of scores"),
        (scores_of(), np.zeros((), np.int64), None, mt.ShapeError, "one row of scores"),
        (np.zeros(4, np.int64), np.zeros(4, np.int64), None, mt.DTypeError, "give the scores"),
        (scores_of(4, 3), np.zeros(4, np.int64), scores_of(3), mt.ShapeError, "0.0 for padding"),
    ],
)
def test_what_does_not_fit_is_refused(scores, labels, weight, error: type[Exception], fix: str) -> None:
    for metric in (metrics.accuracy, metrics.confusion_matrix(3 if scores.ndim > 1 else 2)):
        with pytest.raises(error, match=fix):
            metric(scores, labels, weight)


def test_the_number_of_classes_is_checked() -> None:
    with pytest.raises(mt.ShapeError, match=r"5 classes, not 4[\s\S]*confusion_matrix\(5\)"):
        metrics.confusion_matrix(4)(SCORES, LABELS)
    for wrong in (1, 0, -2, True, 2.0, "ten"):
        with pytest.raises(mt.UsageError, match=r"train\.classes"):
            metrics.confusion_matrix(wrong)  # type: ignore[arg-type]


def test_scores_of_a_net_that_has_diverged_are_not_the_best() -> None:
    scores, labels = np.full((4, 5), np.nan, np.float32), [0, 1, 2, 3]
    top = metrics.TopK(2)
    assert top.value(np.asarray(top(scores, labels))) == 0.0
    for metric in (metrics.auc, metrics.average_precision):
        assert math.isnan(metric.value(np.asarray(metric(scores[:, 0], [0, 1, 0, 1]))))
