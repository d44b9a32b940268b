"""`evaluate` and `predict`; and a step of one's own."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, metrics, nn, optim, xp
from tests.compose.layers import array, same
from tests.train.common import SET, X, Y, learner


@pytest.fixture(scope="module")
def trained():
    made = learner()
    made.fit(SET, epochs=5)
    return made


@pytest.mark.parametrize("size", [1, 7, 89, 90, 1000])
def test_evaluate_does_not_depend_on_the_batch_size(trained, size):
    whole, cut = trained.evaluate(SET), trained.evaluate(SET, batch_size=size)
    assert cut["accuracy"] == whole["accuracy"]
    np.testing.assert_allclose(cut.loss, whole.loss, rtol=1e-6)
    np.testing.assert_array_equal(cut.matrix, whole.matrix)


def test_evaluate_is_its_definition(trained):
    scores = array(trained.net(X)).astype(np.float64)
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    found = trained.evaluate(SET)
    np.testing.assert_allclose(found.loss, -logs[np.arange(90), Y].mean(), rtol=1e-5)
    assert found["accuracy"] == (scores.argmax(1) == Y).mean()
    wanted = np.zeros((3, 3), int)
    np.add.at(wanted, (Y, scores.argmax(1)), 1)
    np.testing.assert_array_equal(found.matrix, wanted)
    assert list(found) == ["loss", "accuracy"] and found.classes == ("a", "b", "c")
    assert all(name in str(found.report()) for name in "abc")
    with pytest.raises(mt.PathError, match="accuracy"):
        found["accurcy"]


def test_evaluate_and_predict_change_nothing(trained):
    before, steps = trained.run, trained.steps
    trained.evaluate(SET)
    trained.predict(SET)
    assert same(trained.run, before) and trained.steps == steps and len(trained.history) == 5


@pytest.mark.parametrize("size", [1, 7, 90, 1000])
def test_predict_is_the_net(trained, size):
    np.testing.assert_allclose(array(trained.predict(X, batch_size=size)), array(trained.net(X)), rtol=1e-5, atol=1e-6)


def test_predict_takes_sets_arrays_and_lists(trained):
    wanted = array(trained.predict(X))
    for given in (SET, xp.asarray(X), X.tolist()):
        with pytest.warns(mt.Note) if isinstance(given, list) else np.errstate():
            np.testing.assert_array_equal(array(trained.predict(given)), wanted)
    assert trained.predict(X[:0]).shape == (0, 3)


@pytest.mark.parametrize("judge", ["evaluate", "predict"])
def test_a_batch_of_none_is_refused(trained, judge):
    with pytest.raises(mt.UsageError, match="batch_size"):
        getattr(trained, judge)(SET, batch_size=0)


def test_labels_out_of_range_are_refused_by_evaluate_too(trained):
    with pytest.raises(mt.DataError, match="label 3"):
        trained.evaluate(X, Y + 1)


def test_nets_with_several_outputs():
    made = mt.Learner(
        nn.Dense(3) & nn.Dense(3),
        loss=lambda pair, y: losses.cross_entropy(pair[0], y) + losses.cross_entropy(pair[1], y),
        optimizer=optim.adam(1e-2),
    )
    made.fit(SET, epochs=2)
    assert made.evaluate(SET).loss > 0
    for size in (7, 90):
        first, second = made.predict(X, batch_size=size)
        np.testing.assert_allclose(array(first), array(made.net(X)[0]), rtol=1e-5, atol=1e-6)
        assert second.shape == (90, 3)


def gan_step(run, batch, key):
    """One step of each of two players with an optimizer each."""
    real = batch[0]
    noise = mt.random.normal(key, (real.shape[0], 2))

    def says(logits, truth):
        return losses.binary_cross_entropy(logits, xp.full_like(logits, truth)).mean()

    def critic_loss(critic):
        return says(critic(real), 1.0) + says(critic(run["generator"](noise)), 0.0)

    def generator_loss(generator):
        return says(run["critic"](generator(noise)), 1.0)

    loss_c, g = mt.value_and_grad(critic_loss)(run["critic"])
    critic, critic_opt = run["critic_opt"].step(run["critic"], g)
    loss_g, g = mt.value_and_grad(generator_loss)(run["generator"])
    generator, generator_opt = run["generator_opt"].step(run["generator"], g)
    run = dict(generator=generator, critic=critic, generator_opt=generator_opt, critic_opt=critic_opt)
    return run, {"critic": loss_c, "generator": loss_g}


def gan_run():
    generator = (nn.Dense(8) >> nn.relu >> nn.Dense(4)).init(mt.key(0), xp.ones((1, 2)))
    critic = (nn.Dense(8) >> nn.relu >> nn.Dense(1)).init(mt.key(1), X[:1])
    return dict(
        generator=generator,
        critic=critic,
        generator_opt=optim.adam(1e-2).init(generator),
        critic_opt=(optim.clip(1.0) >> optim.sgd(1e-1)).init(critic),
    )


def test_a_step_of_ones_own_with_two_optimizers():
    given = gan_run()
    made, again = (mt.Learner(step=gan_step, run=given) for _ in range(2))
    history = made.fit(SET, epochs=3, batch_size=40)
    assert list(history.epochs[0]) == ["critic", "generator"] and made.steps == 9
    assert same(given, gan_run()), "the user's run is not donated"
    run = made.run
    assert all(not same(run[part], given[part]) for part in ("generator", "critic"))
    assert int(run["generator_opt"].count) == 9
    again.fit(SET, epochs=2, batch_size=40)
    again.fit(SET, epochs=1, batch_size=40)
    assert same(again.run, run)
    with pytest.raises(mt.UsageError, match="net"):
        _ = made.net


def test_the_key_of_ones_own_step_differs_every_time():
    made = mt.Learner(
        step=lambda run, batch, key: (
            {"n": run["n"], "draws": run["draws"] + mt.random.uniform(key)},
            {"u": mt.random.uniform(key)},
        ),
        run={"n": xp.asarray(0), "draws": xp.asarray(0.0)},
    )
    history = made.fit(SET, epochs=3, batch_size=90)
    assert len(set(history["u"])) == 3
    np.testing.assert_allclose(float(made.run["draws"]), sum(history["u"]), rtol=1e-6)


def test_ones_own_step_cannot_validate_and_says_so_before_training():
    made = mt.Learner(step=gan_step, run=gan_run())
    for validation in (0.2, SET):
        with pytest.raises(mt.UsageError, match="own cannot validate"):
            made.fit(SET, epochs=1, validation=validation)
    assert made.steps == 0
    with pytest.raises(mt.UsageError):
        made.evaluate(SET)


def test_float64_data_is_cast_for_ones_own_step_too():
    made = mt.Learner(step=gan_step, run=gan_run())
    with pytest.warns(mt.Note, match="cast to f32"):
        made.fit(X.astype(np.float64), Y, epochs=1)


def test_the_net_of_ones_own_run():
    def step(run, batch, key):
        loss, g = mt.value_and_grad(lambda n: losses.cross_entropy(n(batch[0]), batch[1]).mean())(run["net"])
        net, opt = run["opt"].step(run["net"], g)
        return {"net": net, "opt": opt}, {"loss": loss}

    net = nn.Dense(3).init(mt.key(0), X[:1])
    made = mt.Learner(step=step, run={"net": net, "opt": optim.adam(0.1).init(net)})
    history = made.fit(SET, epochs=5)
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(array(made.predict(X)), array(made.net(X)), rtol=1e-6)


def test_nan_in_ones_own_step_leaves_the_run_as_it_was():
    made = mt.Learner(step=gan_step, run=gan_run())
    made.fit(SET, epochs=1)
    before, bad = made.run, X.copy()
    bad[5, 0] = np.nan
    with pytest.raises(mt.NonFiniteError, match="nothing was updated"):
        made.fit(bad, Y, epochs=1)
    assert same(made.run, before)
    made.fit(SET, epochs=1)


def test_metrics_are_exact_over_unequal_batches():
    made = learner(optimizer=optim.sgd(1e-30), metrics=[metrics.accuracy])
    history = made.fit(SET.take(50), epochs=1, batch_size=32)
    assert 0 <= history["accuracy"][0] * 50 == round(history["accuracy"][0] * 50)


@pytest.mark.parametrize("step", [lambda r, b, k: r, lambda r, b, k: (r, xp.ones(())), lambda r, b, k: None])
def test_a_step_that_does_not_return_a_pair_is_refused(step):
    with pytest.raises(mt.UsageError, match="pair"):
        mt.Learner(step=step, run={"w": xp.ones(3)}).fit(SET, epochs=1)


def test_figures_are_single_numbers():
    step = lambda run, batch, key: (run, {"rows": batch[0][:, 0], "one": 1.5, "count": 3})
    history = mt.Learner(step=step, run={"w": xp.ones(3)}).fit(SET, epochs=1, batch_size=32)
    assert history.epochs == [{"one": 1.5, "count": 3.0}]


def test_one_example_is_not_a_batch():
    made = learner()
    made.fit(SET, epochs=1)
    with pytest.raises(mt.ShapeError, match="one example, not a batch"):
        made.predict(SET.x[0])
