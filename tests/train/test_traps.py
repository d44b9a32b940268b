"""What a beginner gives `fit` by mistake is named before it trains; and what results look like."""

import pickle

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, losses, metrics, nn, xp
from mapsto.train import History
from tests.compose.layers import same
from tests.train.common import SET, X, Y, learner

SIGNS = np.where(Y == 1, 1.0, -1.0).astype(np.float32)[:, None]


def lazy(x, y):
    return data.from_function(len(x), lambda index: (x[index], y[index]))


def one_score(**settings):
    return learner(nn.Dense(1), **{"metrics": [], **settings})


@pytest.mark.parametrize("given", [data.Dataset, lazy])
def test_targets_that_a_loss_is_not_for(given):
    with pytest.raises(mt.DataError, match=r"LOSS-06(.|\n)*\(y \+ 1\) / 2"):
        one_score(loss=losses.binary_cross_entropy).fit(given(X, SIGNS), epochs=1)
    with pytest.raises(mt.DataError, match="LOSS-07"):
        learner(metrics=[]).fit(given(X, np.full((90, 3), 0.5, np.float32)), epochs=1)
    one_score(loss=losses.binary_cross_entropy).fit(given(X, (SIGNS + 1) / 2), epochs=1)
    one_score(loss=losses.binary_hinge).fit(given(X, SIGNS), epochs=1)


def test_targets_of_validation_and_evaluation_are_looked_at_too():
    made, good = one_score(loss=losses.binary_cross_entropy), data.Dataset(X, (SIGNS + 1) / 2)
    with pytest.raises(mt.DataError, match="LOSS-06"):
        made.fit(good, epochs=1, validation=data.Dataset(X, SIGNS))
    made.fit(good, epochs=1)
    with pytest.raises(mt.DataError, match="LOSS-06"):
        made.evaluate(X, SIGNS)


@pytest.mark.parametrize("given", [data.Dataset, lazy])
@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.f1, metrics.auc, metrics.confusion_matrix(2)])
def test_metrics_of_classes_judge_no_numbers(metric, given):
    for targets in (np.linspace(0, 5, 90, dtype=np.float32)[:, None], np.arange(90)[:, None]):
        with pytest.raises(mt.DataError, match=f"{metric.name} judges classes(.|\n)*metrics.mae"):
            one_score(loss=losses.mse, metrics=[metrics.mae, metric]).fit(given(X, targets), epochs=1)
    with pytest.raises(mt.DataError, match=r"TRAIN-23(.|\n)*\(y \+ 1\) / 2"):
        one_score(loss=losses.binary_hinge, metrics=[metric]).fit(given(X, SIGNS), epochs=1)
    one_score(loss=losses.mse, metrics=[metric]).fit(given(X, (SIGNS + 1) / 2), epochs=1)


def test_labels_that_the_loss_ignores_do_not_count():
    y = np.where(np.arange(90) % 3 == 0, -100, Y)
    made = learner(loss=losses.CrossEntropy(ignore=-100), metrics=[metrics.accuracy, metrics.f1, metrics.auc])
    made.fit(X, y, epochs=2)
    judged, kept = made.evaluate(X, y), made.evaluate(X[y >= 0], y[y >= 0])
    for name in ("accuracy", "f1", "auc"):
        np.testing.assert_allclose(judged[name], kept[name], rtol=1e-6)
    signs = np.where(np.arange(90) % 3 == 0, -1, Y == 1).astype(np.float32)[:, None]
    one_score(loss=losses.BinaryCrossEntropy(ignore=-1), metrics=[metrics.accuracy]).fit(X, signs, epochs=1)


def test_scores_of_a_teacher_are_targets_of_several_classes():
    teacher = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)
    learner(loss=losses.mse).fit(X, teacher, epochs=1)


def test_lists_of_unequal_length_and_words():
    with pytest.raises(mt.DataError, match="x is made of lists of unequal length"):
        learner().fit([[1, 2, 3], [4, 5]], [0, 1])
    with pytest.raises(mt.DataError, match="y is made of lists of unequal length"):
        learner().fit(X[:2], [[0], [1, 2]])
    with pytest.raises(mt.DataError, match="inputs x are words such as 'red'"):
        learner().fit(np.array([["red"], ["blue"]]), [0, 1])
    made = learner()
    made.fit(SET, epochs=1)
    with pytest.raises(mt.DataError, match="unequal length"):
        made.predict([[1, 2, 3], [4, 5]])
    with pytest.raises(mt.DataError, match="TRAIN-24"):
        made.predict(["red", "blue"])


@pytest.mark.parametrize("gave", [None, 1.0, "loss"])
def test_a_loss_that_gives_no_array(gave):
    with pytest.raises(mt.UsageError, match=r"the loss gave (None|a float|a str) for 32 examples"):
        learner(loss=lambda prediction, target: gave).fit(SET, epochs=1)


def test_a_forgotten_flatten_is_named_by_the_metric_too():
    pictures = np.zeros((8, 6, 6, 3), np.float32)
    made = learner(nn.Dense(3), loss=lambda p, y: xp.mean(p, axis=(1, 2, 3)))
    with pytest.raises(mt.ShapeError, match=r"METRIC-03(.|\n)*nn.Flatten"):
        made.fit(pictures, np.arange(8) % 3, epochs=1)


def test_a_learner_is_pickled_and_goes_on():
    made = learner(nn.Dense(8) >> nn.relu >> nn.Dropout(0.2) >> nn.Dense(3))
    made.fit(SET, epochs=2, seed=3)
    twin = pickle.loads(pickle.dumps(made))
    assert same(twin.run, made.run) and twin.history.epochs == made.history.epochs
    for one in (made, twin):
        one.fit(SET, epochs=2, seed=3)
    assert same(twin.run, made.run) and twin.history.epochs == made.history.epochs
    assert twin.evaluate(SET)["accuracy"] == made.evaluate(SET)["accuracy"]


def test_what_a_learner_and_a_history_look_like():
    made = learner(nn.Dense(3))
    assert repr(made).splitlines()[0].startswith("Learner(loss=cross_entropy, optimizer=adam(rate=0.01, ")
    made.fit(SET, epochs=1, batch_size=90)
    first, second, third = repr(made).splitlines()
    assert first.endswith("metrics=[accuracy])") and third == "  Dense(units=3, weight=f32[4,3], bias=f32[3])"
    assert second.startswith("  1 step in 1 epoch: loss ") and "accuracy 0." in second
    assert repr(History()) == "History(no epochs yet)"
    many = repr(History([{"loss": float(i)} for i in range(100)])).splitlines()
    assert len(many) == 22 and many[0] == "epoch    loss" and many[-1] == "  100  99.0000"
    own = mt.Learner(step=lambda run, batch, key: (run, {}), run={"w": xp.ones(2)})
    assert repr(own) == "Learner(a step of its own)\n  0 steps in 0 epochs"


def test_words_of_other_frameworks():
    for word, value in (("history", History()), ("lr", learner()), ("x", lazy(X, Y))):
        with pytest.raises(AttributeError, match="NAME-01"):
            getattr(value, word)


def test_numbers_out_of_range_are_one_kind_of_error():
    for settings in ({"batch_size": 0}, {"validation": 1.5}, {"epochs": -1}, {"seed": -1}):
        with pytest.raises(mt.UsageError):
            learner().fit(SET, **settings)
