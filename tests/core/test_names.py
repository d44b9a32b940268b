"""Names of other frameworks are answered with ours; to whatever probes for attributes they are simply missing."""

import copy
import doctest
import importlib
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim, random, text, xp
from mapsto.core.names import table
from mapsto.train import History

PLACES: dict[str, Any] = {
    "mt": mt, "nn": nn, "optim": optim, "losses": losses, "xp": xp, "data": data, "metrics": metrics, "image": image,
    "text": text, "random": random, "mt.random": random,
    "xp.linalg": xp.linalg, "xp.fft": xp.fft,
}  # fmt: skip
NET = (nn.Dense(3) >> nn.relu).init(mt.key(0), xp.ones((1, 2)))
OBJECTS: dict[str, Any] = {
    "Mapping": NET,
    "Array": xp.ones(3),
    "Learner": mt.Learner(NET, loss=losses.mse, optimizer=optim.sgd(0.1)),
    "Optimizer": optim.adam(1e-3),
    "History": History(),
    "Samples": data.from_arrays(np.zeros(3)),
}
OWNERS = PLACES | OBJECTS


def test_there_are_many_words() -> None:
    assert len(table()) >= 300


@pytest.mark.parametrize(("place", "word"), table())
def test_a_word_is_answered(place: str, word: str) -> None:
    reply = table()[place, word]
    with pytest.raises(mt.MapstoError) as error:
        getattr(OWNERS[place], word)
    assert isinstance(error.value, AttributeError)
    assert (error.value.code, error.value.fix) == (reply.code, reply.write)
    assert word in str(error.value).splitlines()[0] and len(str(error.value).splitlines()) <= 3
    assert not hasattr(OWNERS[place], word)


@pytest.mark.parametrize("text", sorted({reply.ours for reply in table().values() if reply.code == "NAME-01"}))
def test_what_answers_is_there(text: str) -> None:
    """Every name in an answer, such as `nn.Dense` or `learner.fit`, exists."""
    owners = PLACES | {"np": np, "net": NET, "learner": OBJECTS["Learner"], "opt": OBJECTS["Optimizer"]}
    owners |= {"samples": data.load("digits"), "history": OBJECTS["History"]}
    owners[""] = OBJECTS["Array"]
    for owner, name in re.findall(r"((?:(?:mt|xp)\.(?=\w+\.))?\w*)\.(\w+)", text):
        assert hasattr(owners[owner], name), f"{owner}.{name} is not there"


@pytest.mark.parametrize("text", sorted({reply.write for reply in table().values()}))
def test_names_in_how_it_is_written_are_there(text: str) -> None:
    for owner, name in re.findall(r"\b(mt|nn|optim|losses|xp|data|metrics|image|text)\.(\w+)", text):
        assert hasattr(PLACES[owner], name), f"{owner}.{name} is not there"


OTHERS = [
    ("nn", "conv2d", "nn.Conv2D"),
    ("nn", "Conv2d", "nn.Conv2D"),
    ("nn", "Softmax", "nn.softmax"),
    ("nn", "cross_entropy", "losses.cross_entropy"),
    ("nn", "mean", "xp.mean"),
    ("mt", "mean", "xp.mean"),
    ("mt", "Dense", "nn.Dense"),
    ("mt", "adam", "optim.adam"),
    ("losses", "accuracy", "metrics.accuracy"),
    ("xp", "grad", "mt.grad"),
    ("xp", "Linear", "nn.Dense"),
]


@pytest.mark.parametrize(("place", "word", "ours"), OTHERS)
def test_other_capitals_and_neighbouring_packages(place: str, word: str, ours: str) -> None:
    with pytest.raises(mt.MapstoError, match=rf"{place}\.{word}: here it is {re.escape(ours)}  \[NAME-01\]"):
        getattr(PLACES[place], word)


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("name", ["nothing_like_it", "__wrapped__", "_repr_html_of_nothing", "__array_interface__"])
def test_other_names_get_the_usual_error(owner: str, name: str) -> None:
    with pytest.raises(AttributeError, match=name) as error:
        getattr(OWNERS[owner], name)
    assert type(error.value) is AttributeError
    assert error.value.name == name and error.value.obj is OWNERS[owner]
    assert getattr(OWNERS[owner], name, None) is None


def test_python_suggests_near_names() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from mapsto import nn\nnn.Dens"], capture_output=True, text=True, check=False
    )
    assert "module 'mapsto.nn' has no attribute 'Dens'" in told.stderr and "Did you mean: 'Dense'" in told.stderr


def test_from_import_says_it_too() -> None:
    with pytest.raises(ImportError, match=r"nn\.Linear: here it is nn\.Dense"):
        from mapsto.nn import Linear  # pyright: ignore  # noqa: F401
    with pytest.raises(ImportError, match="cannot import name 'Lineer'"):
        from mapsto.nn import Lineer  # pyright: ignore  # noqa: F401
    assert importlib.import_module("mapsto.nn.dense").Dense is nn.Dense


def test_an_answer_survives_pickle() -> None:
    with pytest.raises(AttributeError) as error:
        nn.Linear  # pyright: ignore  # noqa: B018
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value) and type(again) is type(error.value)


@pytest.mark.parametrize("name", OBJECTS)
def test_probing_stays_silent(name: str) -> None:
    value = OBJECTS[name]
    assert type(pickle.loads(pickle.dumps(value))) is type(value)
    assert type(copy.deepcopy(value)) is type(value)
    assert type(copy.copy(value)) is type(value)
    assert not {word for place, word in table() if place == name} & set(dir(value))
    assert repr(value) and not hasattr(value, "_ipython_canary_method_should_not_exist_")


def test_tools_walk_the_modules() -> None:
    for module in PLACES.values():
        assert doctest.DocTestFinder(recurse=False).find(module) is not None
        assert inspect.getmembers(module) and not hasattr(module, "__path_of_nothing__")


def test_a_property_that_fails_keeps_its_own_error() -> None:
    class Wide(mt.Mapping):
        @property
        def summary(self) -> Any:
            return self.nothing_here  # pyright: ignore

        def __call__(self, x: Any) -> Any:
            return x

    with pytest.raises(AttributeError, match="nothing_here"):
        Wide().summary  # noqa: B018


def test_a_class_may_have_such_a_name() -> None:
    class Own(mt.Mapping):
        def __init__(self) -> None:
            self.weights = 3

        def parameters(self) -> int:
            return self.weights

        def __call__(self, x: Any) -> Any:
            return x

    assert Own().parameters() == 3


def test_wrong_names_do_not_type_check() -> None:
    """To a type checker the module has no `__getattr__`, or every name would be right."""
    for place, module in PLACES.items():
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        assert re.search(r"^if not TYPE_CHECKING:\n    __getattr__ = answering\(", text, re.MULTILINE), place
