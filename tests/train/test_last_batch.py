"""A last batch with fewer samples: filled up where that changes nothing, else compiled for before the first step."""

from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, losses, metrics, nn, optim, xp
from mapsto.train.last_batch import Filling, filled
from tests.compose.layers import array, same

RNG = np.random.default_rng(3)
ROWS, SIZE = 26, 10  # two batches of ten, and one of six
X = RNG.normal(size=(ROWS, 8)).astype(np.float32)
PICTURES = RNG.normal(size=(ROWS, 8, 8, 2)).astype(np.float32)
SEQUENCES = RNG.normal(size=(ROWS, 5, 4)).astype(np.float32)
WORDS = RNG.integers(0, 7, (ROWS, 5))
Y = RNG.integers(0, 3, ROWS)


class Attention(mt.Mapping):
    """f[n, t, d] ↦ f[n, t, 4]: every place looks at all places of its own sequence."""

    def __init__(self):
        self.query, self.value = nn.Dense(4), nn.Dense(4)
        self.key = nn.Dense(4, bias=False)  # a bias has the slope 0, and Adam would make steps of rounding

    def __call__(self, x):
        return nn.softmax(self.query(x) @ self.key(x).mT / 2) @ self.value(x)


FLATTEN = nn.Flatten() >> nn.Dense(3)
CONV = nn.Conv2D(4, 3) >> nn.relu >> nn.MaxPool2D(2)
PLACES = mt.fn(lambda x: x.reshape(-1, 4)) >> nn.Dense(4) >> mt.fn(lambda x: x.reshape(-1, 20))
APART = {
    "dense": (nn.Dense(16) >> nn.relu >> nn.Dense(3), X),
    "dropout": (nn.Dense(16) >> nn.relu >> nn.Dropout(0.3) >> nn.Dense(3), X),
    "layer norm": (nn.Dense(16) >> nn.gelu >> nn.LayerNorm() >> nn.Dense(3), X),
    "pictures": (CONV >> nn.SpatialDropout(0.2) >> FLATTEN, PICTURES),
    "words": (nn.Embedding(7, 4) >> FLATTEN, WORDS),
    "lstm": (nn.LSTM(4) >> mt.fn(lambda h: h[:, -1]) >> nn.Dense(3), SEQUENCES),
    "attention": (Attention() >> FLATTEN, SEQUENCES),
    "places as examples": (PLACES >> nn.Dense(3), SEQUENCES),
}


class Noise(mt.Mapping):
    """x ↦ x, in training x and normal numbers, which are drawn in pairs that lie a whole batch apart."""

    def __call__(self, x):
        return x

    def training(self, key, x):
        return x + 0.1 * mt.random.normal(key, x.shape, dtype=x.dtype), self


def by_the_count(prediction, y):
    return losses.cross_entropy(prediction, y) / prediction.shape[0]


def by_the_others(prediction, y):
    values = losses.cross_entropy(prediction, y)
    return values / xp.sum(values)


# Its values stay apart, its derivative does not.
LEVELLED = mt.custom_rule(lambda x: 2 * x, vjp=lambda args, y, slopes: (slopes - xp.mean(slopes, axis=0),))
PLAIN = nn.Dense(3)
MIXED: dict[str, tuple[Any, Any]] = {
    "batch norm": (nn.Dense(8) >> nn.BatchNorm() >> nn.Dense(3), losses.cross_entropy),
    "the mean": (mt.fn(lambda x: x - xp.mean(x, axis=0)) >> nn.Dense(3), losses.cross_entropy),
    "the largest": (mt.fn(lambda x: x / xp.max(x)) >> nn.Dense(3), losses.cross_entropy),
    "in turn": (mt.fn(lambda x: xp.cumulative_sum(x, axis=0)) >> nn.Dense(3), losses.cross_entropy),
    "the one before": (mt.fn(lambda x: xp.roll(x, 1, axis=0)) >> nn.Dense(3), losses.cross_entropy),
    "the first": (mt.fn(lambda x: x - x[:1]) >> nn.Dense(3), losses.cross_entropy),
    "slopes": (nn.Dense(8) >> mt.fn(lambda x: LEVELLED(x)) >> nn.Dense(3), losses.cross_entropy),
    "noise": (nn.Dense(8) >> Noise() >> nn.Dense(3), losses.cross_entropy),
    "a loss by the count": (PLAIN, by_the_count),
    "a loss by the others": (PLAIN, by_the_others),
}


def learner(net: Any, loss: Any = losses.cross_entropy, judges: Any = (metrics.accuracy,)) -> mt.Learner:
    rule = optim.clip(1.0) >> optim.adam(1e-2)
    return mt.Learner(net, loss=loss, optimizer=rule, metrics=judges)


def double(net: Any, x: Any) -> Any:
    return net.init(mt.key(1), x[:1]).cast(xp.float64)


def doubled(x: Any) -> Any:
    return x.astype(np.float64) if x.dtype == np.float32 else x


def programs(made: mt.Learner) -> int:
    return len(made._programs.step.programs) + len(made._programs.step_at.programs)


@pytest.fixture
def two_shapes(monkeypatch):
    """Within, no batch is filled up."""
    return lambda: monkeypatch.setattr(Filling, "places", lambda *args: None)


def close(one: Any, other: Any) -> None:
    left, right = mt.select(one, "**"), mt.select(other, "**")
    assert left.keys() == right.keys()
    for path, value in left.items():
        np.testing.assert_allclose(array(value), array(right[path]), rtol=1e-12, atol=1e-12, err_msg=path)


@pytest.mark.parametrize("name", APART)
def test_filled_up_it_is_the_same_training_and_one_program(name, two_shapes):
    net, x = APART[name]
    x = doubled(x)
    made, reference, apart = (learner(double(net, APART[name][1])) for _ in range(3))
    made.fit(x, Y, epochs=2, batch_size=SIZE)
    assert programs(made) == 1
    with mt.interpret():
        reference.fit(x, Y, epochs=2, batch_size=SIZE)
    two_shapes()
    apart.fit(x, Y, epochs=2, batch_size=SIZE)
    assert programs(apart) == 2
    for other in (reference, apart):
        close(made.net, other.net)
        for one, epoch in zip(made.history.epochs, other.history.epochs, strict=True):
            assert one.keys() == epoch.keys()
            np.testing.assert_allclose(list(one.values()), list(epoch.values()), rtol=1e-12)


@pytest.mark.parametrize("name", MIXED)
def test_where_examples_mix_both_shapes_are_compiled_before_the_first_step(name, monkeypatch):
    net, loss = MIXED[name]
    made = learner(net, loss)
    seen: list[Any] = []
    plain = made._take_step

    def noted(*args):
        seen.append([program._native is not None for program in made._programs.step_at.programs.values()])
        return plain(*args)

    monkeypatch.setattr(made, "_take_step", noted)
    made.fit(X, Y, epochs=1, batch_size=SIZE)
    assert seen == [[True, True]] * 3


def test_a_streamed_set_is_compiled_for_before_the_first_step_too(monkeypatch):
    made = learner(MIXED["batch norm"][0])
    seen: list[int] = []
    plain = made._take_step
    monkeypatch.setattr(made, "_take_step", lambda *args: (seen.append(programs(made)), plain(*args))[1])
    made.fit(data.from_function(ROWS, lambda index: (X[index], Y[index])), epochs=1, batch_size=SIZE)
    assert seen == [2, 2, 2]


def test_a_step_of_ones_own_is_never_filled_up():
    sizes: list[int] = []

    def step(run, batch, key):
        sizes.append(batch[0].shape[0])
        return run, {"mean": xp.mean(batch[0])}

    made = mt.Learner(step=step, run={"w": xp.asarray(0.0)})
    history = made.fit(X, Y, epochs=2, batch_size=SIZE)
    assert sizes == [10, 6] and programs(made) == 2
    np.testing.assert_allclose(history["mean"], [X.mean()] * 2, rtol=1e-5)


@pytest.mark.parametrize(("size", "left"), [(2, 1), (3, 1), (3, 2), (10, 1), (10, 2), (10, 6)])
def test_any_number_may_be_left(size, left, two_shapes):
    count = 2 * size + left
    net = double(APART["dropout"][0], X)
    made, other = learner(net), learner(net)
    made.fit(doubled(X[:count]), Y[:count], epochs=2, batch_size=size)
    assert programs(made) == 1
    two_shapes()
    other.fit(doubled(X[:count]), Y[:count], epochs=2, batch_size=size)
    close(made.net, other.net)


def test_streamed_sets_are_filled_up_to_the_same_bits():
    kinds = [(X, Y), (data.from_function(ROWS, lambda index: (X[index], Y[index])),)]
    one, other = (learner(APART["dropout"][0]) for _ in kinds)
    for made, given in zip((one, other), kinds, strict=True):
        made.fit(*given, epochs=2, batch_size=SIZE, seed=4)
        assert programs(made) == 1
    assert same(one.run, other.run) and one.history.epochs == other.history.epochs


def test_it_is_found_out_once_for_each_size(monkeypatch):
    asked: list[int] = []
    plain = Filling.places
    monkeypatch.setattr(Filling, "places", lambda *args: (asked.append(args[-1]), plain(*args))[1])
    made = learner(APART["dense"][0])
    for _ in range(3):
        made.fit(X, Y, epochs=2, batch_size=SIZE)
        made.evaluate(X, Y, batch_size=SIZE)
        made.predict(X, batch_size=SIZE)
    assert asked == [6, 6, 6], "the step, what judges, what predicts"
    made.fit(X[:-1], Y[:-1], epochs=1, batch_size=SIZE)
    assert asked == [6, 6, 6, 5] and programs(made) == 2, "a set of 25 is another array for the step"


JUDGES = [
    metrics.accuracy,
    metrics.precision,
    metrics.TopK(2),
    metrics.auc,
    metrics.average_precision,
    metrics.confusion_matrix(3),
]


def test_judging_fills_up_and_says_the_same():
    made = learner(APART["dropout"][0], judges=JUDGES)
    made.fit(X, Y, epochs=1, batch_size=SIZE)
    assert programs(made) == 1
    whole, parts = made.evaluate(X, Y), made.evaluate(X, Y, batch_size=SIZE)
    assert len(made._programs.judge.program.programs) == 2, "one for 26, one for 10 at a time"
    for name, value in whole.values.items():
        np.testing.assert_allclose(parts[name], value, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(array(made.predict(X, batch_size=SIZE)), array(made.predict(X)), rtol=1e-5, atol=1e-6)
    assert len(made._programs.forward.program.programs) == 2


def test_judging_regressions():
    judges = [metrics.mae, metrics.mse, metrics.rmse, metrics.r2]
    made = mt.Learner(nn.Dense(1), loss=losses.mse, optimizer=optim.sgd(1e-2), metrics=judges)
    y = X[:, :1] + 100.0
    made.fit(X, y, epochs=1, batch_size=SIZE)
    whole, parts = made.evaluate(X, y), made.evaluate(X, y, batch_size=SIZE)
    for name, value in whole.values.items():
        np.testing.assert_allclose(parts[name], value, rtol=1e-5, err_msg=name)


class Counting(metrics.Metric):
    """How many examples there are, whatever they weigh."""

    def __call__(self, prediction, target, weight=None):
        return xp.sum(xp.ones_like(prediction[:, 0]))

    def value(self, statistics):
        return float(statistics)


def test_a_metric_that_counts_what_fills_up_is_not_given_any():
    made = learner(PLAIN, judges=[Counting()])
    assert made.fit(X, Y, epochs=1, batch_size=SIZE)["counting"] == [ROWS]
    assert made.evaluate(X, Y, batch_size=SIZE)["counting"] == ROWS
    assert programs(made) == 2


def test_nets_with_several_inputs_and_outputs():
    class Both(mt.Mapping):
        def __init__(self):
            self.left, self.right = nn.Dense(3), nn.Dense(3)

        def __call__(self, a, b):
            return self.left(a), self.right(b)

    def loss(prediction, y):
        return losses.cross_entropy(prediction[0], y) + losses.cross_entropy(prediction[1], y)

    made = mt.Learner(Both(), loss=loss, optimizer=optim.adam(1e-2))
    made.fit((X, X[:, :2]), Y, epochs=1, batch_size=SIZE)
    assert programs(made) == 1
    parts, whole = made.predict((X, X[:, :2]), batch_size=SIZE), made.predict((X, X[:, :2]))
    for part, all_of_it in zip(parts, whole, strict=True):
        assert part.shape == (ROWS, 3)
        np.testing.assert_allclose(array(part), array(all_of_it), rtol=1e-5, atol=1e-6)


def test_what_fills_up_brings_no_numbers_that_are_not_finite():
    """Zeros would: log 0 = −∞ here, and 0 · ∞ in the derivative."""
    made = learner(mt.fn(xp.log) >> nn.Dense(3))
    history = made.fit(np.abs(X) + 0.1, Y, epochs=2, batch_size=SIZE)
    assert programs(made) == 1 and np.isfinite(history["loss"]).all()


def test_numbers_that_are_not_finite_are_found_in_a_last_batch_too():
    bad = X.copy()
    bad[:] = np.nan
    made = learner(PLAIN)
    with pytest.raises(mt.NonFiniteError, match="step 0"):
        made.fit(bad, Y, epochs=1, batch_size=SIZE)


def test_a_net_that_cannot_take_the_last_batch_says_so_before_the_first_step():
    made = learner(mt.fn(lambda x: xp.reshape(x, (SIZE, 8)) if x.shape[0] > 1 else x) >> nn.Dense(3))
    with pytest.raises(mt.ShapeError):
        made.fit(X, Y, epochs=1, batch_size=SIZE)
    assert made.steps == 0


def test_the_bar_says_what_it_waits_for(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    said: list[str] = []
    monkeypatch.setattr("mapsto.train.progress.Bars.say", lambda self, words: said.append(words))
    learner(MIXED["batch norm"][0]).fit(X, Y, epochs=1, batch_size=SIZE, progress=True)
    learner(APART["dense"][0]).fit(X, Y, epochs=1, batch_size=SIZE, progress=True)
    assert said == ["compiling for batches of 10, and for the last one, of 6"]
    capsys.readouterr()


def test_filled_turns_round():
    tree = {"a": np.arange(3), "b": (np.arange(6).reshape(3, 2),)}
    made = filled(tree, 7)
    np.testing.assert_array_equal(made["a"], [0, 1, 2, 0, 1, 2, 0])
    assert made["b"][0].shape == (7, 2) and filled(tree, 3) is tree
