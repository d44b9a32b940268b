"""The stated rules of integers, for all pairs of 8-bit numbers against Python's unbounded integers, and at the ends."""

import operator
from itertools import product

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.core.numbers import converted
from mapsto.core.spec import BFLOAT16, DTYPES

WIDTH = 8
TYPES = {"i8": range(-128, 128), "u8": range(256)}
INTEGERS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]


def wrapped(number, name):
    """The number of the type that is equal to it modulo 2⁸."""
    number %= 2**WIDTH
    return number - 2**WIDTH if name == "i8" and number >= 2 ** (WIDTH - 1) else number


def shifted_left(x, places):
    return x << places if 0 <= places < WIDTH else 0


def shifted_right(x, places):
    return x >> places if 0 <= places < WIDTH else (-1 if x < 0 else 0)


RULES = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": lambda x, y: x // y if y else 0,
    "remainder": lambda x, y: x % y if y else 0,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "bitwise_left_shift": shifted_left,
    "bitwise_right_shift": shifted_right,
    "maximum": max,
    "minimum": min,
    "pow": lambda x, y: x**y if y >= 0 else None,
}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("function", RULES)
def test_all_pairs(function, name):
    rule = RULES[function]
    pairs = [(x, y) for x, y in product(TYPES[name], repeat=2) if function != "pow" or 0 <= y < 20]
    left, right = (np.array(side, DTYPES[name]) for side in zip(*pairs, strict=True))
    found = getattr(xp, function)(left, right)
    assert found.dtype == DTYPES[name]
    assert found.tolist() == [wrapped(rule(x, y), name) for x, y in pairs]


@pytest.mark.parametrize("name", TYPES)
def test_all_numbers(name):
    x = xp.asarray(np.array(TYPES[name], DTYPES[name]))
    rules = {"negative": operator.neg, "abs": abs, "square": lambda n: n * n, "bitwise_invert": operator.invert}
    rules |= {"sign": lambda n: (n > 0) - (n < 0)}
    rules |= dict.fromkeys(["positive", "floor", "ceil", "trunc", "round"], lambda n: n)
    for function, rule in rules.items():
        found = getattr(xp, function)(x)
        assert (found.dtype, found.tolist()) == (x.dtype, [wrapped(rule(n), name) for n in TYPES[name]]), function


@pytest.mark.parametrize("name", INTEGERS)
def test_ends_of_every_type(name):
    info = xp.iinfo(name)
    signed = info.min < 0
    ends = xp.asarray([info.min, info.max], dtype=name)
    assert (ends + 1).tolist() == [info.min + 1, info.min] and (ends - 1).tolist() == [info.max, info.max - 1]
    assert (ends // 0).tolist() == (ends % 0).tolist() == [0, 0]
    assert abs(ends).tolist() == [info.min, info.max]
    assert (-ends).tolist() == ([info.min, -info.max] if signed else [0, 1])
    assert (ends << info.bits).tolist() == [0, 0]
    assert (ends >> info.bits).tolist() == ([-1, 0] if signed else [0, 0])
    if signed:
        assert (ends // -1).tolist() == [info.min, -info.max] and (ends % -1).tolist() == [0, 0]
        assert (ends >> -1).tolist() == [-1, 0] and (ends << -1).tolist() == [0, 0]
    with pytest.raises(mt.DTypeError, match="a negative power needs floats"):
        _ = ends**-1


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("wide", ["f16", "bf16", "f32", "f64"])
def test_floats_to_integers_stay_in_range(name, wide):
    info = xp.iinfo(name)
    near = [0.5, -0.5, 1.99, -1.99, 126.7, 200.0, -129.0, 65504.0, 2.0**31, -(2.0**31), 2.0**63, -(2.0**63), 2.0**64]
    given = np.array([*near, np.inf, -np.inf, np.nan], np.float64)
    x = xp.asarray(converted(given, DTYPES[wide]))
    wanted = []
    for number in x.astype("f64").tolist():
        whole = 0 if number != number else number if abs(number) == float("inf") else int(number)
        wanted.append(int(min(max(whole, info.min), info.max)))
    assert xp.astype(x, name).tolist() == wanted
    assert mt.compile(lambda x: xp.astype(x, name))(x).tolist() == wanted
    assert xp.asarray(np.asarray(x), dtype=name).tolist() == wanted


def test_integers_wrap_into_smaller_types_and_lose_digits_in_floats():
    assert xp.astype([2**40 + 3, -1, 200], "i8").tolist() == [3, -1, -56]
    assert xp.astype([-1], "u64").tolist() == [2**64 - 1]
    assert xp.astype([2**24 + 1, 2**53 + 1], "f32").tolist() == [2.0**24, 2.0**53]
    assert xp.astype([2, 0, -1], "bool").tolist() == [True, False, True]
    assert xp.astype([xp.nan, 0.0, -0.0, 1e-45], "bool").tolist() == [True, False, False, True]


def test_bfloat16_is_rounded_once():
    """Through float32 the first would be exactly between two, and go to the even one, 1."""
    above, half, below = 1 + 2**-8 + 2**-40, 1 + 2**-8, 1 + 3 * 2**-8 - 2**-40
    assert xp.asarray([above, half, below], dtype=xp.bfloat16).tolist() == [1 + 2**-7, 1.0, 1 + 2**-7]
    assert converted(np.array([3.4e38, -1e39, 1e-45]), BFLOAT16).astype(float).tolist() == [np.inf, -np.inf, 0.0]


def test_shifts_are_of_integers():
    for wrong in (xp.asarray([1.0]), xp.asarray([True])):
        with pytest.raises(mt.DTypeError, match="integers"):
            _ = wrong << wrong
    assert (1 << xp.asarray([3, 4])).tolist() == [8, 16] and (np.array([16]) >> xp.asarray([2])).tolist() == [4]
