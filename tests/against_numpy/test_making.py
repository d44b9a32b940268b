"""Arrays from nothing, and searching in them: NumPy's own. And: no public function is left out of these tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from mapsto import xp
from tests.against_numpy.arrays import (
    BFLOAT16,
    EVERY,
    NUMBERS,
    array_of,
    assert_same,
    axis_of,
    is_float,
    many,
    shapes,
)

DTYPES = [dtype for dtype in EVERY if dtype != BFLOAT16]


def test_counting_up() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        whole = st.integers(-20, 20)
        start, stop, step = data.draw(whole), data.draw(whole), data.draw(st.integers(1, 5))
        step = -step if data.draw(st.booleans()) else step
        assert_same(xp.arange(start, stop, step), np.arange(start, stop, step))
        dtype = data.draw(st.sampled_from([np.float32, np.float64, np.int16, np.int64]))
        assert_same(xp.arange(start, stop, step, dtype=dtype), np.arange(start, stop, step, dtype=dtype))
        quarter = data.draw(st.integers(1, 9)) / 4
        wanted = np.arange(start, stop, quarter)
        assert_same(xp.arange(start, stop, quarter, dtype=np.float64), wanted)
        count, ends = data.draw(st.integers(0, 9)), data.draw(st.booleans())
        found = np.asarray(xp.linspace(start, stop, count, dtype=np.float64, endpoint=ends))
        np.testing.assert_allclose(found, np.linspace(start, stop, count, endpoint=ends), rtol=1e-14, atol=1e-14)

    check()


def test_constant_arrays() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        shape, dtype = data.draw(shapes()), data.draw(st.sampled_from(EVERY))
        x, plain = array_of(data.draw, dtype, shape)
        assert_same(xp.zeros(shape, dtype=dtype), np.zeros(shape, dtype))
        assert_same(xp.ones(shape, dtype=dtype), np.ones(shape, dtype))
        assert_same(xp.zeros_like(x), np.zeros_like(plain))
        assert_same(xp.ones_like(x), np.ones_like(plain))
        number = data.draw(st.integers(0, 1))
        assert_same(xp.full(shape, number, dtype=dtype), np.full(shape, number, dtype))
        assert_same(xp.full_like(x, number), np.full_like(plain, number))
        assert (xp.empty_like(x).shape, xp.empty(shape, dtype=dtype).dtype) == (shape, dtype)
        rows, columns, k = (data.draw(st.integers(0, 4)) for _ in range(3))
        assert_same(xp.eye(rows, columns, k=k - 2, dtype=dtype), np.eye(rows, columns, k=k - 2, dtype=dtype))

    check()


def test_grids() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        sides = [array_of(data.draw, np.dtype("f4"), (data.draw(st.integers(0, 3)),)) for _ in range(3)]
        indexing = data.draw(st.sampled_from(["xy", "ij"]))
        found = xp.meshgrid(*(x for x, _ in sides), indexing=indexing)
        wanted = np.meshgrid(*(plain for _, plain in sides), indexing=indexing)
        for ours, theirs in zip(found, wanted, strict=True):
            assert_same(ours, theirs)

    check()


def test_diagonals() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        shape = data.draw(shapes(least=2, most=3))
        x, plain = array_of(data.draw, data.draw(st.sampled_from(EVERY)), shape)
        offset = data.draw(st.integers(-max(shape[-2] - 1, 0), max(shape[-1] - 1, 0)))
        assert_same(xp.diagonal(x, offset=offset), np.diagonal(plain, offset, -2, -1))
        whole, plain = array_of(data.draw, np.dtype("i8"), shape)
        assert_same(xp.trace(whole, offset=offset), np.trace(plain, offset, -2, -1))

    check()


def test_searching() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        dtype = data.draw(st.sampled_from([dtype for dtype in NUMBERS if dtype != BFLOAT16]))
        x, plain = array_of(data.draw, dtype, (data.draw(st.integers(0, 6)),))
        order = np.sort(plain)
        wanted, plain_wanted = array_of(data.draw, dtype, data.draw(shapes(most=2)))
        side = data.draw(st.sampled_from(["left", "right"]))
        if not (is_float(dtype) and (np.isnan(order).any() or np.isnan(plain_wanted).any())):
            assert_same(xp.searchsorted(order, wanted, side=side), np.searchsorted(order, plain_wanted, side))
        assert_same(xp.isin(wanted, x), np.isin(plain_wanted, plain))
        for ours, theirs in zip(xp.nonzero(x), np.nonzero(plain), strict=True):
            assert_same(ours, theirs)

    check()


def test_the_largest() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        dtype = data.draw(st.sampled_from(NUMBERS))
        x, plain = array_of(data.draw, dtype, data.draw(shapes(least=1)), special=False)
        axis = axis_of(data.draw, x.ndim)
        k = data.draw(st.integers(0, x.shape[axis]))
        values, places = xp.top_k(x, k, axis=axis)
        wide = plain.astype(np.float64) if is_float(dtype) else plain
        same = np.take_along_axis(plain, np.asarray(places), axis)
        assert_same(values, same)
        wanted = np.flip(np.sort(wide, axis=axis), axis).take(np.arange(k), axis).astype(dtype)
        assert np.array_equal(np.asarray(values), wanted)
        if not is_float(dtype) and dtype.kind != "u" and k:  # the first of equals wins
            order = np.argsort(-plain.astype(np.int64), axis=axis, kind="stable").take(np.arange(k), axis)
            assert np.array_equal(np.asarray(places), order)

    check()


def test_functions_of_networks() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        dtype = data.draw(st.sampled_from([np.dtype("f4"), np.dtype("f8")]))
        x, plain = array_of(data.draw, dtype, data.draw(shapes(least=1, empty=False)), special=False)
        axis = axis_of(data.draw, x.ndim)
        wide = plain.astype(np.float64)
        inside = np.tanh(wide / 8).astype(dtype)
        close = {"rtol": 3e-6, "atol": 1e-30} if dtype == "f4" else {"rtol": 3e-14, "atol": 1e-300}
        for found, wanted in (
            (xp.softmax(x, axis=axis), special.softmax(wide, axis)),
            (xp.sigmoid(x), special.expit(wide)),
            (xp.softplus(x), np.logaddexp(0, wide)),
            (xp.relu(x), np.maximum(wide, 0)),
            (xp.erf(x), special.erf(wide)),
            (xp.rsqrt(xp.abs(x) + 1), 1 / np.sqrt(np.abs(wide) + 1)),
            (xp.reciprocal(xp.abs(x) + 1), 1 / (np.abs(wide) + 1)),
            (xp.erfinv(inside), special.erfinv(inside.astype(np.float64))),
        ):
            np.testing.assert_allclose(np.asarray(found), wanted, **close)
        # Near 0 the logarithm of a probability has lost digits of the largest score.
        room = (np.abs(wide).max() + 1) * float(np.finfo(dtype).eps) * 8
        found, wanted = np.asarray(xp.log_softmax(x, axis=axis)), special.log_softmax(wide, axis)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=room)
        labels = np.abs(wide).astype(np.int64)
        assert_same(xp.one_hot(labels, 4), (labels[..., None] == np.arange(4)).astype(np.float32))

    check()


def test_types_of_results() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        first, second = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(DTYPES))
        kinds = {"b": "bool", "i": "integral", "u": "integral", "f": "real floating"}
        assert xp.isdtype(first, kinds[first.kind])
        assert xp.isdtype(first, "numeric") == (first.kind != "b")
        both = np.promote_types(first, second)
        if first.kind == second.kind or ({first.kind, second.kind} == {"i", "u"} and both.kind == "i"):
            assert xp.result_type(first, second) == both
            assert xp.can_cast(first, both)

    check()


ELSEWHERE = {
    "from_dlpack", "newaxis", "pi", "e", "inf", "nan", "stop_gradient",  # constants; no arithmetic of their own
    "__array_api_version__", "__array_namespace_info__", "writable",  # of the namespace; tests/array/test_writable.py
    "linalg", "fft",  # packages, held in tests/array/test_linalg.py
    "uint8", "uint16", "uint32", "unique_all",  # types; all of unique_values, unique_counts and unique_inverse
}  # fmt: skip


def test_every_public_function_is_held_against_numpy() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    missing = [name for name in xp.__all__ if not re.search(rf"\b{name}\b", text) and name not in ELSEWHERE]
    assert not missing
