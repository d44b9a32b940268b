"""`fit`: the same seed gives the same bits, a second call goes on, and nothing of the user's is touched."""

import re
import signal

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, losses, metrics, nn, optim, xp
from mapsto.train import learner as module
from tests.compose.layers import array, same
from tests.train.common import SET, X, Y, learner, net


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    a, b, c = (learner() for _ in range(3))
    for one, seed in ((a, 1), (b, 1), (c, 2)):
        one.fit(SET, epochs=3, validation=0.2, seed=seed)
    assert a.history.epochs == b.history.epochs and same(a.run, b.run)
    assert a.history.epochs != c.history.epochs and not same(a.run, c.run)


def test_it_learns():
    made = learner()
    history = made.fit(SET, epochs=20)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert made.evaluate(SET)["accuracy"] > 0.85


def test_a_second_fit_goes_on():
    once, twice = learner(), learner()
    once.fit(SET, epochs=4)
    twice.fit(SET, epochs=2)
    middle = twice.net
    twice.fit(SET, epochs=2)
    assert twice.steps == once.steps == 4 * 3 and len(twice.history) == 4
    assert same(once.run, twice.run), "two and two epochs are four"
    assert not same(middle, twice.net)
    assert int(twice.run["optimizer"].count) == 12


def test_every_epoch_has_another_order(monkeypatch):
    orders = []
    plain = module.shuffled

    def noted(*args):
        orders.append(plain(*args))
        return orders[-1]

    monkeypatch.setattr(module, "shuffled", noted)
    made = learner()
    made.fit(SET, epochs=2)
    made.fit(SET, epochs=1)
    assert all(sorted(order.tolist()) == list(range(90)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_every_sample_is_seen_once_an_epoch_and_the_last_batch_is_smaller():
    sizes = []

    def step(run, batch, key):
        x, _ = batch
        sizes.append(x.shape[0])  # once for every shape that is traced
        return {"count": run["count"] + x.shape[0], "sum": run["sum"] + xp.sum(x)}, {"rows": xp.asarray(x.shape[0])}

    made = mt.Learner(step=step, run={"count": xp.asarray(0), "sum": xp.asarray(0.0)})
    made.fit(SET, epochs=2, batch_size=32)
    assert sizes == [32, 26], "two shapes, one trace each"
    assert int(made.run["count"]) == 180
    np.testing.assert_allclose(float(made.run["sum"]), 2 * X.sum(), rtol=1e-4)
    assert made.steps == 6


def test_averages_weigh_the_smaller_batch_by_its_size():
    def step(run, batch, key):
        return run, {"mean": xp.mean(batch[0])}

    made = mt.Learner(step=step, run={"w": xp.asarray(0.0)})
    np.testing.assert_allclose(made.fit(SET, epochs=1, batch_size=64)["mean"], [X.mean()], rtol=1e-5)


def test_the_net_that_was_given_stays_as_it_is():
    bare, ready = net(), net().init(mt.key(9), X[:1])
    before = repr(bare), {path: array(w).copy() for path, w in mt.select(ready, "**").items()}
    for given in (bare, ready):
        learner(given).fit(SET, epochs=1)
    assert repr(bare) == before[0]
    for path, w in mt.select(ready, "**").items():
        np.testing.assert_array_equal(array(w), before[1][path])
    assert ready(X).shape == (90, 3), "nothing was donated away from the user"


def test_a_net_with_parameters_keeps_them():
    ready = net().init(mt.key(9), X[:1])
    made = learner(ready, optimizer=optim.sgd(1.0))
    made.fit(SET, epochs=0)
    for path, w in mt.parameters(ready).items():
        np.testing.assert_array_equal(array(mt.parameters(made.net)[path]), array(w))


def test_a_pretrained_part_keeps_its_weights_and_the_new_one_gets_its_own():
    body = nn.Dense(8).init(mt.key(9), X[:1])
    made = learner(mt.freeze(mt.chain(body=body, head=nn.relu >> nn.Dense(3)), "body.**"))
    made.fit(SET, epochs=3)
    np.testing.assert_array_equal(array(made.net.body.weight), array(body.weight))
    assert list(made.run["optimizer"].mean) == ["head.dense_1.weight", "head.dense_1.bias"]
    assert made.history["loss"][-1] < made.history["loss"][0]


def test_the_net_is_a_snapshot():
    made = learner()
    made.fit(SET, epochs=1)
    snapshot, run = made.net, made.run
    before = array(snapshot(X))
    made.fit(SET, epochs=1)
    np.testing.assert_array_equal(array(snapshot(X)), before)
    assert same(run["net"], snapshot)
    assert (array(made.net(X)) != before).any()


def test_state_moves_in_fit():
    made = learner()
    made.fit(SET, epochs=1)
    assert (array(made.net.centre_1.mean) != 0).any()


def test_batches_of_numpy_and_pairs_are_the_same_as_a_set():
    kinds = [learner() for _ in range(3)]
    kinds[0].fit(SET, epochs=1)
    kinds[1].fit(X, Y, epochs=1)
    kinds[2].fit((xp.asarray(X), Y.tolist()), epochs=1)
    assert same(kinds[0].run, kinds[1].run) and same(kinds[0].run, kinds[2].run)


def test_a_validation_fraction_is_held_out_by_class_and_by_seed(monkeypatch):
    parts = []
    plain = module.Learner._judged
    monkeypatch.setattr(
        module.Learner, "_judged", lambda self, d, *a, **k: (parts.append(d), plain(self, d, *a, **k))[1]
    )
    for seed in (0, 0, 1):
        history = learner().fit(SET, epochs=1, validation=0.2, seed=seed)
    assert {"validation loss", "validation accuracy"} <= set(history.epochs[0])
    first, second, third = parts
    assert len(first) == 18 and np.array_equal(first.x, second.x) and not np.array_equal(first.x, third.x)
    for label in range(3):
        assert abs(np.sum(first.y == label) - 0.2 * np.sum(label == Y)) < 1


def test_validation_samples_are_never_trained_on():
    held_out = SET.split(0.2, seed=3)[1]

    class Sees(mt.Mapping):
        def __init__(self):
            self.layer, self.sum = nn.Dense(3), mt.state((4,), nn.zeros)

        def __call__(self, x):
            return self.layer(x)

        def training(self, key, x):
            return self.layer(x), self.replace(sum=self.sum + xp.sum(x, axis=0))

    made = learner(Sees())
    made.fit(SET, epochs=1, validation=0.2, seed=3)
    np.testing.assert_allclose(array(made.net.sum), X.sum(0) - held_out.x.sum(0), rtol=1e-3, atol=1e-4)


def test_validation_data_of_its_own():
    history = learner().fit(SET, epochs=2, validation=(X[:10], Y[:10]))
    assert len(history["validation accuracy"]) == 2
    made = learner()
    made.fit(SET, epochs=2, validation=SET[:10])
    assert made.history.epochs == history.epochs
    np.testing.assert_allclose(history["validation loss"][-1], made.evaluate(SET[:10]).loss)


def test_the_figures_have_the_metrics_names():
    history = learner(metrics=[metrics.accuracy]).fit(SET, epochs=1)
    assert list(history.epochs[0]) == ["loss", "accuracy"]
    assert list(learner(metrics=[]).fit(SET, epochs=1).epochs[0]) == ["loss"]
    assert history["nothing"] == []


def interrupted(made, after):
    """A learner's step that is interrupted before it begins, after so many were taken."""
    plain = made._take_step

    def take_step(*args):
        if made.steps == after:
            raise KeyboardInterrupt
        return plain(*args)

    return take_step


def test_an_interrupt_keeps_what_was_learned(monkeypatch):
    made, whole = learner(), learner()
    with monkeypatch.context() as patch:
        patch.setattr(made, "_take_step", interrupted(made, 2))
        with pytest.raises(KeyboardInterrupt):
            made.fit(SET, epochs=5, progress=True)
    assert made.steps == 2 and len(made.history) == 0
    snapshot = made.net
    assert made.evaluate(SET).loss > 0 and made.predict(X).shape == (90, 3)
    made.fit(SET, epochs=1)
    assert made.steps == 5 and snapshot(X).shape == (90, 3)
    whole.fit(SET, epochs=1)
    assert not same(made.net, whole.net)


def test_an_interrupt_within_the_step_keeps_the_learner_usable(monkeypatch):
    made = learner()
    made.fit(SET, epochs=1)
    before = made.net

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(made._programs.step_at), "__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            made.fit(SET, epochs=1)
    assert same(made.net, before) and made.steps == 3
    made.fit(SET, epochs=1)


def test_quiet_when_nobody_watches(capsys):
    learner().fit(SET, epochs=2, validation=0.2)
    assert capsys.readouterr() == ("", "")


def test_a_bar_when_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    learner().fit(SET, epochs=3, validation=0.2, progress=True)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    assert text.count("in brackets: on the validation data") == 1
    for epoch in range(1, 4):
        line = next(line for line in text.splitlines() if f"epoch {epoch}/3" in line)
        assert re.search(r"loss \d\.\d+ \(\d\.\d+\)  accuracy \d\.\d+ \(\d\.\d+\)  .*samples/s", line)
    learner().fit(SET, epochs=1, progress=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: learner().fit(X, epochs=1), mt.UsageError, "no labels"),
        (lambda: learner().fit(SET, Y), mt.UsageError, "leave y out"),
        (lambda: learner().fit(X, Y[:-1]), mt.DataError, "90 samples"),
        (lambda: learner().fit(SET, batch_size=0), mt.UsageError, "batch_size"),
        (lambda: learner().fit(SET, batch_size=2.5), mt.UsageError, "batch_size"),
        (lambda: learner().fit(SET, batch_size=True), mt.UsageError, "batch_size"),
        (lambda: learner().fit(SET, batch_size=91), mt.DataError, "at most 90"),
        (lambda: learner().fit(SET, validation=1.5), mt.UsageError, "fraction"),
        (lambda: learner().fit(SET, validation=(X, Y + 1)), mt.DataError, "label 3 .* validation data"),
        (lambda: learner().fit(X, Y - 1), mt.DataError, "label -1"),
        (lambda: learner(loss=lambda p, y: xp.mean(losses.cross_entropy(p, y))).fit(SET), mt.ShapeError, "per example"),
        (lambda: learner().net, mt.StateError, "fit"),
        (lambda: learner().evaluate(SET), mt.StateError, "fit"),
        (lambda: learner().predict(X), mt.StateError, "fit"),
        (lambda: mt.Learner(net()), mt.UsageError, "loss"),
        (lambda: mt.Learner(net(), loss=losses.mse), mt.UsageError, "optimizer"),
        (lambda: mt.Learner(step=lambda r, b, k: (r, {})), mt.UsageError, "run"),
        (lambda: mt.Learner(net(), step=lambda r, b, k: (r, {}), run={}), mt.UsageError, "step and a run"),
    ],
)  # fmt: skip
def test_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_labels_are_checked_for_a_net_composed_of_finished_parts():
    """Such a net has recorded no output spec of its own."""
    made = nn.Dense(8).init(mt.key(0), X[:1]) >> nn.relu >> nn.Dense(3).init(mt.key(0), xp.ones((1, 8)))
    with pytest.raises(mt.DataError, match="3 outputs"):
        learner(made).fit(X, Y + 1)


def test_a_set_with_one_row():
    made = learner()
    made.fit(X[:1], Y[:1], epochs=2)
    assert made.steps == 2


def test_regression():
    target = (X @ np.ones((4, 1), np.float32)) + 2
    made = mt.Learner(nn.Dense(1), loss=losses.mse, optimizer=optim.adam(0.1))
    made.fit(data.Dataset(X, target), epochs=40)
    assert made.evaluate(X, target).loss < 1e-2
    with pytest.raises(mt.UsageError, match="labels"):
        made.evaluate(X, target).report()


def test_float64_nets_train_in_float64():
    made = learner(nn.Dense(3).cast(xp.float64))
    made.fit(X.astype(np.float64), Y, epochs=1)
    assert made.net.weight.dtype == np.float64 and made.predict(X.astype(np.float64)).dtype == np.float64


def test_after_data_that_does_not_fit_the_next_fit_begins_anew():
    made = learner()
    with pytest.raises(mt.ShapeError):
        made.fit(SET.x[:, :2], SET.y[:, None], epochs=1)
    made.fit(SET, epochs=1)


@pytest.mark.parametrize("validation", [1, True, 0.0, 1.5, "0.1"])
def test_a_validation_that_is_no_fraction_is_refused(validation):
    with pytest.raises(mt.UsageError, match="validation is"):
        learner().fit(SET, epochs=1, validation=validation)


def test_ctrl_c_waits_for_the_step_and_keeps_what_was_learnt():
    made, steps = learner(), []
    plain = made._take_step

    def raising(*args):
        result = plain(*args)
        steps.append(1)
        if len(steps) == 3:
            signal.raise_signal(signal.SIGINT)
        return result

    made._take_step = raising
    with pytest.raises(KeyboardInterrupt):
        made.fit(SET, epochs=50)
    assert made.steps == len(steps) == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    made.evaluate(SET)
    made.fit(SET, epochs=1)
