"""Elementary functions of floats: how many units of the last place they are off, over the whole range.

float64 is held against mpmath's figures (scripts/mpmath_elementary.py), float32 against NumPy's and SciPy's float64,
both on random bits, on usual sizes and on hard cases. Infinities, NaN and signed zeros are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapsto.compiler.vector_math import FUNCTIONS
from tests.compiler.one_word import Numbers, compiled
from tests.laws.words import WORDS as REFERENCE
from tests.target.native_loops import differences, kinds, special

STORED = Path(__file__).resolve().parent.parent / "stored" / "mpmath_elementary.npz"
NAMES = (*FUNCTIONS, "pow", "sqrt")
PAIRS = ("pow", "hypot", "atan2")
# At most so many units of the last place. The rest of the bound is what docs/notes/0017-vector-math.md measures.
CLOSE = {"exp": 1.25, "log": 1.0, "sqrt": 0.501, "pow": 1.0}
BOUND, TANGENT = 2.5, 3.5
DIFFERENT = ("sigmoid",)  # SciPy and NumPy have no float64 that is right everywhere


def bound(name: str) -> float:
    return CLOSE.get(name, TANGENT if name == "tan" else BOUND)


def exact(name: str) -> Callable[..., Any]:
    """The function of float64."""
    if name == "sigmoid":
        return lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))
    return REFERENCE[name]


def units(found: Numbers, wanted: Numbers, beyond: Numbers | float = 0.0) -> Numbers:
    """How far numbers are from what they should be, in units of the last place of their type.

    `wanted` are float64, the truth `beyond` units of float64 farther. What is nearest to an infinity, or is not a
    number, must be that; 0 must have its sign.
    """
    info = np.finfo(found.dtype)
    with np.errstate(all="ignore"):
        near = wanted.astype(found.dtype)
        exponent = np.maximum(np.frexp(wanted)[1] - 1, info.minexp) - info.nmant
        distance = np.abs(np.ldexp(found.astype(np.float64), -exponent) - np.ldexp(wanted, -exponent) - beyond)
        same = np.isnan(found) & np.isnan(near) | (found == near) & (np.signbit(found) == np.signbit(near))
        open_ = np.isfinite(near) & np.isfinite(found) & (wanted != 0)
    edge = np.isfinite(wanted) & (np.isinf(found) | np.isinf(near))  # at the end of the range one of the two may be ∞
    last = np.abs(np.where(np.isinf(found), near, found)) >= info.max
    return np.where(open_, distance, np.where(same | edge & last, 0, np.inf))


@cache
def float32_inputs(name: str) -> tuple[Numbers, ...]:
    """Every 65521st bit pattern, so each exponent and sign, and a dense grid; of two arguments random bits."""
    every = np.arange(0, 2**32, 65521, dtype=np.uint64).astype(np.uint32).view(np.float32)
    rng = np.random.Generator(np.random.PCG64(0))
    if name not in PAIRS:
        grids = [np.linspace(-9, 9, 30001), np.linspace(-1.001, 1.001, 20001), rng.uniform(-110, 110, 10000)]
        turns = np.round(np.exp2(rng.uniform(0, 40, 5000))) * (np.pi / 2)
        return (np.concatenate([special("f32"), every, *(x.astype(np.float32) for x in (*grids, turns))]),)
    grid = np.array(np.meshgrid(special("f32"), special("f32"))).reshape(2, -1)
    size = np.exp(rng.normal(size=20000) * rng.choice([0.001, 0.1, 1, 20], 20000))
    other = rng.normal(size=20000) * (60 / np.log(size) if name == "pow" else size)
    return tuple(
        np.concatenate([fixed, rng.permutation(every), usual.astype(np.float32)])
        for fixed, usual in zip(grid, (size, other), strict=True)
    )


@cache
def stored() -> dict[str, Numbers]:
    with np.load(STORED) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("machine", kinds())
@pytest.mark.parametrize("name", NAMES)
def test_float32(name: str, machine: str) -> None:
    inputs = float32_inputs(name)
    with np.errstate(all="ignore"):
        wanted = exact(name)(*(x.astype(np.float64) for x in inputs))
    error = units(compiled(name, *inputs, machine=machine), wanted)
    worst = int(np.argmax(error))
    assert error[worst] <= bound(name), [x[worst] for x in inputs]


@pytest.mark.parametrize("machine", kinds())
@pytest.mark.parametrize("name", NAMES)
def test_float64(name: str, machine: str) -> None:
    figures = stored()
    inputs = [figures[f"{name}/{letter}"] for letter in "xy" if f"{name}/{letter}" in figures]
    found = compiled(name, *inputs, lanes=8, machine=machine)
    error = units(found, figures[f"{name}/found"], figures[f"{name}/beyond"].astype(np.float64))
    worst = int(np.argmax(error))
    assert error[worst] <= bound(name), [x[worst] for x in inputs]


@pytest.mark.parametrize("name", NAMES)
def test_special_numbers_of_float64(name: str) -> None:
    points = special("f64")
    inputs = np.array(np.meshgrid(points, points)).reshape(2, -1) if name in PAIRS else points[None]
    with np.errstate(all="ignore"):
        wanted = exact(name)(*inputs)
    error = units(compiled(name, *inputs, lanes=8), wanted)
    worst = int(np.argmax(error))
    assert error[worst] <= bound(name) + 1, [x[worst] for x in inputs]  # NumPy is up to one off itself


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_lanes_changes_no_bit(name: str, dtype: str) -> None:
    inputs = tuple(x[-1003:].astype(np.float32 if dtype == "f32" else np.float64) for x in float32_inputs(name))
    wide = compiled(name, *inputs, lanes=16)
    for lanes in (8, 4, 1):
        assert not len(differences(compiled(name, *inputs, lanes=lanes), wide)), lanes


def test_powers_of_two_and_ten_have_whole_logarithms() -> None:
    for dtype, most in ((np.float32, 38), (np.float64, 308)):
        whole = np.arange(-most, most + 1)
        ten = np.array([float(f"1e{n}") for n in whole], dtype)
        assert np.array_equal(compiled("log2", np.ldexp(dtype(1), whole)), whole)
        assert np.array_equal(compiled("log10", ten), whole)


def test_small_constant_powers_are_products() -> None:
    x = special("f32")
    with np.errstate(all="ignore"):
        assert not len(differences(compiled("pow", x, np.full_like(x, 2)), x * x))
