"""Any data set trains a net: lazy or in memory, one input or several, the same samples give the same bits."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, losses, metrics, nn, optim, xp
from tests.compose.layers import array, same
from tests.train.common import SET, X, Y, learner

LAZY = data.from_function(len(X), lambda index: (X[index], Y[index]), classes=SET.classes, labels=Y)
UNLABELLED = data.from_function(len(X), lambda index: (X[index], int(Y[index])), classes=SET.classes)


class Two(mt.Mapping):
    """(a, b) ↦ scores: two inputs of different sizes."""

    def __init__(self):
        self.left, self.right, self.head = nn.Dense(4), nn.Dense(4), nn.Dense(3)

    def __call__(self, a, b):
        return self.head(nn.relu(self.left(a) + self.right(b)))


# the same bits


@pytest.mark.parametrize("validation", [None, 0.2])
def test_lazy_sets_train_to_the_same_bits(validation):
    kinds = [
        SET,
        LAZY,
        LAZY.map(x=lambda x: x),
        data.from_arrays((X, Y), classes=SET.classes),
        SET[:40].concat(LAZY.skip(40)),
    ]
    made = [learner() for _ in kinds]
    for one, samples in zip(made, kinds, strict=True):
        one.fit(samples, epochs=2, validation=validation, seed=3)
    assert all(same(one.run, made[0].run) and one.history.epochs == made[0].history.epochs for one in made)


def test_unknown_labels_train_without_a_stratified_split():
    one, other = learner(), learner()
    one.fit(SET, epochs=1)
    other.fit(UNLABELLED, epochs=1)
    assert same(one.run, other.run)
    assert "validation loss" in learner().fit(UNLABELLED, epochs=1, validation=0.2).epochs[0]


def test_memory_mapped_files_train_to_the_same_bits(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "wide.npy", X.astype(np.float64))
    np.save(tmp_path / "y.npy", Y)
    in_memory = learner()
    in_memory.fit(SET, epochs=2, validation=0.2)
    for name in ("x.npy", "wide.npy"):
        for samples in (
            data.from_npy(tmp_path / name, tmp_path / "y.npy", classes=SET.classes),
            data.Dataset(np.load(tmp_path / name, mmap_mode="r"), Y, SET.classes),
        ):
            made = learner()
            if name == "wide.npy":
                with pytest.warns(mt.Note, match="input of f64 was cast to f32"):
                    made.fit(samples, epochs=2, validation=0.2)
                mt.core.notes.forget()
            else:
                made.fit(samples, epochs=2, validation=0.2)
            assert same(made.run, in_memory.run)


def test_evaluate_and_predict_take_them():
    made = learner()
    made.fit(SET, epochs=2)
    wanted = made.evaluate(SET)
    for samples in (LAZY, UNLABELLED, LAZY.shuffle(0)):
        found = made.evaluate(samples, batch_size=len(X))
        assert found["accuracy"] == wanted["accuracy"] and found.loss == pytest.approx(wanted.loss, rel=1e-6)
        assert found.report() is not None
    rows = data.from_arrays(X)
    for samples in (LAZY, UNLABELLED, rows, data.from_function(len(X), lambda index: X[index]).map(lambda x: x)):
        np.testing.assert_array_equal(array(made.predict(samples, batch_size=7)), array(made.predict(X, batch_size=7)))


# several inputs


def two_inputs():
    return X[:, :3], X[:, 2:]


@pytest.mark.parametrize("form", ["arrays", "tuple", "dict", "lazy", "zipped"])
def test_several_inputs(form):
    a, b = two_inputs()
    given = {
        "arrays": ((a, b), Y),
        "tuple": (data.from_arrays(((a, b), Y)),),
        "dict": (data.from_arrays(({"b": b, "a": a}, Y)),),
        "lazy": (data.from_function(len(X), lambda i: ((a[i], b[i]), Y[i]), labels=Y),),
        "zipped": (data.from_arrays(a).zip(data.from_arrays(b)).zip(data.from_arrays(Y)),),
    }
    made = learner(Two())
    history = made.fit(*given[form], epochs=15)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    wanted = array(made.net(a, b))
    inputs = given[form][0] if form != "arrays" else (a, b)
    np.testing.assert_allclose(array(made.predict(inputs, batch_size=31)), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(array(made.predict({"a": a, "b": b})), wanted, rtol=1e-5, atol=1e-6)
    assert made.evaluate(*given[form])["accuracy"] == np.mean(wanted.argmax(axis=1) == Y)


def test_the_forms_of_several_inputs_train_to_the_same_bits():
    a, b = two_inputs()
    made = [learner(Two()) for _ in range(2)]
    made[0].fit((a, b), Y, epochs=2, validation=0.2)
    made[1].fit({"a": a, "b": b}, Y, epochs=2, validation=0.2)
    assert same(made[0].run, made[1].run)


@pytest.mark.parametrize(
    "net, x",
    [
        (nn.Dense(3), two_inputs()),
        (Two(), (*two_inputs(), X)),
        (Two(), {"a": X}),
        (Two(), {"a": X, "c": X}),
        (nn.Flatten() >> nn.Dense(3), {"x": X, "y": X}),
    ],
)
def test_inputs_that_the_net_does_not_take(net, x):
    with pytest.raises(mt.UsageError) as caught:
        learner(net).fit(x, Y)
    assert caught.value.code == "TRAIN-21"


def test_several_targets():
    made = mt.Learner(
        nn.Dense(1) & nn.Dense(1),
        loss=lambda pair, y: losses.mse(pair[0], y["low"]) + losses.mse(pair[1], y["high"]),
        optimizer=optim.adam(3e-2),
    )
    history = made.fit(X, {"low": X[:, :1], "high": X[:, 3:]}, epochs=30)
    assert history["loss"][-1] < 0.2 * history["loss"][0]


# randomness by epoch


def test_every_epoch_draws_anew_and_the_same_seed_draws_the_same():
    seen = []

    def noisy(key, x):
        drawn = np.float32(mt.random.uniform(key))
        seen.append(float(drawn))
        return x + drawn

    runs = []
    for _ in range(2):
        seen.clear()
        made = learner()
        made.fit(LAZY.map(x=noisy, seed=5), epochs=2, batch_size=90)
        runs.append((made, list(seen)))
    (one, first), (other, second) = runs
    assert same(one.run, other.run) and first == second
    assert len(set(first)) >= 2 * 90, "each sample in each epoch has a number of its own"
    twice = learner()
    twice.fit(LAZY.map(x=noisy, seed=5), epochs=1, batch_size=90)
    twice.fit(LAZY.map(x=noisy, seed=5), epochs=1, batch_size=90)
    assert same(twice.run, one.run), "one and one epochs are two"


# steps of one's own


def test_a_step_of_ones_own_takes_samples_of_any_kind():
    def step(run, batch, key):
        total = xp.sum(batch["x"]) + xp.sum(batch["more"][0])
        return {"sum": run["sum"] + total}, {"total": total}

    samples = data.from_arrays({"x": X, "more": (np.ones(90, np.float32),)})
    made = mt.Learner(step=step, run={"sum": xp.zeros(())})
    made.fit(samples, epochs=1)
    np.testing.assert_allclose(float(made.run["sum"]), X.sum() + 90, rtol=1e-4)
    alone = mt.Learner(step=lambda run, x, key: (run, {"mean": xp.mean(x)}), run={"sum": xp.zeros(())})
    assert alone.fit(data.from_arrays(X), epochs=1)["mean"][0] == pytest.approx(float(X.mean()), abs=0.05)


# what is refused (fault 20: labels out of range, found batch by batch where they are not known before)


@pytest.mark.parametrize("known", [True, False])
def test_a_label_out_of_range_names_index_and_value(known):
    wrong = Y.copy()
    wrong[[17, 60]] = 3, -1
    labels = {"labels": wrong} if known else {}
    samples = data.from_function(len(X), lambda index: (X[index], wrong[index]), **labels)
    with pytest.raises(mt.DataError, match=r"label (3 at index 17|-1 at index 60) of the training data"):
        learner().fit(samples)
    made = learner()
    made.fit(SET, epochs=1)
    with pytest.raises(mt.DataError, match="label 3 at index 17 of the data: the net has 3 outputs"):
        made.evaluate(samples)


def test_nan_in_a_lazy_set_is_shown(monkeypatch):
    broken = X.copy()
    broken[5, 2] = np.nan
    with pytest.raises(mt.NonFiniteError, match="the first in the batch"):
        learner().fit(data.from_function(len(X), lambda index: (broken[index], Y[index])), batch_size=90)


@pytest.mark.parametrize(
    "call, error, code",
    [
        (lambda: learner().fit(LAZY.batch(8)), mt.UsageError, "TRAIN-19"),
        (lambda: learner().fit(SET.batch(8).map(lambda x, y: (x, y))), mt.UsageError, "TRAIN-19"),
        (lambda: learner().fit(data.from_arrays(X)), mt.UsageError, "TRAIN-20"),
        (lambda: learner().fit(data.from_arrays((X, Y, Y))), mt.UsageError, "TRAIN-20"),
        (lambda: learner().fit(data.from_arrays({"x": X, "y": Y})), mt.UsageError, "TRAIN-20"),
        (lambda: learner().fit(LAZY.map(y=lambda y: SET.classes[y])), mt.DataError, "TRAIN-08"),
        (lambda: learner().fit(LAZY, batch_size=91), mt.DataError, "TRAIN-11"),
        (lambda: learner().fit(LAZY, Y), mt.UsageError, "TRAIN-10"),
        (lambda: learner().fit((X, X), Y[:5]), mt.DataError, "DATA-03"),
    ],
)
def test_refused(call, error, code):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code


def test_a_set_of_another_framework_is_told_how_to_come_in():
    class Foreign:
        def __len__(self):
            return len(X)

        def __getitem__(self, index):
            return X[index], Y[index]

    with pytest.raises(mt.UsageError, match=r"data\.from_function") as caught:
        learner().fit(Foreign())
    assert caught.value.code == "TRAIN-09"
    foreign = Foreign()
    one, other = learner(), learner()
    one.fit(data.from_function(len(foreign), foreign.__getitem__), epochs=1)
    other.fit(SET, epochs=1)
    assert same(one.run, other.run) and metrics.accuracy in one.metrics
