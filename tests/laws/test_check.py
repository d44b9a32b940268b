"""`mt.check` on what is right: every law that applies is passed, and the report says so."""

import time

import numpy as np
import pytest

import mapsto as mt
from mapsto import image, losses, nn, optim, xp

RNG = np.random.default_rng(0)
X = xp.asarray(RNG.normal(size=(3, 4)).astype(np.float32))
LABELS = xp.asarray([0, 1, 3])
APPLY = {  # the laws that say something about a function
    "twice the same",
    "derivative = differences",
    "vmap = loop",
    "compiled = reference",
}
LATER = {"examples apart", "only training moves states", "save ∘ load = identity"}
TRAINING = {"one key, one training", "the same in training", "compiled in training"}


def passed(report):
    assert report, str(report)
    return {law.name for law in report if law.verdict == "passed"}


def own(x):
    """A mapping of trees."""
    return {"a": 2 * x["u"], "b": [x["v"] + 1.0, xp.sum(x["u"])]}


FUNCTIONS = {
    "elementwise": (xp.tanh, (X,)),
    "two arguments": (xp.matmul, (X, xp.asarray(RNG.normal(size=(4, 2)).astype(np.float32)))),
    "trees": (own, ({"u": X, "v": 2.0},)),
    "a python number": (lambda x, c: x**c, (xp.abs(X), 1.5)),
    "a size": (lambda x, axis: xp.sum(x, axis=axis), (X, 1)),
    "a key": (lambda key, x: x * mt.random.normal(key, (3,)), (mt.key(0), 2.0)),
    "at a kink": (lambda x: xp.maximum(x, 0.0), (xp.zeros((2, 3)),)),
    "with a mask": (lambda x: xp.where(x > 0, x, 0.1 * x)[::2], (X,)),
    "a net among the arguments": (
        lambda net, x, y: losses.cross_entropy(net(x), y).mean(),
        (nn.Dense(4).init(mt.key(0), X), X, LABELS),
    ),
    "derivatives of derivatives": (mt.grad(lambda x: xp.sum(xp.sin(x) * x)), (X,)),
    "jumps": (lambda x: x - xp.floor(x), (xp.asarray([0.0, 1.0, -2.5]),)),
    "float32 within": (lambda x: xp.astype(xp.astype(x, xp.float32) ** 2, x.dtype), (X,)),
    "bfloat16 within": (lambda x: xp.astype(xp.exp(xp.astype(x, xp.bfloat16)), x.dtype), (X,)),
    "an empty axis": (lambda x: xp.sum(x * x), (xp.ones((0, 3)),)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function, examples = FUNCTIONS[name]
    found = passed(mt.check(function, *examples))
    assert found >= APPLY - ({"derivative = differences"} if name == "an empty axis" else set())
    assert not found & (LATER | TRAINING)


NETS = {
    "dense": nn.Dense(5) >> nn.gelu >> nn.Dense(2),
    "dropout": nn.Dense(5) >> nn.relu >> nn.Dropout(0.5) >> nn.Dense(2),
    "batch norm": nn.Dense(5) >> nn.BatchNorm() >> nn.tanh >> nn.Dense(2),
    "layer norm": nn.LayerNorm() >> nn.softmax,
    "two ways": (nn.Dense(3) & nn.relu) >> mt.star(lambda a, b: xp.concat([a, b], axis=1)),
    "in bfloat16": nn.Dense(5) >> nn.relu,
}


@pytest.mark.parametrize("name", NETS)
def test_nets(name):
    net, x = NETS[name].init(mt.key(0), X), X
    if name == "in bfloat16":
        net, x = net.cast(xp.bfloat16), xp.astype(X, xp.bfloat16)
    found = passed(mt.check(net, x))
    assert found == APPLY | LATER | (TRAINING if name in ("dropout", "batch norm") else set())


def test_frozen_parts_and_indices():
    net = mt.freeze(
        (nn.Embedding(10, 4) >> nn.Flatten() >> nn.Dense(2)).init(mt.key(0), np.ones((1, 2), int)), "emb*.**"
    )
    assert passed(mt.check(net, xp.asarray([[1, 2], [3, 9]]))) == APPLY | LATER


def test_a_loss_has_two_inputs():
    report = mt.check(losses.cross_entropy, X, LABELS)
    assert passed(report) == APPLY | LATER - {"save ∘ load = identity"}
    assert "takes one array, and this takes 2" in report["save ∘ load = identity"].note


def test_what_a_file_cannot_hold_by_its_kind():
    """Several arrays in or out are no mistake."""
    assert mt.check(mt.parallel(nn.relu, nn.tanh), (X, X))["save ∘ load = identity"].verdict == "does not apply"
    assert mt.check(nn.relu & nn.tanh, X)["save ∘ load = identity"].verdict == "does not apply"


def test_a_list_is_an_array():
    assert passed(mt.check(nn.relu, [[1.0, -2.0], [3.0, 4.0]])) == APPLY | LATER


def test_a_step_of_training_that_donates():
    """What is given stays the user's."""
    net = (nn.Dense(5) >> nn.relu >> nn.Dropout(0.5) >> nn.Dense(4)).init(mt.key(0), X)
    opt = optim.adam(1e-2).init(net)

    @mt.compile(donate=("net", "opt"))
    def step(net, opt, key, x, y):
        def objective(net):
            p, net = mt.training(net)(key, x)
            return losses.cross_entropy(p, y).mean(), net

        (loss, net), gradient = mt.value_and_grad(objective, aux=True)(net)
        net, opt = opt.step(net, gradient)
        return net, opt, loss

    report = mt.check(step, net, opt, mt.key(1), X, LABELS)
    assert passed(report) >= APPLY and "and 14 more" in report.title
    assert net(X).shape == (3, 4)


def test_a_batch_of_one_and_of_many():
    net = nn.Dense(2).init(mt.key(0), X)
    assert mt.check(net, X[:1]) and mt.check(net, np.ones((300, 4), np.float32))


def test_a_net_with_host_steps():
    answer = nn.Dense(2).init(mt.key(0), X) >> nn.softmax >> nn.top_k(1, ("cat", "dog"))
    found = passed(mt.check(answer, X))
    assert found >= {"twice the same", "save ∘ load = identity"} and "compiled = reference" not in found


def test_a_cnn_in_under_ten_seconds(monkeypatch, tmp_path):
    """Every law applies; nothing compiled was kept from before."""
    monkeypatch.setenv("MAPSTO_CACHE", str(tmp_path))
    x = xp.asarray(RNG.integers(0, 256, (8, 28, 28, 1)).astype(np.uint8))
    net = image.scale(1 / 255) >> nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Conv2D(64, 3) >> nn.relu
    net = net >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(64) >> nn.relu >> nn.Dropout(0.5) >> nn.Dense(10)
    began = time.process_time()  # of all threads, whatever else the machine does
    assert passed(mt.check(net.init(mt.key(0), x[:1]), x)) == APPLY | LATER | TRAINING
    assert time.process_time() - began < 10


def test_the_number_of_threads_stays():
    before = mt.threads()
    mt.check(xp.exp, X)
    assert mt.threads() == before


def test_the_report():
    report = mt.check(nn.Dense(2).init(mt.key(0), X), X)
    text = str(report)
    assert report.passed and not report.failed and repr(report) == text and len(list(report)) == 10
    assert text.startswith("Dense: x f32[3,4] ↦ f32[3,2]\n")
    assert "save ∘ load = identity      passed" in text
    assert "the same in training        does not apply  no part behaves differently in training" in text
    assert report._repr_html_().startswith("<pre>Dense") and "Dense: x" in report._repr_html_()
    with pytest.raises(mt.PathError, match="the laws are"):
        report["vmap"]


def test_what_f_raises_comes_through():
    with pytest.raises(mt.StateError, match="MAP-02"):
        mt.check(nn.Dense(2), X)
    with pytest.raises(mt.ShapeError):
        mt.check(xp.matmul, X, X)
    with pytest.raises(mt.UsageError, match="ARG-03"):
        mt.check(3.0, X)
