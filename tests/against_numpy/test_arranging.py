"""Shapes, places and products: NumPy's own, for every arrangement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapsto as mt
from mapsto import xp
from tests.against_numpy.arrays import (
    BFLOAT16,
    EVERY,
    FLOATS,
    INTEGERS,
    NUMBERS,
    array_of,
    assert_same,
    axes_of,
    axis_of,
    broadcastable,
    many,
    seeds,
    shapes,
)


def operand(data: Any, kinds: Any = EVERY, **shape: Any) -> tuple[Any, Any]:
    return array_of(data.draw, data.draw(st.sampled_from(kinds)), data.draw(shapes(**shape)))


def sized(draw: Any, total: int) -> tuple[int, ...]:
    """A shape of so many elements."""
    shape: list[int] = []
    while total > 1 and draw(st.booleans()):
        factor = draw(st.sampled_from([d for d in range(1, total + 1) if total % d == 0]))
        shape.append(factor)
        total //= factor
    return (*shape, total)


def test_reshape() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data)
        shape = sized(data.draw, x.size)
        if x.size and data.draw(st.booleans()):
            place = data.draw(st.integers(0, len(shape) - 1))
            shape = (*shape[:place], -1, *shape[place + 1 :])
        assert_same(xp.reshape(x, shape), plain.reshape(shape))

    check()


def test_axes_in_another_order() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data)
        order = tuple(data.draw(st.permutations(range(x.ndim))))
        assert_same(xp.permute_dims(x, order), np.transpose(plain, order))
        if x.ndim:
            one, other = axis_of(data.draw, x.ndim), axis_of(data.draw, x.ndim)
            assert_same(xp.moveaxis(x, one, other), np.moveaxis(plain, one, other))
        if x.ndim >= 2:
            assert_same(xp.matrix_transpose(x), np.matrix_transpose(plain))

    check()


def test_axes_more_and_fewer() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, most=3, side=2)
        axis = data.draw(st.integers(-x.ndim - 1, x.ndim))
        assert_same(xp.expand_dims(x, axis=axis), np.expand_dims(plain, axis))
        single = tuple(i for i, extent in enumerate(x.shape) if extent == 1)
        assert_same(xp.squeeze(x, axis=single), np.squeeze(plain, single))

    check()


def test_repeating() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        shape = data.draw(shapes())
        small = broadcastable(data.draw, shape)
        x, plain = array_of(data.draw, data.draw(st.sampled_from(EVERY)), small)
        assert_same(xp.broadcast_to(x, shape), np.broadcast_to(plain, shape))
        y, plain_y = operand(data, most=0)
        for found, wanted in zip(xp.broadcast_arrays(x, y), np.broadcast_arrays(plain, plain_y), strict=True):
            assert_same(found, wanted)
        times = tuple(data.draw(st.lists(st.integers(0, 2), min_size=0, max_size=3)))
        assert_same(xp.tile(x, times), np.tile(plain, times))
        if x.ndim:
            axis = axis_of(data.draw, x.ndim)
            counts = data.draw(st.lists(st.integers(0, 3), min_size=x.shape[axis], max_size=x.shape[axis]))
            assert_same(xp.repeat(x, 2, axis=axis), np.repeat(plain, 2, axis))
            assert_same(xp.repeat(x, np.array(counts, int), axis=axis), np.repeat(plain, counts, axis))

    check()


def test_turning() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data)
        axes = axes_of(data.draw, x.ndim)
        assert_same(xp.flip(x, axis=axes), np.flip(plain, axes))
        shift = data.draw(st.integers(-7, 7))
        axis = axis_of(data.draw, x.ndim) if x.ndim and data.draw(st.booleans()) else None
        assert_same(xp.roll(x, shift, axis=axis), np.roll(plain, shift, axis))
        if x.ndim >= 2:
            shifts, both = (shift, 1), (0, -1)
            assert_same(xp.roll(x, shifts, axis=both), np.roll(plain, shifts, both))

    check()


def test_joining() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, least=1)
        axis = axis_of(data.draw, x.ndim)
        shape = list(x.shape)
        shape[axis] = data.draw(st.integers(0, 3))
        y, plain_y = array_of(data.draw, plain.dtype, tuple(shape))
        assert_same(xp.concat([x, y], axis=axis), np.concatenate([plain, plain_y], axis))
        assert_same(xp.concat([x, y], axis=None), np.concatenate([plain, plain_y], None))
        place = data.draw(st.integers(-x.ndim - 1, x.ndim))
        assert_same(xp.stack([x, x, x], axis=place), np.stack([plain] * 3, place))
        for found, wanted in zip(xp.unstack(x, axis=axis), np.unstack(plain, axis=axis), strict=True):
            assert_same(found, wanted)

    check()


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_borders(mode: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, least=1, most=3)
        widths = [(data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))) for _ in x.shape]
        if mode != "constant" and 0 in x.shape:
            return
        if mode == "reflect" and 1 in x.shape:
            return  # nothing to reflect
        assert_same(xp.pad(x, widths, mode=mode), np.pad(plain, widths, mode=mode))

    check()


def test_triangles() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, least=2)
        k = data.draw(st.integers(-5, 5))
        assert_same(xp.tril(x, k=k), np.tril(plain, k))
        assert_same(xp.triu(x, k=k), np.triu(plain, k))

    check()


def test_differences() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, tuple(kind for kind in NUMBERS if kind != BFLOAT16), least=1)
        axis, n = axis_of(data.draw, x.ndim), data.draw(st.integers(1, 2))
        with np.errstate(all="ignore"):
            assert_same(xp.diff(x, axis=axis, n=n), np.diff(plain, n, axis))

    check()


def an_index(data: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """A basic index: integers, slices of any step, `...` and `None`."""
    parts: list[Any] = []
    for extent in shape:
        kind = data.draw(st.sampled_from(["slice", "slice", "integer" if extent else "slice", "all"]))
        if kind == "integer":
            parts.append(data.draw(st.integers(-extent, extent - 1)))
        elif kind == "all":
            parts.append(slice(None))
        else:
            ends = st.one_of(st.none(), st.integers(-6, 6))
            step = data.draw(st.sampled_from([None, 1, 2, 3, -1, -2]))
            parts.append(slice(data.draw(ends), data.draw(ends), step))
    if data.draw(st.booleans()):
        parts.insert(data.draw(st.integers(0, len(parts))), None)
    cut = data.draw(st.integers(0, len(parts)))
    if data.draw(st.booleans()):
        parts = [*parts[:cut], Ellipsis]
    return tuple(parts)


def test_basic_indices() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data)
        key = an_index(data, x.shape)
        assert_same(xp.asarray(x)[key], plain[key])

    check()


def test_taking() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, least=1, empty=False)
        axis = axis_of(data.draw, x.ndim)
        rng = np.random.default_rng(data.draw(seeds))
        kind = data.draw(st.sampled_from([np.int64, np.int32, np.int8]))
        places = rng.integers(-x.shape[axis], x.shape[axis], rng.integers(0, 5, rng.integers(0, 3))).astype(kind)
        assert_same(xp.take(x, places, axis=axis), np.take(plain, places, axis))
        shape = (*x.shape[: axis % x.ndim], int(rng.integers(0, 4)), *x.shape[axis % x.ndim + 1 :])
        along = rng.integers(0, x.shape[axis], shape)
        assert_same(xp.take_along_axis(x, along, axis=axis), np.take_along_axis(plain, along, axis))
        chosen = rng.integers(0, 2, x.shape[0]).astype(bool)
        assert_same(xp.asarray(x)[chosen], plain[chosen])
        rows = rng.integers(-x.shape[0], x.shape[0], 3)
        assert_same(xp.asarray(x)[rows], plain[rows])

    check()


def test_putting() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        dtype = data.draw(st.sampled_from((np.dtype(np.float64), *INTEGERS)))
        x, plain = array_of(data.draw, dtype, data.draw(shapes(least=1, most=3, empty=False)), special=False)
        x = plain = np.round(plain)  # sums are exact then, in whatever order they are taken
        rng = np.random.default_rng(data.draw(seeds))
        places = rng.integers(0, x.shape[0], int(rng.integers(0, 6)))
        values = rng.integers(0, 5, (len(places), *x.shape[1:])).astype(dtype)
        wanted = plain.copy()
        np.add.at(wanted, places, values)
        # Where nothing is put, 0 is added: -0.0 becomes 0.0, as in every sum.
        assert_same(xp.put_add(x, places, values, axis=0), wanted + np.zeros_like(wanted))
        wanted = plain.copy()
        for place, value in zip(places, values, strict=True):
            wanted[place] = value
        assert_same(xp.put(x, places, values, axis=0), wanted)

    check()


def test_windows_that_move() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain = operand(data, least=1)
        sizes = tuple(data.draw(st.integers(0, extent)) for extent in x.shape)
        start = tuple(data.draw(st.integers(0, e - s)) for e, s in zip(x.shape, sizes, strict=True))
        window = tuple(slice(b, b + s) for b, s in zip(start, sizes, strict=True))
        assert_same(xp.dynamic_slice(x, start, sizes), plain[window])
        update, plain_update = array_of(data.draw, plain.dtype, sizes)
        wanted = plain.copy()
        wanted[window] = plain_update
        assert_same(xp.dynamic_update(x, update, start), wanted)

    check()


def close_product(found: Any, wanted: Any, size: Any, terms: int) -> None:
    found = np.asarray(found)
    assert found.shape == wanted.shape
    eps = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1.2e-7, "float64": 2.3e-16}[found.dtype.name]
    assert np.all(np.abs(found.astype(np.float64) - wanted) <= (terms + 2) * eps * size + 1e-7)


def pair_of(data: Any, first: tuple[int, ...], second: tuple[int, ...]) -> tuple[Any, Any, Any, Any]:
    dtype = data.draw(st.sampled_from(FLOATS))
    return *array_of(data.draw, dtype, first, special=False), *array_of(data.draw, dtype, second, special=False)


def test_matrix_products() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        m, k, n = (data.draw(st.integers(0, 9)) for _ in range(3))
        batch = data.draw(shapes(most=2, side=3))
        first = (*broadcastable(data.draw, batch), m, k) if data.draw(st.booleans()) else (k,)
        second = (*batch, k, n) if data.draw(st.booleans()) else (k,)
        x, plain_x, y, plain_y = pair_of(data, first, second)
        wide_x, wide_y = plain_x.astype(np.float64), plain_y.astype(np.float64)
        found = xp.matmul(x, y)
        assert found.dtype == plain_x.dtype
        close_product(found, wide_x @ wide_y, np.abs(wide_x) @ np.abs(wide_y), k)

    check()


def test_products_of_integers() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        dtype = data.draw(st.sampled_from(INTEGERS))
        m, k, n = (data.draw(st.integers(0, 5)) for _ in range(3))
        x, plain_x = array_of(data.draw, dtype, (m, k))
        y, plain_y = array_of(data.draw, dtype, (k, n))
        assert_same(xp.matmul(x, y), plain_x @ plain_y)

    check()


@pytest.mark.parametrize(
    "subscripts", ["ij,jk->ik", "ij,kj->ik", "bij,bjk->bik", "ij,ij->", "i,j->ij", "ij,j->i", "ijk,kl->ijl", "ij->ji"]
)
def test_contractions(subscripts: str) -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        sizes = {letter: data.draw(st.integers(0, 5)) for letter in "bijkl"}
        words = subscripts.split("->")[0].split(",")
        given_shapes = [tuple(sizes[letter] for letter in word) for word in words]
        dtype = data.draw(st.sampled_from(FLOATS))
        pairs = [array_of(data.draw, dtype, shape, special=False) for shape in given_shapes]
        wide = [plain.astype(np.float64) for _, plain in pairs]
        found = xp.einsum(subscripts, *(x for x, _ in pairs))
        terms = int(np.prod([sizes[letter] for letter in "bijkl"]))
        size = np.einsum(subscripts, *map(np.abs, wide))
        close_product(found, np.einsum(subscripts, *wide), size, terms)

    check()


def test_tensordot_outer_vecdot() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        shape = data.draw(shapes(least=1, most=3))
        axes = data.draw(st.integers(0, len(shape)))
        x, plain_x, y, plain_y = pair_of(data, shape, (*shape[len(shape) - axes :], data.draw(st.integers(0, 3))))
        wide_x, wide_y = plain_x.astype(np.float64), plain_y.astype(np.float64)
        size = np.tensordot(np.abs(wide_x), np.abs(wide_y), axes)
        close_product(xp.tensordot(x, y, axes=axes), np.tensordot(wide_x, wide_y, axes), size, x.size)
        first, second = wide_x.reshape(-1), wide_y.reshape(-1)
        size = np.abs(np.outer(first, second))
        close_product(xp.outer(x.reshape(-1), y.reshape(-1)), np.outer(first, second), size, 1)
        size = np.sum(np.abs(wide_x * wide_x), axis=-1)
        close_product(xp.vecdot(x, x), np.sum(wide_x * wide_x, axis=-1), size, x.shape[-1])

    check()


def test_what_does_not_broadcast_is_refused() -> None:
    @many
    @given(st.data())
    def check(data: Any) -> None:
        x, plain_x = operand(data, NUMBERS)
        y, _ = array_of(data.draw, plain_x.dtype, data.draw(shapes()))
        try:
            shape = np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            with pytest.raises(mt.ShapeError):
                xp.add(x, y)
            with pytest.raises(mt.ShapeError):
                xp.where(np.ones(x.shape, bool), x, y)
        else:
            assert xp.add(x, y).shape == shape

    check()
