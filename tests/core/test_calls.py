"""Calls that do not fit: the wrong word, too many arguments, too few; and what they cost where they fit."""

import copy
import inspect
import pickle
import re

import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.core.calls import explained, refuse_call
from mapsto.core.names import call_table

X = xp.ones((2, 3))
NET = nn.Dense(3).init(mt.key(0), X)
CHAIN = nn.relu >> NET


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (lambda: nn.Dense(3, 4), "ARG-06", "init finds the size of the input"),
        (lambda: nn.Dense(4, activation="relu"), "ARG-05", "nn.Dense(4) >> nn.relu"),
        (lambda: nn.Dense(4, in_features=3), "ARG-05", "leave it out"),
        (lambda: nn.Conv2D(4, kernel_size=3), "ARG-05", "size=3"),
        (lambda: nn.Conv2D(4, 3, strides=2), "ARG-05", "stride=2"),
        (lambda: nn.Dropout(p=0.5), "ARG-05", "rate=0.5"),
        (lambda: nn.Dense(), "ARG-07", "nn.Dense needs units"),
        (lambda: nn.Dense(4, biass=True), "ARG-05", "did you mean 'bias'?"),
        (lambda: losses.CrossEntropy(label_smoothing=0.1), "ARG-05", "smoothing=0.1"),
        (lambda: NET(X, training=True), "ARG-05", "mt.training(net)(key, x)"),
        (lambda: CHAIN(X, train=True), "ARG-05", "mt.training(net)(key, x)"),
        (lambda: CHAIN(X, X), "ARG-06", "a call of Chain takes 1"),
        (lambda: CHAIN(), "ARG-07", "a call of Chain needs x"),
        (lambda: optim.adam(lr=0.1), "ARG-05", "rate=1e-3"),
        (lambda: optim.adam(0.1, betas=(0.9, 0.99)), "ARG-05", "beta1=0.9, beta2=0.999"),
        (lambda: optim.sgd(0.1, momentum=0.9), "ARG-05", "optim.momentum(rate, 0.9)"),
        (lambda: losses.mse(X, X, reduction="mean"), "ARG-05", "one value per example"),
        (lambda: X.sum(dim=0), "ARG-05", "axis=-1"),
        (lambda: X.var(unbiased=True), "ARG-05", "correction=1"),
        (lambda: xp.softmax(X, dim=-1), "ARG-05", "axis=-1"),
        (lambda: xp.sum(X, 0), "ARG-06", "xp.sum(x, axis=0)"),
        (lambda: xp.sum(x=X), "ARG-05", "give x by position"),
        (lambda: xp.ones(2, 3), "ARG-06", "xp.ones((2, 3))"),
        (lambda: xp.ones((2,), shape=(2,)), "ARG-08", "multiple values"),
        (lambda: Plain(3), "ARG-06", "Plain takes 0 by position"),
        (lambda: Plain()(X, X), "ARG-06", "a call of Plain takes 1"),
    ],
)
def test_a_call_that_does_not_fit(call, code, words):
    with pytest.raises(mt.UsageError) as error:
        call()
    assert error.value.code == code
    assert words in str(error.value)
    assert isinstance(error.value, TypeError)


class Plain(mt.Mapping):
    def __call__(self, x):
        return x


def test_errors_within_a_call_that_fits_stay_as_they_are():
    def broken(x):
        return len(x.ndim)

    class Broken(mt.Mapping):
        def __init__(self, value):
            self.value = len(value)

    for call in (lambda: mt.fn(broken)(X), lambda: explained("broken")(broken)(X), lambda: Broken(3)):
        with pytest.raises(TypeError, match="has no len") as error:
            call()
        assert not isinstance(error.value, mt.MapstoError)


def test_what_cannot_be_asked_is_left_alone():
    refuse_call("f", broken_signature, (1, 2, 3), {"a": 1})
    refuse_call("f", lambda *args, **kwargs: None, (1, 2, 3), {"a": 1})


class Broken:
    __signature__ = "nothing"

    def __call__(self):
        return None


broken_signature = Broken()


def test_explained_functions_are_those_of_their_package():
    for function in (xp.sum, optim.adam, losses.mse):
        assert pickle.loads(pickle.dumps(function)) is function
        assert copy.deepcopy(function) is function
        assert function.__doc__ and "/" in str(inspect.signature(function)) + "/"
    assert list(inspect.signature(xp.softmax).parameters) == ["x", "axis"]


@pytest.mark.parametrize("text", sorted({reply.write for reply in call_table().values()}))
def test_names_in_how_it_is_written_are_there(text):
    for owner, name in re.findall(r"\b(mt|nn|optim|xp)\.(\w+)", text):
        assert hasattr({"mt": mt, "nn": nn, "optim": optim, "xp": xp}[owner], name), f"{owner}.{name} is not there"


def test_words_of_calls_are_no_names():
    assert {"lr", "dim", "kernel_size"} <= {word for place, word in call_table() if place == "call"}
    with pytest.raises(AttributeError):
        _ = xp.kernel_size
