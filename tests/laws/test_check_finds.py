"""`mt.check` on what is wrong: it finds the mistake, says which law it breaks, and shows a small example."""

import random
from itertools import count

import numpy as np

import mapsto as mt
from mapsto import nn, xp
from mapsto.compose.combine import Host
from mapsto.ir.graph import bind
from mapsto.prims.elementary import Exp, Log
from mapsto.prims.elementwise import Neg
from mapsto.prims.hyperbolic import Tanh

X = xp.asarray(np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32))


def only(report, *names):
    """The counterexample of the first law; these laws failed and no others."""
    assert not report and [law.name for law in report.failed] == list(names), str(report)
    return report.failed[0].counterexample


class Scaled(mt.Mapping):
    """A layer whose parameter is cut off from half of its derivative."""

    def __init__(self):
        self.gain = mt.param(lambda x: (x.shape[-1],), nn.ones)

    def __call__(self, x):
        return xp.tanh(x * self.gain * mt.stop_gradient(self.gain))


def test_a_wrong_derivative_of_a_parameter():
    net = (nn.Dense(3) >> Scaled() >> nn.Dense(2)).init(mt.key(0), X)
    found = only(mt.check(net, X), "derivative = differences")
    assert found.where.startswith("∂ result[0,") and "/ ∂ net.scaled_1.gain[" in found.where
    expected, made = float(found.expected.split()[0]), float(found.found.split()[0])
    assert abs(expected - 2 * made) < 1e-4 * abs(expected)
    assert found.inputs["x"].shape == (1, 4)


def test_a_wrong_derivative_of_an_argument():
    found = only(mt.check(lambda a, b: a * mt.stop_gradient(b), X, X + 1.0), "derivative = differences")
    assert found.where == "∂ result[0,0] / ∂ b[0,0]" and found.inputs["b"].shape == (1, 1)
    assert found.found == "0 in forward mode"


def test_one_wrong_entry_among_many():
    """Only row 2, column 1 is wrong: no smaller example shows it."""
    mask = np.zeros((6, 4), np.float32)
    mask[2, 1] = 1
    report = mt.check(lambda x: x * x + mask * (mt.stop_gradient(x[2, 1]) - x[2, 1]), X)
    found = only(report, "derivative = differences")
    assert found.where == "∂ result[2,1] / ∂ x[2,1]" and found.inputs["x"].shape == (6, 4)


def test_a_rule_that_is_wrong_backwards(monkeypatch):
    """What an own rule could do: forward mode is right, reverse mode is not."""
    monkeypatch.setattr(Tanh, "vjp", lambda self, outputs, inputs, given: list(given))
    found = only(mt.check(xp.tanh, X), "derivative = differences")
    assert found.found == "1 in reverse mode" and float(found.expected.split()[0]) < 1


def test_a_rule_that_is_wrong_forwards(monkeypatch):
    monkeypatch.setattr(Exp, "jvp", lambda self, outputs, inputs, given: list(given))
    assert only(mt.check(xp.exp, X), "derivative = differences").found.endswith("in forward mode")


def test_a_nan_that_comes_back(monkeypatch):
    """A derivative that is NaN where the function has a slope."""
    monkeypatch.setattr(Tanh, "partials", lambda self, y, x: (bind(Log(), bind(Neg(), bind(Exp(), x))),))
    assert only(mt.check(xp.tanh, X), "derivative = differences").found == "nan in forward mode"


def test_a_number_that_leaves_the_trace():
    found = mt.check(lambda x: float(xp.sum(x)), X)["derivative = differences"].counterexample
    assert found.where == "∂ result / ∂ x[0,0]" and found.found == "0 in forward mode"


class Centred(mt.Mapping):
    """Mixes the examples of a batch."""

    def __call__(self, x):
        return x - xp.mean(x, axis=0)


def test_examples_that_mix():
    net = (nn.Dense(3) >> Centred() >> nn.Dense(2)).init(mt.key(0), X)
    found = only(mt.check(net, X), "examples apart", "save ∘ load = identity")
    assert found.where.startswith("row 0: result[") and "net.centred mixes them" in found.remark
    assert found.inputs["x"].shape == (2, 4)


class Placed(mt.Mapping):
    """Adds to each example where it stands in the batch."""

    def __call__(self, x):
        return x + xp.arange(x.shape[0])[:, None]


def test_examples_that_know_their_place():
    found = only(mt.check(Placed(), X), "examples apart", "save ∘ load = identity")
    assert (found.expected, found.found) == ("1", "0") and "turned round" in found.remark


def test_a_draw_that_nobody_asked_for():
    random.seed(0)
    found = only(mt.check(lambda x: x * random.random(), X), "twice the same")
    assert found.inputs["x"].shape == (1, 1) and "second, with the same arguments" in found.remark


def test_a_count_of_calls():
    numbers = count()
    report = mt.check(mt.fn(lambda x: x + next(numbers)), X)
    only(report, "twice the same")
    assert report["vmap = loop"].note == "twice the same failed"


class Shaken(mt.Mapping):
    """In training it draws from Python's random, whatever the key."""

    def __call__(self, x):
        return x

    def training(self, key, x):
        return x * random.random(), self


def test_randomness_hidden_in_training():
    found = only(mt.check(nn.relu >> Shaken(), X), "one key, one training")
    assert "same key" in found.remark


class Decaying(mt.Mapping):
    """Moves a parameter in training, as if it were a state."""

    def __init__(self):
        self.gain = mt.param(lambda x: (x.shape[-1],), nn.ones)

    def __call__(self, x):
        return x * self.gain

    def training(self, key, x):
        return x * self.gain, self.replace(gain=self.gain * 0.5)


def test_a_parameter_that_training_moves():
    found = only(mt.check(Decaying().init(mt.key(0), X), X), "only training moves states")
    assert (found.where, found.expected, found.found) == ("net.gain[0]", "1", "0.5")


class Untrained(mt.Mapping):
    """A derivative that is wrong in training alone."""

    def __call__(self, x):
        return x * x

    def training(self, key, x):
        return x * mt.stop_gradient(x), self


def test_a_derivative_that_is_wrong_in_training():
    assert only(mt.check(Untrained(), X), "the same in training").where == "∂ result[0,0] / ∂ x[0,0]"


def otherwise(x):
    """Another function where it cannot see numbers."""
    try:
        return x * (2.0 if float(mt.stop_gradient(xp.sum(x * x))) >= 0 else 1.0)
    except mt.TraceError:
        return x


def test_another_function_when_compiled():
    report = mt.check(otherwise, X)
    assert {"vmap = loop", "compiled = reference"} <= {law.name for law in report.failed}
    found = report["compiled = reference"].counterexample
    assert (found.expected, found.found) == ("2", "1") and found.inputs["x"].shape == (1, 1)


class Counting(Host):
    """A host step, and no file knows it."""

    def __call__(self, x):
        return xp.asarray(np.asarray(x) + 1)


def test_what_no_file_can_hold():
    found = only(mt.check(nn.relu >> Counting() >> nn.relu, X), "save ∘ load = identity")
    assert found.remark.startswith("SAVE-02")


def test_what_cannot_be_traced_is_said():
    report = mt.check(lambda x: x if float(xp.sum(x)) > 0 else -x, X)
    assert report["compiled = reference"].verdict == "does not apply"
    assert "cannot be traced" in report["compiled = reference"].note


def test_an_error_of_one_law_is_told():
    """A function that takes single arrays alone, for no good reason."""

    def strict(x):
        if type(x) is not mt.Array:
            raise ValueError("give it an array")
        return 2 * x

    report = mt.check(strict, X)
    assert {law.name for law in report.failed} == {"derivative = differences", "vmap = loop", "compiled = reference"}
    assert report.failed[0].counterexample.found == "ValueError: give it an array"


def test_the_text_of_a_failure():
    text = str(mt.check(lambda x: x * mt.stop_gradient(x), xp.asarray([2.0, 3.0])))
    assert text.split("\n\n")[2].split("\n") == [
        "derivative = differences failed",
        "  where     ∂ result[0] / ∂ x[0]",
        "  expected  2 by differences",
        "  found     1 in forward mode",
        "  x         array([1.], f64[1])",
    ]


def test_the_same_report_again():
    texts = {str(mt.check(Scaled().init(mt.key(0), X), X)) for _ in range(2)}
    assert len(texts) == 1
