"""Intersection over union and Dice equal scikit-learn's Jaccard index and F1 over the places, for any cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, jaccard_score

import mapsto as mt
from mapsto import metrics

PAIRS = {"iou": (metrics.IoU, jaccard_score), "dice": (metrics.Dice, f1_score)}
AVERAGES = ["macro", "micro", "weighted", "none"]


def figure(metric, scores, labels, weight, cuts=()):
    total = None
    for rows in np.split(np.arange(len(labels)), sorted(cuts)):
        found = np.asarray(metric(scores[rows], labels[rows], weight[rows])) if len(rows) else 0.0
        total = found if total is None else metric.merge(total, found)
    return metric.value(total)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 8),
    classes=st.integers(2, 5),
    cuts=st.lists(st.integers(0, 8), max_size=3),
)
def test_equal_to_scikit_learn_for_any_cut(name, average, seed, n, classes, cuts):
    make, peer = PAIRS[name]
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, 3, 4, classes)).astype(np.float32)
    labels = rng.integers(0, rng.integers(1, classes + 1), (n, 3, 4))  # a class may be missing
    weight = rng.integers(0, 3, n).astype(np.float32)
    weight[rng.integers(n)] = 1.0
    found = figure(make(average), scores, labels, weight, [min(cut, n) for cut in cuts])
    chosen, places = scores.argmax(-1).ravel(), np.repeat(weight, 12)
    counted = places > 0
    there = np.union1d(labels.ravel()[counted], chosen[counted])
    options = {"labels": there, "average": None if average == "none" else average, "zero_division": 0}
    wanted = peer(labels.ravel(), chosen, sample_weight=places, **options)
    if average == "none":
        assert np.isnan(found).tolist() == [c not in there for c in range(classes)]
        found = found[there]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


@pytest.mark.parametrize("name", PAIRS)
def test_one_score_a_place(name):
    make, peer = PAIRS[name]
    rng = np.random.default_rng(2)
    scores, truth = rng.normal(size=(5, 6, 6)).astype(np.float32), rng.integers(0, 2, (5, 6, 6))
    for average in ("binary", "macro"):
        wanted = peer(truth.ravel(), (scores > 0).ravel().astype(int), average=average)
        for x in (scores, scores[..., None]):
            for y in (truth, truth.astype(bool), truth.astype(np.float32), truth.astype(np.uint8)):
                assert make(average).value(np.asarray(make(average)(x, y))) == pytest.approx(wanted, rel=1e-12)
    column = make("binary")(scores[:, 0, :1], truth[:, 0, :1])
    np.testing.assert_array_equal(column, make("binary")(scores[:, 0, 0], truth[:, 0, 0]))


@pytest.mark.parametrize("name", PAIRS)
def test_labels_that_do_not_count(name):
    make, _ = PAIRS[name]
    rng = np.random.default_rng(4)
    scores, labels = rng.normal(size=(4, 9, 3)).astype(np.float32), rng.integers(0, 3, (4, 9))
    wanted = np.asarray(make()(scores[:, :6], labels[:, :6]))
    for outside in (255, -1):
        labels[:, 6:] = outside
        np.testing.assert_array_equal(make()(scores, labels), wanted)
        np.testing.assert_array_equal(make(ignore=outside)(scores, labels), wanted)
    labels = rng.integers(0, 3, (4, 9))
    both, chosen, true = np.asarray(make(ignore=0)(scores, labels))
    kept = labels > 0
    assert true.tolist() == [0, *(np.sum(labels == c) for c in (1, 2))]
    assert chosen.tolist() == [np.sum((scores.argmax(-1) == c) & kept) for c in range(3)] and both[0] == 0


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_to_find(name):
    make, _ = PAIRS[name]
    for average in ("macro", "micro", "weighted", "binary"):
        assert make(average).value(np.zeros((3, 2))) != make(average).value(np.zeros((3, 2)))  # NaN
    assert np.isnan(make("none").value(np.zeros((3, 2)))).tolist() == [True, True]


def test_more_places_than_float32_counts():
    places = 2**24 + 1
    areas = np.asarray(metrics.iou(np.ones((1, places), np.float16), np.ones((1, places), bool)))
    assert areas.dtype == np.float64 and areas[:, 1].tolist() == [float(places)] * 3


@pytest.mark.parametrize("name", PAIRS)
def test_in_a_learner(name):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(20, 6, 6, 1)).astype(np.float32)
    y = (x[..., 0] > 0.3).astype(np.int64)
    make, peer = PAIRS[name]
    made = mt.Learner(mt.nn.Conv2D(2, 1), loss=mt.losses.dice, optimizer=mt.optim.adam(0.2), metrics=[make()])
    made.fit(x, y, epochs=20, progress=False)
    judged = [made.evaluate(x, y, batch_size=size)[name] for size in (3, 20)]
    chosen = np.asarray(made.predict(x)).argmax(-1)
    assert judged[0] == judged[1] == pytest.approx(peer(y.ravel(), chosen.ravel(), average="macro"), rel=1e-12)
    assert judged[0] > 0.9
