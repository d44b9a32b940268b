"""Metrics of classes equal scikit-learn's on random input, however the examples are cut into batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

import mapsto as mt
from mapsto import metrics
from mapsto.train.results import Averages

AVERAGES = ("macro", "micro", "weighted", "none")


def draw(seed: int, n: int, classes: int, ties: bool = False) -> tuple[Any, Any]:
    """Scores in float64 of some quality, and labels that have every class."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    scores = rng.standard_normal((n, classes)) + 1.5 * np.eye(classes)[labels]
    return (np.round(scores, 0 if ties else 12), labels)


def figure(metric: metrics.Metric, scores: Any, labels: Any, batch: int) -> Any:
    """As the Learner: statistics of batches, the last filled up with NaN of weight 0, merged on the host."""
    averages = Averages([metric])
    for start in range(0, len(scores), batch):
        x, y = scores[start : start + batch], labels[start : start + batch]
        gap = batch - len(x)
        x = np.concatenate([x, np.full((gap, *x.shape[1:]), np.nan)])
        weight = np.concatenate([np.ones(len(y)), np.zeros(gap)])
        y = np.concatenate([y, np.zeros(gap, y.dtype)])
        averages.add({metric.name: metric(x, y, weight)}, len(x))
    return averages.values()[metric.name]


@pytest.mark.parametrize("batch", [7, 64, 1000])
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("average", AVERAGES)
def test_precision_recall_f1(average: str, classes: int, batch: int) -> None:
    scores, labels = draw(1, 300, classes)
    chosen = scores.argmax(1)
    given_average = None if average == "none" else average
    theirs = sk.precision_recall_fscore_support(labels, chosen, average=given_average, zero_division=0)
    ours = [figure(kind(average), scores, labels, batch) for kind in (metrics.Precision, metrics.Recall, metrics.F1)]
    for found, wanted in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_binary_scores_in_one_column() -> None:
    scores, labels = draw(2, 200, 2)
    margin = scores[:, 1] - scores[:, 0]
    theirs = sk.precision_recall_fscore_support(labels, margin > 0, average="binary")
    for kind, wanted in zip((metrics.Precision, metrics.Recall, metrics.F1), theirs, strict=False):
        for form in (margin, margin[:, None], scores):
            np.testing.assert_allclose(figure(kind("binary"), form, labels, 33), wanted, rtol=1e-12)


def test_a_class_nobody_is_taken_for() -> None:
    scores = np.array([[1.0, 0.0, -1.0]] * 4)
    labels = np.array([0, 1, 2, 2])
    theirs = sk.precision_recall_fscore_support(labels, scores.argmax(1), average=None, zero_division=0)
    for kind, wanted in zip((metrics.Precision, metrics.Recall, metrics.F1), theirs, strict=False):
        np.testing.assert_allclose(figure(kind("none"), scores, labels, 3), wanted, rtol=1e-12)


@pytest.mark.parametrize("average", AVERAGES[:3])
def test_classes_that_are_nowhere_do_not_count(average: str) -> None:
    scores, labels = draw(7, 60, 4)
    scores = np.concatenate([scores[:, :3], np.full((60, 1), -9.0), scores[:, 3:], np.full((60, 2), -9.0)], axis=1)
    labels = np.where(labels == 3, 4, labels)
    theirs = sk.precision_recall_fscore_support(labels, scores.argmax(1), average=average, zero_division=0)
    ours = [figure(kind(average), scores, labels, 7) for kind in (metrics.Precision, metrics.Recall, metrics.F1)]
    np.testing.assert_allclose(ours, theirs[:3], rtol=1e-12)


MANY = [metrics.accuracy, metrics.f1, metrics.precision, metrics.recall, metrics.auc, metrics.average_precision]


@pytest.mark.parametrize("metric", [*MANY, metrics.TopK(2), metrics.confusion_matrix(4)], ids=lambda one: one.name)
@pytest.mark.parametrize("ignored", [-100, -1, 4, 255])
def test_labels_that_are_no_class_count_nowhere(metric: metrics.Metric, ignored: int) -> None:
    scores, labels = draw(8, 60, 4)
    kept = np.arange(60) % 5 > 0
    wanted = figure(metric, scores[kept], labels[kept], 60)
    np.testing.assert_allclose(figure(metric, scores, np.where(kept, labels, ignored), 7), wanted, rtol=1e-12)


@pytest.mark.parametrize("metric", [*MANY, metrics.confusion_matrix(2)], ids=lambda one: one.name)
@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_targets_of_two_classes_that_are_none_count_nowhere(metric: metrics.Metric, dtype: Any) -> None:
    scores, labels = draw(9, 60, 2)
    kept = np.arange(60) % 5 > 0
    wanted = figure(metric, scores[kept, 1], labels[kept], 60)
    targets = np.where(kept, labels, -1).astype(dtype)
    np.testing.assert_allclose(figure(metric, scores[:, 1], targets, 7), wanted, rtol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("batch", [7, 1000])
def test_two_classes_ranked(batch: int, ties: bool) -> None:
    scores, labels = draw(3, 300, 2, ties)
    margin = scores[:, 1] - scores[:, 0]
    for form in (margin, margin[:, None], scores):
        found = figure(metrics.auc, form, labels, batch)
        np.testing.assert_allclose(found, sk.roc_auc_score(labels, margin), rtol=1e-12)
        found = figure(metrics.average_precision, form, labels, batch)
        np.testing.assert_allclose(found, sk.average_precision_score(labels, margin), rtol=1e-12)


@pytest.mark.parametrize("batch", [7, 1000])
def test_many_classes_ranked_one_against_the_others(batch: int) -> None:
    scores, labels = draw(4, 300, 5)
    probability = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    wanted = sk.roc_auc_score(labels, probability, multi_class="ovr", average="macro")
    np.testing.assert_allclose(figure(metrics.auc, scores, labels, batch), wanted, rtol=1e-12)
    wanted = sk.average_precision_score(np.eye(5)[labels], probability, average="macro")
    np.testing.assert_allclose(figure(metrics.average_precision, scores, labels, batch), wanted, rtol=1e-12)


def test_one_kind_of_example_has_no_ranking() -> None:
    scores = np.array([0.5, 0.25])
    assert np.isnan(figure(metrics.auc, scores, np.array([1, 1]), 2))
    assert np.isnan(figure(metrics.average_precision, scores, np.array([0, 0]), 2))
    assert np.isnan(metrics.auc.value(np.zeros((0, 3))))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k(k: int) -> None:
    scores, labels = draw(5, 300, 6)
    found = figure(metrics.TopK(k), scores, labels, 64)
    np.testing.assert_allclose(found, sk.top_k_accuracy_score(labels, scores, k=k, labels=range(6)), rtol=1e-12)


def test_top_1_is_the_accuracy_also_at_ties() -> None:
    scores, labels = draw(6, 300, 4, ties=True)
    assert figure(metrics.TopK(1), scores, labels, 50) == figure(metrics.accuracy, scores, labels, 50)


def test_an_infinite_score_does_not_spoil_the_ranks() -> None:
    scores = np.array([[-np.inf, 1.0, 0.0], [0.0, -np.inf, 1.0]])
    assert figure(metrics.TopK(2), scores, np.array([1, 1]), 2) == 0.5


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(4, 60), classes=st.integers(2, 4), batch=st.integers(1, 70))
def test_no_cut_makes_a_difference(seed: int, n: int, classes: int, batch: int) -> None:
    scores, labels = draw(seed, n, classes, ties=True)
    for metric in (metrics.f1, metrics.auc, metrics.average_precision, metrics.precision, metrics.recall):
        whole = figure(metric, scores, labels, n)
        np.testing.assert_allclose(figure(metric, scores, labels, batch), whole, rtol=1e-12)


def test_the_learner_shows_them() -> None:
    net = mt.image.scale(1 / 16) >> mt.nn.Flatten() >> mt.nn.Dense(10)
    judged = [metrics.f1, metrics.auc, metrics.TopK(3), metrics.Recall("none")]
    loss, rate = mt.losses.cross_entropy, mt.optim.adam(1e-2)
    learner = mt.Learner(net, loss=loss, optimizer=rate, metrics=judged)
    samples = mt.data.load("digits").take(300)
    history = learner.fit(samples, epochs=2, validation=0.2, progress=False)
    assert history["validation top_3"][-1] > 0.8
    result = learner.evaluate(samples)
    scores = np.asarray(learner.predict(samples))
    assert result.values["recall_none"].shape == (10,)
    probability = np.exp(scores.astype(float))
    probability /= probability.sum(1, keepdims=True)
    wanted = sk.roc_auc_score(samples.y, probability, multi_class="ovr")
    np.testing.assert_allclose(result["auc"], wanted, rtol=1e-6)


def test_wrong_arguments() -> None:
    with pytest.raises(mt.UsageError, match="did you mean 'macro'"):
        metrics.F1("makro")
    with pytest.raises(mt.UsageError, match="whole number of 1 or more"):
        metrics.TopK(0)
    with pytest.raises(mt.ShapeError, match="choose k below the number of classes"):
        metrics.TopK(3)(np.zeros((2, 3)), [0, 1])


def test_two_metrics_of_one_name_are_refused() -> None:
    net, loss, rate = mt.nn.Dense(3), mt.losses.cross_entropy, mt.optim.sgd(0.1)
    with pytest.raises(mt.UsageError, match="two metrics are called f1"):
        mt.Learner(net, loss=loss, optimizer=rate, metrics=[metrics.f1, metrics.F1()])
    mt.Learner(net, loss=loss, optimizer=rate, metrics=[metrics.f1, metrics.F1("micro"), metrics.iou])
