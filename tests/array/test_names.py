"""Every name of the array API standard 2024.12 is there, with the standard's arguments: names, order, kinds, defaults.

The list was made by scripts/array_api_names.py from the standard's own stubs. A function may take more arguments, all
of them with defaults.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

import mapsto as mt
from mapsto import xp

STANDARD = json.loads((Path(__file__).parent.parent / "stored" / "array_api_2024_12.json").read_text(encoding="utf-8"))
INFO = xp.__array_namespace_info__()
OPERATORS = [name for name, text in STANDARD["methods"].items() if text in ("()", "(other, /)", "(key, /)")]
METHODS = sorted(STANDARD["methods"].keys() - set(OPERATORS))
DEFAULTS_OF_OURS = {"expand_dims": "axis"}


def arguments(function: Any, standard: str) -> str:
    """A function's arguments as the standard's text writes them; those that the standard lacks must have defaults."""
    known = set(re.findall(r"\w+", standard))
    kept: list[inspect.Parameter] = []
    for one in inspect.signature(function).parameters.values():
        if one.name in known or one.kind == one.VAR_POSITIONAL:
            bare = one.name == DEFAULTS_OF_OURS.get(function.__name__)
            kept.append(one.replace(annotation=one.empty, default=one.empty if bare else one.default))
        else:
            assert one.name == "self" or one.default is not one.empty
    return str(inspect.Signature(kept))


@pytest.mark.parametrize("name", STANDARD["functions"])
def test_functions(name: str) -> None:
    assert name in xp.__all__
    assert arguments(getattr(xp, name), STANDARD["functions"][name]) == STANDARD["functions"][name]


@pytest.mark.parametrize("name", STANDARD["inspection"])
def test_inspection(name: str) -> None:
    assert arguments(getattr(INFO, name), STANDARD["inspection"][name]) == STANDARD["inspection"][name]


@pytest.mark.parametrize("name", METHODS)
def test_methods(name: str) -> None:
    method = getattr(mt.Array, name)
    if name == "__setitem__":
        with pytest.raises(mt.UsageError, match="cannot be written"):
            method(xp.ones(2), 0, 1)
    else:
        assert arguments(method, STANDARD["methods"][name]) == STANDARD["methods"][name]


def test_operators_attributes_constants_and_types() -> None:
    assert all(hasattr(mt.Array, name) for name in OPERATORS)
    assert all(hasattr(xp.ones((2, 2)), name) for name in STANDARD["attributes"])
    assert all(isinstance(getattr(xp, name), float) for name in STANDARD["constants"] if name != "newaxis")
    assert xp.newaxis is None
    assert {getattr(xp, name) for name in STANDARD["types"]} == set(INFO.dtypes().values())


@pytest.mark.parametrize("extension", ["linalg", "fft"])
def test_extensions(extension: str) -> None:
    """Every function of `linalg`; of `fft`, those that need no complex numbers."""
    for name, wanted in STANDARD[extension].items():
        if extension == "linalg" or name.endswith(("freq", "shift")):
            assert arguments(getattr(getattr(xp, extension), name), wanted) == wanted
