"""Every public name says what it maps to what, and shows it in an example that is run."""

from collections.abc import Iterator
from inspect import cleandoc, isclass, ismodule
from typing import Any

import pytest

import mapsto
from mapsto import data, image, losses, metrics, nn, optim, random, text

PACKAGES = (nn, losses, optim, metrics, image, text, data, random)
# Classes that are made by a function, which has the example.
SHOWN_BY = {
    "image.CenterCrop": image.center_crop,
    "image.Decode": image.decode,
    "image.Greyscale": image.greyscale,
    "image.Normalise": image.normalise,
    "image.Pad": image.pad,
    "image.RandomCrop": image.random_crop,
    "image.RandomFlip": image.random_flip,
    "image.Resize": image.resize,
    "image.Scale": image.scale,
    "metrics.ClassReport": metrics.class_report,
    "text.Characters": text.characters,
    "text.Join": text.join,
    "text.Words": text.words,
}


def public() -> Iterator[tuple[str, Any]]:
    """Every public name and what it stands for; errors, notes and modules apart."""
    for module in (mapsto, *PACKAGES):
        for name in module.__all__:
            value = getattr(module, name)
            if not (ismodule(value) or (isclass(value) and issubclass(value, BaseException))):
                yield f"{module.__name__}.{name}".removeprefix("mapsto."), value


def docstring(value: Any) -> str:
    """Its docstring; an instance, such as `nn.relu`, has that of its class. A class inherits none."""
    return cleandoc((vars(value).get("__doc__") if isclass(value) else value.__doc__) or "")


PUBLIC = dict(public())


@pytest.mark.parametrize("name", PUBLIC)
def test_a_docstring_with_an_example(name: str) -> None:
    text = docstring(PUBLIC[name])
    assert text, f"{name} has no docstring"
    assert ">>> " in docstring(SHOWN_BY.get(name, PUBLIC[name])), f"{name} has no example (>>>): {text}"


def test_the_first_line_is_a_sentence() -> None:
    """One line, so that a list of them reads well; what does not fit on it comes after an empty line."""
    wrong = [name for name, value in PUBLIC.items() if "".join(docstring(value).splitlines()[1:2]).strip()]
    assert not wrong, wrong


def test_exceptions_are_needed() -> None:
    assert set(SHOWN_BY) <= set(PUBLIC)
    needless = [name for name in SHOWN_BY if ">>> " in docstring(PUBLIC[name])]
    assert not needless, f"these have examples of their own now: {needless}"
