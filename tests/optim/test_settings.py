"""Rates and other numbers of optimizers: traced, kept in 64 bits, checked, and counted by schedules."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.tree import flatten

X = xp.asarray(np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32))
EVERY_RULE = [
    optim.sgd(0.1), optim.momentum(0.1), optim.nesterov(0.1), optim.rmsprop(), optim.rmsprop(0.1, momentum=0.5),
    optim.rmsprop(0.1, centered=True), optim.adagrad(), optim.adadelta(), optim.adam(), optim.adamw(), optim.amsgrad(),
    optim.nadam(), optim.adafactor(), optim.adafactor(0.1, relative=False), optim.lion(),
    optim.lion(weight_decay=0.1, paths="**.weight"), optim.clip(1.0) >> optim.adam(),
    optim.clip_norm(1.0) >> optim.sgd(0.1), optim.clip_value(1.0) >> optim.sgd(0.1),
    optim.add_decay(0.1) >> optim.sgd(0.1), optim.add_l1(0.1) >> optim.sgd(0.1), optim.watch() >> optim.sgd(0.1),
    optim.sgd(0.1) >> optim.average(0.9), optim.every(2, optim.clip(1.0) >> optim.adam()),
    optim.adam(optim.warm_up(2, optim.cosine(0.1, 5))),
]  # fmt: skip


def ready(dtype=xp.float32):
    return (nn.Dense(4) >> nn.relu >> nn.Dense(2)).init(mt.key(0), X).cast(dtype)


def slope_of(net, x=X):
    return mt.grad(lambda n: xp.mean(n(x) ** 2))(net)


def leaves(tree):
    return {leaf.path: np.asarray(leaf.value) for leaf in flatten(tree)[0]}


def test_a_changed_rate_traces_nothing_anew_and_counts():
    step = mt.compile(lambda net, opt, slope: opt.step(net, slope), donate=("opt",))
    net, slope = {"w": xp.asarray([1.0])}, {"w": xp.asarray([2.0])}
    for optimizer in (optim.sgd(0.1), optim.clip(100.0) >> optim.momentum(0.1, 0.0), optim.every(1, optim.sgd(0.1))):
        opt = optimizer.init(net)
        step.programs.clear()
        for rate in (0.1, 0.2, 1 / 3, 3e-4):
            opt = opt.replace(rate=rate)
            assert float(opt.rate) == rate and opt.rate.dtype == np.float64
            moved, opt = step(net, opt, slope)
            np.testing.assert_array_equal(np.asarray(moved["w"]), np.float32(1) - np.float32(rate) * np.float32(2))
            assert float(opt.rate) == rate and opt.rate.dtype == np.float64, "as exact after the step as before"
        assert len(step.programs) == 1


def test_every_number_may_change_without_a_trace():
    step = mt.compile(lambda net, opt: opt.step(net, net))
    net = {"w": xp.asarray([1.0, -2.0])}
    opt = optim.adamw(0.1).init(net)
    for changes in ({}, {"beta1": 0.5}, {"beta2": 0.0, "epsilon": 1e-3}, {"weight_decay": 0.5}):
        opt = opt.replace(**changes)
        plain = opt.step(net, net)[0]["w"]
        np.testing.assert_array_equal(np.asarray(step(net, opt)[0]["w"]), np.asarray(plain))
    assert len(step.programs) == 1


def test_a_rate_given_to_a_compiled_step():
    @mt.compile
    def step(net, opt, rate):
        return opt.replace(rate=rate).step(net, net)

    net = {"w": xp.asarray([1.0])}
    opt = optim.sgd(0.1).init(net)
    for rate in (0.5, 0.1):
        moved, opt = step(net, opt, rate)
        assert float(opt.rate) == rate and moved["w"].dtype == np.float32
    assert len(step.programs) == 1
    assert float(step(net, opt, 1)[1].rate) == 1.0 and step(net, opt, 1)[1].rate.dtype == np.float64


def test_rates_can_be_differentiated_and_mapped_over():
    """d/dr (w − r·2w)² = −4w²(1 − 2r)."""
    w = xp.asarray(3.0)
    opt = optim.sgd(0.1).init(w)

    def after(rate):
        return opt.replace(rate=rate).step(w, 2 * w)[0] ** 2

    np.testing.assert_allclose(float(mt.grad(after)(0.1)), -4 * 9 * 0.8, rtol=1e-6)
    many = mt.vmap(after)(xp.asarray([0.1, 0.25, 0.5], dtype=xp.float64))
    np.testing.assert_allclose(np.asarray(many), [9 * 0.64, 9 * 0.25, 0.0], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("optimizer", EVERY_RULE, ids=repr)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_types_are_kept(optimizer, dtype):
    """Parameters keep their type; state has it too, or f32 for 16 bits; settings are f64; nothing is traced twice."""
    kind = getattr(xp, dtype)
    net = ready(kind)
    opt = optimizer.init(net)
    slope = ready(kind)
    step = mt.compile(lambda net, opt: opt.step(net, slope))
    for _ in range(3):
        net, opt = step(net, opt)
    assert len(step.programs) == 1
    assert {leaf.value.dtype for leaf in flatten(net)[0]} == {np.dtype(kind)}
    state = np.dtype(kind) if np.dtype(kind).itemsize > 2 else np.dtype(np.float32)
    found = {leaf.value.dtype for leaf in flatten(opt)[0] if leaf.value.shape}
    assert found <= {state}
    numbers = {leaf.value.dtype for leaf in flatten(opt)[0] if not leaf.value.shape}
    assert numbers <= {np.dtype(np.float64), np.dtype(np.int64)}
    assert all(np.isfinite(value.astype(np.float64)).all() for value in (*leaves(net).values(), *leaves(opt).values()))


def test_16_bits_are_stepped_in_32_and_rounded_once():
    w, g = np.array([1.0, -0.3], np.float16), np.array([1e-4, 2e-5], np.float16)
    half, whole = {"w": xp.asarray(w)}, {"w": xp.asarray(w.astype(np.float32))}
    one, two = optim.adam(1e-2).init(half), optim.adam(1e-2).init(whole)
    for _ in range(3):
        half, one = one.step({"w": xp.asarray(w)}, {"w": xp.asarray(g)})
        whole, two = two.step({"w": xp.asarray(w.astype(np.float32))}, {"w": xp.asarray(g.astype(np.float32))})
    np.testing.assert_array_equal(np.asarray(half["w"]), np.asarray(whole["w"]).astype(np.float16))
    assert np.isfinite(np.asarray(half["w"])).all(), "epsilon is 0 in float16, and the squares are as well"


@pytest.mark.parametrize("optimizer", EVERY_RULE, ids=repr)
def test_empty_arrays_and_scalars(optimizer):
    tree = {"weight": xp.asarray([[1.0, 2.0]]), "none": xp.zeros((0, 3)), "one": xp.asarray(2.0), "part.weight": 1.5}
    opt = optimizer.init(tree)
    for _ in range(2):
        tree, opt = opt.step(tree, {**tree, "none": xp.zeros((0, 3))})
    assert tree["none"].shape == (0, 3) and tree["one"].shape == () and float(tree["one"]) < 2.0
    assert all(np.isfinite(value).all() for value in (*leaves(tree).values(), *leaves(opt).values()))


@pytest.mark.parametrize("optimizer", EVERY_RULE, ids=repr)
def test_frozen_leaves_have_no_state_and_stay(optimizer):
    net = mt.freeze(ready(), "dense_1.**")
    opt = optimizer.init(net)
    assert not [path for path in leaves(opt) if "dense_1" in path]
    before = leaves(net)
    for _ in range(2):
        net, opt = opt.step(net, slope_of(net))
    moved = {path for path, value in leaves(net).items() if (value != before[path]).any()}
    assert moved == {"dense_2.weight", "dense_2.bias"}
    thawed = mt.unfreeze(net)
    again = opt.init(thawed)
    assert {path for path, value in leaves(again.step(thawed, slope_of(thawed))[0]).items()} == set(before)


@pytest.mark.parametrize("optimizer", EVERY_RULE, ids=repr)
def test_a_gradient_that_is_not_finite_is_named(optimizer):
    net = ready()
    slope = slope_of(net)
    bad = slope.replace(dense_2=slope.dense_2.replace(bias=xp.asarray([1.0, float("nan")])))
    step = mt.compile(lambda net, opt, slope: opt.step(net, slope), donate=("net", "opt"))
    opt = optimizer.init(net)
    for run in (opt.step, lambda net, slope: step(net, opt, slope)):
        with pytest.raises(mt.NonFiniteError, match=r"the gradient of dense_2\.bias is not finite"):
            run(net, bad)
    net, opt = step(net, opt, slope)
    assert np.isfinite(np.asarray(net(X))).all()


def test_a_norm_that_is_not_finite_is_not_clipped():
    """The gradients are finite, and their squares are not."""
    net = {"a": xp.asarray([1e30]), "b": xp.asarray([1.0])}
    for optimizer, words in ((optim.clip(1.0), "the joint norm"), (optim.clip_norm(1.0), "the norm .* of a ")):
        opt = (optimizer >> optim.sgd(0.1)).init(net)
        for step in (opt.step, mt.compile(lambda net, slope, opt=opt: opt.step(net, slope))):
            with pytest.raises(mt.NonFiniteError, match=words):
                step(net, net)


def test_giving_one_away_takes_nothing_from_another():
    optimizer = optim.clip(1.0) >> optim.adam(0.1) >> optim.average(0.9)
    step = mt.compile(lambda net, opt: opt.step(net, net), donate=("net", "opt"))
    net = {"w": xp.asarray([1.0])}
    first, second = optimizer.init(net), optimizer.init(net)
    step({"w": xp.asarray([1.0])}, first)
    step({"w": xp.asarray([1.0])}, second)
    assert float(optimizer.rate) == 0.1 and float(net["w"][0]) == 1.0
    with pytest.raises(mt.DonatedError):
        first.step(net, net)
    step(net, optimizer.init(net))


def test_copies_and_pickles():
    opt = (optim.clip(1.0) >> optim.adamw(optim.warm_up(3, optim.cosine(0.1, 9)))).init(ready())
    for again in (pickle.loads(pickle.dumps(opt)), copy.deepcopy(opt), copy.copy(opt)):
        assert repr(again) == repr(opt) and flatten(again)[1] == flatten(opt)[1]
        one, two = again.step(ready(), slope_of(ready()))[0], opt.step(ready(), slope_of(ready()))[0]
        assert all((leaves(one)[path] == value).all() for path, value in leaves(two).items())


def test_repr_says_what_is_set():
    text = repr(optim.clip(1.0) >> optim.add_decay(1e-4, "**.weight") >> optim.adam(1e-3).init({"w": 1.0}))
    assert text == (
        "clip(norm=1) >> add_decay(strength=0.0001, paths='**.weight') >> "
        "adam(rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08)"
    )
    text = repr(optim.every(4, optim.lion(optim.warm_up(5, 1e-4), weight_decay=0.1, paths="**.weight")))
    assert text == (
        "every(4, lion(rate=warm_up(steps=5, schedule=constant(rate=0.0001), start=0.0), "
        "weight_decay=0.1, paths='**.weight', beta1=0.9, beta2=0.99))"
    )


def test_a_function_of_the_step_is_a_schedule():
    seen = mt.compile(lambda net, opt: opt.step(net, {"w": xp.asarray([1.0], dtype=xp.float64)}))
    for schedule in (lambda step: 0.1 / (1 + step), optim.constant(1.0) * (lambda step: 0.1 / (1 + step))):
        tree = {"w": xp.asarray([0.0], dtype=xp.float64)}
        opt = optim.sgd(schedule).init(tree)
        seen.programs.clear()
        for _ in range(4):
            tree, opt = seen(tree, opt)
        np.testing.assert_allclose(np.asarray(tree["w"]), [-0.1 * (1 + 1 / 2 + 1 / 3 + 1 / 4)], rtol=1e-14)
        assert len(seen.programs) == 1 and int(opt.count) == 4


def test_schedules_stay_where_they_end():
    for schedule, last in (
        (optim.cosine(0.4, 10, end=0.1), 0.1),
        (optim.polynomial(0.4, 10, power=0.5), 0.0),
        (optim.one_cycle(0.5, 10, end=0.2), 0.2),
        (optim.warm_up(3, optim.cosine(0.4, 10)), 0.0),
        (optim.piecewise(0.4, {3: 0.1}), 0.1),
    ):
        np.testing.assert_allclose(np.asarray(schedule(xp.asarray([13, 1000, 10**15]))), last, atol=1e-17)
    late = optim.cosine_restarts(0.4, 3, growth=2)
    begins = [3 * (2**n - 1) for n in range(40)]
    np.testing.assert_array_equal(np.asarray(late(xp.asarray(begins))), 0.4)
    assert (np.asarray(late(xp.asarray([begin - 1 for begin in begins[1:]]))) <= 0.1 + 1e-12).all()


def test_a_large_rate_gets_a_note_once():
    for make in (optim.adam, optim.lion, optim.nadam, optim.rmsprop, optim.adafactor):
        with pytest.warns(mt.Note, match=r"about 3 a step"):
            make(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optim.sgd(3.0), optim.adadelta(3.0), optim.adam(1.0)


def test_the_learner_follows_a_schedule_and_tells_the_norm():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)).astype(np.float32), rng.normal(size=(64, 2)).astype(np.float32)
    schedule = optim.warm_up(4, optim.cosine(0.1, 12))
    optimizer = optim.watch() >> optim.clip(1.0) >> optim.adam(schedule) >> optim.average(0.5)
    learner = mt.Learner(nn.Dense(2), loss=mt.losses.mse, optimizer=optimizer)
    history = learner.fit(x, y, epochs=4, batch_size=16, progress=False)
    assert history["loss"][-1] < history["loss"][0]
    assert len(history["gradient norm"]) == 4 and min(history["gradient norm"]) > 0
    run = learner.run
    assert int(run["optimizer"].parts[2].count) == 16
    mean = optim.averaged(run["net"], run["optimizer"])
    assert (np.asarray(mean.weight) != np.asarray(run["net"].weight)).any()
    seen = []

    def own(run, batch, key):
        seen.append(batch[0].dtype)
        return run, {"mean": xp.mean(batch[0])}

    mt.Learner(step=own, run={"opt": optimizer, "net": mean}).fit(x, y, epochs=1, progress=False)
    assert set(seen) == {np.dtype(np.float32)}, "the settings' 64 bits do not make the data float64"


def test_every_takes_the_step_of_the_whole_batch():
    net = ready().cast(xp.float64)
    x = xp.asarray(np.random.default_rng(1).normal(size=(12, 3)))
    inner = optim.add_decay(0.1) >> optim.adam(0.1)
    whole, parts = inner.init(net), optim.every(3, inner).init(net)
    one = two = net
    step = mt.compile(lambda net, opt, slope: opt.step(net, slope))
    for _ in range(2):
        for i in range(3):
            before = two
            two, parts = step(two, parts, slope_of(two, x[4 * i : 4 * i + 4]))
            assert (i == 2) != all((leaves(before)[path] == w).all() for path, w in leaves(two).items())
        one, whole = whole.step(one, slope_of(one, x))
    for path, value in leaves(one).items():
        np.testing.assert_allclose(leaves(two)[path], value, rtol=1e-9, atol=1e-12)
    assert len(step.programs) == 1 and int(parts.parts[0].parts[1].count) == 2


def test_settings_are_replaced_in_a_composition_within_another():
    inner = optim.clip(1.0) >> optim.adam(1e-3)
    for outer in (optim.every(2, inner), optim.clip(1.0) >> optim.every(2, inner) >> optim.average()):
        opt = outer.init(ready())
        assert float(opt.rate) == 1e-3 and float(opt.replace(rate=1e-4).rate) == 1e-4
        with pytest.raises(mt.PathError):
            opt.replace(rte=1e-4)


def test_a_rate_that_is_not_finite_is_named_and_nothing_is_updated():
    opt = optim.sgd(lambda step: xp.log(-1.0 - step)).init(X)
    for step in (opt.step, mt.compile(lambda tree, gradient: opt.step(tree, gradient))):
        with pytest.raises(mt.NonFiniteError, match="the rate of sgd"):
            step(X, X)


RULES_WITH_STATE = [one for one in EVERY_RULE if "sgd" not in repr(one)]


@pytest.mark.parametrize("rule", RULES_WITH_STATE, ids=repr)
@pytest.mark.parametrize("units", [(4, 1), (1, 4)])
def test_a_state_of_another_net_does_not_broadcast(rule, units):
    old, new = ((nn.Dense(one)).init(mt.key(0), X) for one in units)
    with pytest.raises(mt.StateError, match="OPT-14") as error:
        rule.init(old).step(new, slope_of(new))
    assert "opt.init(net) again" in error.value.fix
    rule.init(old).init(new).step(new, slope_of(new))


@pytest.mark.parametrize("make", [optim.sgd, optim.adam, optim.momentum, optim.lion])
def test_no_rate_is_no_rate(make):
    with pytest.raises(mt.UsageError, match="rate is None"):
        make(None)


def test_the_net_comes_first():
    net = (nn.Dense(3) >> nn.BatchNorm()).init(mt.key(0), X)
    gradient = mt.grad(lambda n: xp.mean(mt.evaluation(n)(X) ** 2))(net)
    with pytest.raises(mt.UsageError, match="the tree comes first"):
        optim.sgd(0.1).init(net).step(gradient, net)


@pytest.mark.parametrize("made", [lambda: optim.rmsprop(centered="no"), lambda: optim.adafactor(relative=1)])
def test_flags_are_true_or_false(made):
    with pytest.raises(mt.UsageError, match="must be True or False"):
        made()


@pytest.mark.parametrize("rule", [optim.adam, optim.nadam, optim.rmsprop, optim.adagrad, optim.adafactor])
def test_epsilon_keeps_a_zero_gradient_from_being_divided_by_zero(rule):
    with pytest.raises(mt.UsageError, match="epsilon is 0"):
        rule(epsilon=0.0)
