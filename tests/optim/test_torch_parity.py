"""20 steps of every optimizer, and every schedule, against `scripts/torch_optimizers.py`: float64, rtol 1e-10."""

from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import optim, xp
from mapsto.core.tree import flatten

STORED = dict(np.load(Path(__file__).parents[1] / "stored" / "torch_optimizers.npz"))
X, Y = xp.asarray(STORED["x"]), xp.asarray(STORED["y"])
NET = {name: STORED[f"net/{name}"] for name in ("w1", "b1", "w2", "b2")}
VALLEY = {"w": STORED["valley"]}
STEPS = 20

WARM_COSINE = optim.warm_up(5, optim.cosine(0.1, 15), start=0.1)
OPTIMIZERS = {
    "sgd": optim.sgd(0.1),
    "momentum": optim.momentum(0.05, 0.8),
    "nesterov": optim.nesterov(0.05, 0.8),
    "sgd_decay": optim.add_decay(0.1) >> optim.momentum(0.05, 0.8),
    "rmsprop": optim.rmsprop(0.02),
    "rmsprop_set": optim.rmsprop(0.01, decay=0.9, momentum=0.5, epsilon=1e-3),
    "rmsprop_centered": optim.rmsprop(0.01, decay=0.9, momentum=0.3, centered=True),
    "adagrad": optim.adagrad(0.1),
    "adagrad_set": optim.adagrad(0.1, initial=0.5, epsilon=1e-4),
    "adadelta": optim.adadelta(),
    "adadelta_set": optim.adadelta(0.5, decay=0.8, epsilon=1e-3),
    "adam": optim.adam(0.05),
    "adam_set": optim.adam(0.1, beta1=0.5, beta2=0.7, epsilon=1e-3),
    "adam_l2": optim.add_decay(0.1) >> optim.adam(0.05),
    "adamw": optim.adamw(0.05, weight_decay=0.2),
    "adamw_chosen": optim.adamw(0.05, weight_decay=0.2, paths="w*"),
    "amsgrad": optim.amsgrad(0.05, beta1=0.8, beta2=0.5),
    "nadam": optim.nadam(0.05),
    "nadam_set": optim.nadam(0.05, beta1=0.8, beta2=0.9, epsilon=1e-4, momentum_decay=0.5),
    "adafactor": optim.adafactor(),
    "adafactor_set": optim.adafactor(power=0.5, smallest=0.5),
    "adafactor_paper": optim.adafactor(),
    "adafactor_rate": optim.adafactor(0.1),
    "adafactor_absolute": optim.adafactor(0.05, threshold=0.4, relative=False),
    "lion": optim.lion(0.02),
    "lion_set": optim.lion(0.01, beta1=0.5, beta2=0.8, weight_decay=0.3),
    "clip": optim.clip(0.2) >> optim.sgd(0.5),
    "clip_norm": optim.clip_norm(0.1) >> optim.sgd(0.5),
    "clip_value": optim.clip_value(0.05) >> optim.sgd(0.5),
    "add_l1": optim.add_l1(0.05, "w*") >> optim.sgd(0.1),
    "add_decay": optim.add_decay(0.1, "w*") >> optim.sgd(0.1),
    "every": optim.every(3, optim.momentum(0.1, 0.8)),
    "sgd_step_decay": optim.momentum(optim.step_decay(0.2, 0.3, every=6), 0.5),
    "adam_warm_cosine": optim.adamw(WARM_COSINE, weight_decay=0.2),
}
SCHEDULES = {
    "constant": optim.constant(0.4),
    "exponential": optim.exponential(0.4, 0.9),
    "exponential_slow": optim.exponential(0.4, 0.5, 7),
    "step_decay": optim.step_decay(0.4, 0.3, every=7),
    "cosine": optim.cosine(0.4, 40, end=0.01),
    "cosine_restarts": optim.cosine_restarts(0.4, 9, end=0.01),
    "cosine_restarts_longer": optim.cosine_restarts(0.4, 7, growth=2, end=0.01),
    "cosine_restarts_paper": optim.cosine_restarts(0.4, 5, growth=3, end=0.02),
    "polynomial": optim.polynomial(0.4, 40, power=1.7),
    "polynomial_end": optim.polynomial(0.4, 40, power=2.0, end=0.1),
    "linear": optim.polynomial(0.4, 40, end=0.1),
    "one_cycle": optim.one_cycle(0.4, 61),
    "one_cycle_set": optim.one_cycle(0.4, 61, rise=0.5, start=0.1, end=0.01),
    "piecewise": optim.piecewise(0.4, {10: 0.2, 25: 0.1, 26: 0.05}),
    "warm_up": optim.warm_up(10, 0.4, start=0.25),
    "warm_up_from_zero": optim.warm_up(10, 0.4),
    "warm_up_cosine": optim.warm_up(8, optim.cosine(0.4, 40), start=0.1),
}


def net_loss(p):
    return xp.mean((xp.tanh(X @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"] - Y) ** 2) / 2


def valley_loss(p):
    w = p["w"]
    return 0.01 * xp.sum(100.0 * (w[1:] - w[:-1] ** 2) ** 2 + (1.0 - w[:-1]) ** 2)


def way(optimizer, start, loss, compiled):
    """The tree after every step, and the last state."""
    tree = {name: xp.asarray(value) for name, value in start.items()}
    opt, found = optimizer.init(tree), []

    def step(tree, opt):
        return opt.step(tree, mt.grad(loss)(tree))

    if compiled:
        step = mt.compile(step)
    for _ in range(STEPS):
        tree, opt = step(tree, opt)
        found.append({name: np.asarray(value) for name, value in tree.items()})
    if compiled:
        assert len(step.programs) == 1
    return found, opt


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps(name):
    optimizer = OPTIMIZERS[name]
    for start, loss in ((NET, net_loss), (VALLEY, valley_loss)):
        found, opt = way(optimizer, start, loss, compiled=True)
        if start is NET:
            for key, value in found[-1].items():
                np.testing.assert_allclose(value, STORED[f"{name}/net/{key}"], rtol=1e-10, atol=1e-13)
        else:
            points = np.stack([point["w"] for point in found])
            np.testing.assert_allclose(points, STORED[f"{name}/valley"], rtol=1e-10, atol=1e-13)
            eager, plain = way(optimizer, start, loss, compiled=False)
            np.testing.assert_allclose([one["w"] for one in eager], points, rtol=1e-12, atol=1e-15)
            for one, two in zip(flatten(plain)[0], flatten(opt)[0], strict=True):
                assert one.path == two.path and one.value.dtype == two.value.dtype
                np.testing.assert_allclose(np.asarray(one.value), np.asarray(two.value), rtol=1e-10, atol=1e-15)


def test_nothing_stored_is_left_out():
    kept = {key.split("/")[0] for key in STORED if key.endswith("/valley")} - {"average"}
    assert kept == set(OPTIMIZERS)
    assert {key.removeprefix("schedule/") for key in STORED if key.startswith("schedule/")} == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    wanted = STORED[f"schedule/{name}"]
    found = SCHEDULES[name](xp.arange(len(wanted)))
    assert found.dtype == np.float64
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-10, atol=1e-15)
    alone = [float(SCHEDULES[name](step)) for step in range(len(wanted))]
    np.testing.assert_allclose(alone, np.asarray(found), rtol=1e-14, atol=1e-17)
    traced = mt.compile(SCHEDULES[name].__call__)(xp.arange(len(wanted)))
    np.testing.assert_allclose(np.asarray(traced), np.asarray(found), rtol=1e-14, atol=1e-17)


def test_the_average_of_the_weights():
    """PyTorch's AveragedModel begins at the weights that it is given first, as ours does."""
    tree = {"w": xp.asarray(VALLEY["w"])}
    opt = (optim.sgd(0.1) >> optim.average(0.8)).init(tree)
    for _ in range(STEPS):
        tree, opt = opt.step(tree, mt.grad(valley_loss)(tree))
    found = np.asarray(optim.averaged(tree, opt)["w"])
    np.testing.assert_allclose(found, STORED["average/valley"], rtol=1e-10)
    np.testing.assert_allclose(np.asarray(tree["w"]), STORED["sgd/valley"][-1], rtol=1e-10)
