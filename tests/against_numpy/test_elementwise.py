"""Functions of single elements: NumPy's own on every type, layout and broadcast, in the type that ours promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsto import xp
from tests.against_numpy.arrays import (
    BFLOAT16,
    BOOL,
    EVERY,
    FLOATS,
    INTEGERS,
    NUMBERS,
    array_of,
    assert_same,
    broadcastable,
    is_float,
    many,
    shapes,
)

FLOAT32 = np.dtype(np.float32)
OF_FLOATS = [
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "expm1", "log", "log10", "log1p", "log2",
    "sin", "sinh", "sqrt", "tan", "tanh",
]  # fmt: skip
OF_NUMBERS = ["abs", "ceil", "floor", "negative", "positive", "round", "sign", "square", "trunc"]
TESTS = ["isfinite", "isinf", "isnan", "signbit"]
ARITHMETIC = ["add", "maximum", "minimum", "multiply", "subtract"]
COMPARISONS = ["equal", "greater", "greater_equal", "less", "less_equal", "not_equal"]
OF_TWO_FLOATS = ["atan2", "copysign", "divide", "hypot", "logaddexp", "nextafter"]
BITWISE = ["bitwise_and", "bitwise_or", "bitwise_xor"]
LOGICAL = ["logical_and", "logical_or", "logical_xor"]


def numpys(name: str) -> Any:
    return getattr(np, name)


def ours(name: str) -> Any:
    return getattr(xp, name)


def evaluated(function: Any, *arrays: Any) -> Any:
    """NumPy's result in the type of the operands; bfloat16 is computed in float32 and rounded once."""
    with np.errstate(all="ignore"):
        if any(array.dtype == BFLOAT16 for array in arrays):
            wide = function(*(a.astype(np.float32) if a.dtype == BFLOAT16 else a for a in arrays))
            return wide.astype(BFLOAT16) if wide.dtype == np.float32 else wide
        return function(*arrays)


def in_floats(array: Any) -> Any:
    """What functions of floats make of integers: float32, the default type."""
    return array if is_float(array.dtype) else array.astype(np.float32)


@pytest.mark.parametrize("name", OF_FLOATS)
def test_of_one_float(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = array_of(data.draw, data.draw(st.sampled_from(EVERY)), data.draw(shapes()))
        # A float32 function of a whole array may differ from the same of another layout in the last bits.
        assert_same(ours(name)(x), evaluated(numpys(name), in_floats(plain)), ulps=4)

    check()


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_of_one_number(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = array_of(data.draw, data.draw(st.sampled_from(NUMBERS)), data.draw(shapes()))
        wanted = evaluated(numpys(name), plain)
        if name == "sign" and is_float(plain.dtype):
            wanted = np.where(plain == 0, 0, wanted).astype(plain.dtype)  # sign(-0.0) is 0.0
        assert_same(ours(name)(x), wanted)

    check()


@pytest.mark.parametrize("name", TESTS)
def test_tests(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        kinds = FLOATS if name == "signbit" else NUMBERS
        x, plain = array_of(data.draw, data.draw(st.sampled_from(kinds)), data.draw(shapes()))
        assert_same(ours(name)(x), evaluated(numpys(name), plain))

    check()


def two(data: Any, kinds: Any, same: bool = True) -> tuple[Any, Any, Any, Any]:
    """Two operands that broadcast together, of one type unless told otherwise."""
    shape = data.draw(shapes())
    dtype = data.draw(st.sampled_from(kinds))
    other = dtype if same else data.draw(st.sampled_from(kinds))
    first, second = (broadcastable(data.draw, shape), shape)
    if data.draw(st.booleans()):
        first, second = second, first
    return *array_of(data.draw, dtype, first), *array_of(data.draw, other, second)


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x, y, plain_y = two(data, NUMBERS)
        wanted = evaluated(numpys(name), plain_x, plain_y)
        if name in ("maximum", "minimum") and is_float(wanted.dtype):
            # NumPy's choice between 0.0 and -0.0 depends on the order and the loop; only the number counts here.
            assert_same(abs(np.asarray(ours(name)(x, y))), abs(wanted))
            assert np.array_equal(np.asarray(ours(name)(x, y)), wanted, equal_nan=True)
        else:
            assert_same(ours(name)(x, y), wanted)

    check()


@pytest.mark.parametrize("name", [*ARITHMETIC, *COMPARISONS])
def test_types_that_differ_meet_as_the_table_says(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        kinds = data.draw(st.sampled_from([INTEGERS, FLOATS, NUMBERS]))
        x, plain_x, y, plain_y = two(data, kinds, same=False)
        both = promoted(plain_x, plain_y)
        if both is None:
            with pytest.raises(TypeError):  # uint64 beside a signed integer: no integer type holds both
                ours(name)(x, y)
            return
        with np.errstate(all="ignore"):  # a large integer is infinite as a float16
            in_both = plain_x.astype(both), plain_y.astype(both)
        wanted = evaluated(numpys(name), *in_both)
        assert np.array_equal(np.asarray(ours(name)(x, y)), wanted, equal_nan=is_float(wanted.dtype))

    check()


def promoted(x: Any, y: Any) -> Any:
    if {x.dtype, y.dtype} == {BFLOAT16, np.dtype(np.float16)}:
        return FLOAT32
    if is_float(x.dtype) != is_float(y.dtype):
        return x.dtype if is_float(x.dtype) else y.dtype  # integers give way to floats of any width
    both = np.promote_types(x.dtype, y.dtype)
    return None if is_float(both) and not is_float(x.dtype) else both


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        kinds = EVERY if name in ("equal", "not_equal") else NUMBERS
        x, plain_x, y, plain_y = two(data, kinds)
        assert_same(ours(name)(x, y), evaluated(numpys(name), plain_x, plain_y))

    check()


@pytest.mark.parametrize("name", OF_TWO_FLOATS)
def test_of_two_floats(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        kinds = tuple(kind for kind in FLOATS if kind != BFLOAT16) if name == "nextafter" else FLOATS
        x, plain_x, y, plain_y = two(data, kinds)
        exact = name in ("copysign", "divide", "nextafter")
        # log(eˣ + eʸ) may be near 0 though x and y are not: its last digits are theirs.
        finite = [np.abs(a.astype(float)[np.isfinite(a)]).max(initial=0.0) for a in (plain_x, plain_y)]
        scale = max(finite) if name == "logaddexp" else 0.0
        wanted = evaluated(numpys(name), plain_x, plain_y)
        found = np.asarray(ours(name)(x, y))
        if name == "nextafter":  # NumPy's own for float16 forgets the sign of zeros
            assert found.dtype == wanted.dtype and np.array_equal(found, wanted, equal_nan=True)
            return
        assert_same(found, wanted, ulps=0 if exact else 4, scale=float(scale))

    check()


def test_quotients_of_integers_are_floats() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x, y, plain_y = two(data, INTEGERS)
        wanted = evaluated(np.divide, plain_x.astype(np.float32), plain_y.astype(np.float32))
        assert_same(xp.divide(x, y), wanted)

    check()


@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_whole_quotients(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x, y, plain_y = two(data, NUMBERS)
        found, wanted = np.asarray(ours(name)(x, y)), evaluated(numpys(name), plain_x, plain_y)
        if name == "floor_divide" and is_float(wanted.dtype):  # of infinities the standard wants the plain quotient
            infinite = np.isinf(plain_x) | np.isinf(plain_y)
            wanted = np.where(infinite, evaluated(np.divide, plain_x, plain_y), wanted)
        if is_float(wanted.dtype):
            assert np.array_equal(found, wanted, equal_nan=True)
        else:
            assert_same(found, wanted)

    check()


@pytest.mark.parametrize("name", ["conj", "real", "imag"])
def test_parts_of_real_numbers(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = array_of(data.draw, data.draw(st.sampled_from(NUMBERS)), data.draw(shapes()))
        assert_same(ours(name)(x), getattr(np, name)(plain))

    check()


@pytest.mark.parametrize("name", BITWISE)
def test_bitwise(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x, y, plain_y = two(data, (BOOL, *INTEGERS))
        assert_same(ours(name)(x, y), numpys(name)(plain_x, plain_y))

    check()


@pytest.mark.parametrize("name", LOGICAL)
def test_logical(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x, y, plain_y = two(data, (BOOL,))
        assert_same(ours(name)(x, y), numpys(name)(plain_x, plain_y))

    check()


def test_not() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = array_of(data.draw, data.draw(st.sampled_from((BOOL, *INTEGERS))), data.draw(shapes()))
        assert_same(xp.bitwise_invert(x), np.invert(plain))
        assert_same(xp.logical_not(x.astype(bool)), np.logical_not(plain))

    check()


@pytest.mark.parametrize("name", ["bitwise_left_shift", "bitwise_right_shift"])
def test_shifts(name: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x, y, _ = two(data, INTEGERS)
        bits = 8 * plain_x.dtype.itemsize
        amount = (np.abs(y.astype(np.int64)) % bits).astype(plain_x.dtype)
        assert_same(ours(name)(x, amount), numpys(name.removeprefix("bitwise_"))(plain_x, amount))

    check()


def test_powers() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x, y, plain_y = two(data, NUMBERS)
        if not is_float(plain_x.dtype):
            plain_y = (np.abs(plain_y.astype(np.float64)) % 6).astype(plain_y.dtype)
            y = plain_y
        assert_same(xp.pow(x, y), evaluated(np.power, plain_x, plain_y), ulps=4)

    check()


def test_choices() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x, y, plain_y = two(data, EVERY)
        chosen, plain = array_of(data.draw, BOOL, broadcastable(data.draw, np.broadcast_shapes(x.shape, y.shape)))
        assert_same(xp.where(chosen, x, y), np.where(plain, plain_x, plain_y))

    check()


def test_bounds() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = array_of(data.draw, data.draw(st.sampled_from(NUMBERS)), data.draw(shapes()))
        low, high = data.draw(st.sampled_from([(0, 1), (-1, 3), (None, 2), (1, None)]))
        if plain.dtype.kind == "u" and low is not None:
            low = abs(low)
        with np.errstate(all="ignore"):
            wanted = np.clip(plain, low, high).astype(plain.dtype)
        assert np.array_equal(np.asarray(xp.clip(x, low, high)), wanted, equal_nan=is_float(plain.dtype))

    check()


def test_casts_between_types() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = array_of(data.draw, data.draw(st.sampled_from(EVERY)), data.draw(shapes()))
        goal = data.draw(st.sampled_from(EVERY))
        if is_float(plain.dtype) and not is_float(goal) and goal != BOOL:
            limits = np.iinfo(goal)
            wide = plain.astype(np.float64)
            fits = (wide > max(float(limits.min), -(2.0**62)) - 1) & (wide < min(float(limits.max), 2.0**62))
            x = plain = np.where(fits, plain, 1).astype(plain.dtype)  # what does not fit has a rule of its own
        with np.errstate(all="ignore"):
            wanted = plain.astype(goal)
        assert_same(xp.astype(x, goal), wanted)

    check()


def test_arrays_are_taken_as_they_are() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = array_of(data.draw, data.draw(st.sampled_from(EVERY)), data.draw(shapes()))
        made = xp.asarray(x)
        assert_same(made, plain)
        assert_same(np.negative(np.negative(np.asarray(made).astype(float))), plain.astype(float))
        if x.flags.writeable and x.size and x.flags.owndata:
            x[...] = 0
            assert_same(made, plain)  # a copy was taken

    check()
