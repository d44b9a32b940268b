"""Every word of the vocabulary, for every element type = `tests.laws.words`, on numbers at which something changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mapsto.compiler.vector_math import FUNCTIONS
from mapsto.compiler.words import WORDS, apply
from mapsto.core.spec import DTYPES
from mapsto.ir.build import Builder
from mapsto.ir.formula import VOCABULARY
from mapsto.ir.loops import Let, Loop, Type
from mapsto.ir.loops_check import check_kernel
from tests.compiler.one_word import Numbers, compiled, kernel_of
from tests.laws.words import WORDS as REFERENCE
from tests.target.native_loops import FLOATS, HALVES, INTEGERS, differences, kinds, noise, special

REALS = (*HALVES, *FLOATS)
ANY = (*REALS, *INTEGERS, "bool")
OF_REALS = (*FUNCTIONS, "sqrt", "floor", "ceil", "round", "next_after", "div", "sign_bit", "isnan")
TAKES = {
    **dict.fromkeys(OF_REALS, REALS),
    **dict.fromkeys(["bit_and", "bit_or", "bit_xor", "bit_not"], (*INTEGERS, "bool")),
    **dict.fromkeys(["shift_left", "shift_right"], INTEGERS),
    **dict.fromkeys(["equal", "less", "less_equal", "maximum", "minimum"], ANY),
    **dict.fromkeys("add sub mul floor_divide remainder neg abs sign pow".split(), (*REALS, *INTEGERS)),
}
TWO = "add sub mul div floor_divide remainder pow hypot atan2 next_after maximum minimum equal less less_equal".split()
TWO += ["bit_and", "bit_or", "bit_xor", "shift_left", "shift_right"]
CLOSE = (*FUNCTIONS, "pow")  # right to some units of the last place; all other words to the bit
UNIT = {"f16": 2.0**-10, "bf16": 2.0**-7, "f32": 2.0**-22, "f64": 2.0**-51}
LEAST = {"f16": 2.0**-24, "bf16": 2.0**-133, "f32": 2.0**-149, "f64": 2.0**-1074}
CASES = [(word, dtype) for word in VOCABULARY if word not in ("select", "cast") for dtype in TAKES[word]]


def test_every_word_is_there() -> None:
    assert {*WORDS, "cast"} == set(VOCABULARY)


def inputs(word: str, dtype: str) -> tuple[Numbers, ...]:
    points = np.concatenate([special(dtype), noise(dtype, 24)])
    if dtype in REALS:  # NaN that signals makes NaN of hypot(∞, NaN) and 1 ** NaN in C, which otherwise are ∞ and 1
        with np.errstate(invalid="ignore"):
            points[points != points] = np.nan
    if word not in TWO:
        return (points,)
    x, y = (grid.reshape(-1) for grid in np.meshgrid(points, points))
    if word == "pow" and dtype in INTEGERS:
        keep = y >= 0
        x, y = x[keep], y[keep]
    return x, y


def apart(word: str, dtype: str, found: Numbers, wanted: Numbers) -> Numbers:
    """The places where a result is not what it should be."""
    if word not in CLOSE or dtype in INTEGERS:
        return differences(found, wanted)
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(all="ignore"):
        near = (np.abs(a - b) <= 2 * UNIT[dtype] * np.abs(b) + LEAST[dtype]) & (np.signbit(a) == np.signbit(b))
        end = np.isinf(a) != np.isinf(b)  # one of two neighbours at the end of the range may be ∞
        last = np.minimum(np.abs(a), np.abs(b)) >= float(
            np.nextafter(DTYPES[dtype].type(np.inf), DTYPES[dtype].type(0))
        )
    same = (a == b) & (np.signbit(a) == np.signbit(b)) | np.isnan(a) & np.isnan(b)
    return np.flatnonzero(~(near | same | end & last))


def reference(word: str, arrays: tuple[Numbers, ...]) -> Numbers:
    with np.errstate(all="ignore"):
        return np.asarray(REFERENCE[word](*arrays))


@pytest.mark.parametrize("machine", kinds())
@pytest.mark.parametrize(("word", "dtype"), CASES)
def test_word(word: str, dtype: str, machine: str) -> None:
    arrays = inputs(word, dtype)
    wanted = reference(word, arrays)
    found = compiled(word, *arrays, machine=machine)
    assert found.dtype == wanted.dtype
    wrong = apart(word, dtype, found, wanted)
    assert not len(wrong), [(*(x[k] for x in arrays), found[k], wanted[k]) for k in wrong[:3]]


@pytest.mark.parametrize("lanes", [8, 4, 1])
@pytest.mark.parametrize("word", [word for word in TAKES if word not in FUNCTIONS])
def test_fewer_lanes(word: str, lanes: int) -> None:
    for dtype in TAKES[word]:
        arrays = tuple(x[:331] for x in inputs(word, dtype))
        found = compiled(word, *arrays, lanes=lanes)
        assert not len(differences(found, compiled(word, *arrays))), dtype


@pytest.mark.parametrize("dtype", ANY)
def test_select(dtype: str) -> None:
    x, y = noise(dtype, 64, 1)[:64], noise(dtype, 64, 2)[:64]
    condition = noise("bool", 64, 3)[:64]
    for lanes in (16, 1):
        found = compiled("select", condition, x, y, lanes=lanes)
        assert not len(differences(found, np.where(condition, x, y), exact=True))


@pytest.mark.parametrize("goal", ANY)
@pytest.mark.parametrize("dtype", ANY)
def test_cast(dtype: str, goal: str) -> None:
    x = np.concatenate([special(dtype), noise(dtype, 24)])
    with np.errstate(all="ignore"):
        wanted = REFERENCE["cast"](x, goal)
    for lanes in (16, 1):
        assert not len(differences(compiled("cast", x, lanes=lanes, goal=goal), wanted))


def kernels() -> Iterator[tuple[str, str]]:
    yield from ((word, dtype) for word, dtype in CASES if dtype in ("f32", "f64", "f16", "i32", "bool"))


def test_every_kernel_says_something() -> None:
    """The types of every statement agree, for many lanes and for one."""
    for word, dtype in kernels():
        for lanes in (16, 1):
            check_kernel(kernel_of("k", word, (dtype,) * (2 if word in TWO else 1), 64, lanes))


def test_what_does_not_change_in_a_loop_is_not_repeated() -> None:
    """Only what stands in a loop of its own, the rare case of sin and the division of a remainder, stays inside."""
    b = Builder("k")
    out = b.buffer("out", "f32", 64, "out")
    x = b.const(2.5, Type("f32", 16))
    with b.loop(0, 64, 16) as turn:
        b.store(out, turn.index, apply(b, "exp", [x]))
    (loop,) = [statement for statement in b.kernel().body if isinstance(statement, Loop)]
    assert not [statement for statement in loop.body if isinstance(statement, Let)]


def test_large_whole_powers_wrap() -> None:
    x = np.array([3, -3, 2, -2, 1, -1, 0, 7], np.int64)
    y = np.array([2**40 + 1, 2**62 + 1, 64, 63, 2**63 - 1, 2**63 - 1, 0, 10**18], np.int64)
    wanted = [pow(int(a), int(n), 2**64) for a, n in zip(x, y, strict=True)]
    found = compiled("pow", x, y, lanes=4).astype(np.uint64)
    assert found.tolist() == wanted
