"""Contractions are NumPy's: matmul, einsum of any number of operands, tensordot, vecdot, outer; and derivatives."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mapsto as mt
from mapsto import xp
from tests.array.drawn import FINITE, arrays, numbers, same, steady


@steady
@given(st.data())
def test_einsum(data):
    """Any operands over four letters: repeated within an operand, shared or alone, the result in any order."""
    letters = "abcd"
    extents = {letter: data.draw(st.integers(0, 3)) for letter in letters}
    count = data.draw(st.integers(1, 4))
    sources = [data.draw(st.text(letters, max_size=3)) for _ in range(count)]
    used = sorted(set("".join(sources)))
    out = "".join(data.draw(st.permutations(used))[: data.draw(st.integers(0, len(used)))])
    dtype = data.draw(st.sampled_from([np.float64, np.int64]))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    operands = [rng.integers(-3, 4, [extents[one] for one in source]).astype(dtype) for source in sources]
    text = ",".join(sources) + "->" + out
    same(xp.einsum(text, *operands), np.einsum(text, *operands))
    implicit = ",".join(sources)
    same(xp.einsum(implicit, *operands), np.einsum(implicit, *operands))


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("...ij,...jk->...ik", [(2, 3, 4), (4, 5)]),
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
        ("i...,i...", [(3, 2), (3, 1)]),
        ("...,...->...", [(2, 3), ()]),
        ("i...i->i...", [(3, 2, 3)]),
        ("...ii", [(2, 3, 3)]),
        ("ij...,jk,...k->i...", [(2, 3, 4), (3, 5), (4, 5)]),
        (" i j , j k -> i k ", [(2, 3), (3, 2)]),
        ("aab,b->a", [(2, 2, 3), (3,)]),
        ("iii->i", [(3, 3, 3)]),
    ],
)
def test_einsum_with_dots(text, shapes):
    operands = [np.asarray(numbers(*shape, seed=i)) for i, shape in enumerate(shapes)]
    same(xp.einsum(text, *operands), np.einsum(text, *operands), 1e-12)


def test_a_chain_is_contracted_from_its_small_end():
    """`x y z v` of matrices and a vector: from the vector, nothing larger than a vector is made."""
    a = [numbers(30, 30, seed=i) for i in range(3)]
    chain = mt.graph(lambda a, b, c, v: xp.einsum("ij,jk,kl,l->i", a, b, c, v))
    assert "a @ (b @ (c @ v))" in str(chain(*a, numbers(30, seed=3)))


def test_einsum_has_derivatives():
    x, y = numbers(3, 3), numbers(3, seed=1)
    slope = mt.grad(lambda x: xp.einsum("ii,i->", x, y))(x)
    np.testing.assert_allclose(slope, np.diag(np.asarray(y)))
    a, b, c = numbers(2, 3), numbers(3, 4, seed=1), numbers(4, 2, seed=2)
    slope = mt.grad(lambda b: xp.einsum("ij,jk,ki->", a, b, c))(b)
    np.testing.assert_allclose(slope, np.asarray(a).T @ np.asarray(c).T)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: xp.einsum("ij,jk", xp.ones((2, 2))), "2 operands, and there are 1"),
        (lambda: xp.einsum("ij->ik", xp.ones((2, 2))), "'k'"),
        (lambda: xp.einsum("ij->ii", xp.ones((2, 2))), "twice"),
        (lambda: xp.einsum("i1->i", xp.ones((2, 2))), "something else than letters"),
        (lambda: xp.einsum("......i->i", xp.ones((2, 2))), "something else"),
        (lambda: xp.einsum("...i->i", xp.ones((2, 2))), "lacks the ..."),
        (lambda: xp.einsum(xp.ones(2), "i"), "come first"),
        (lambda: xp.einsum("ijk->i", xp.ones((2, 2))), "names 3 axes"),
        (lambda: xp.einsum("i->i", xp.ones((2, 2))), "names 1 axes"),
        (lambda: xp.einsum("ij,j->i", xp.ones((2, 3)), xp.ones(2)), "axis 'j'"),
        (lambda: xp.einsum("ii->i", xp.ones((2, 3))), "axis 'i'"),
        (lambda: xp.einsum("i,i->", xp.ones(2, dtype="bool"), xp.ones(2, dtype="bool")), "cast it first"),
        (lambda: xp.matmul(xp.ones((2, 2), dtype="bool"), xp.ones((2, 2), dtype="bool")), "cast it first"),
        (lambda: xp.tensordot(xp.ones((2, 3)), xp.ones((2, 3)), axes=1), "disagree"),
        (lambda: xp.tensordot(xp.ones((2, 3)), xp.ones((2, 3)), axes=3), "fewer than 3"),
        (lambda: xp.tensordot(xp.ones((2, 3)), xp.ones((2, 3)), axes=((0, 1), (0,))), "2 axes of the left array, 1"),
        (lambda: xp.tensordot(xp.ones((2, 2)), xp.ones((2, 2)), axes=((0, 0), (0, 1))), "twice"),
        (lambda: xp.vecdot(xp.ones(2), xp.ones(3)), "disagree"),
        (lambda: xp.matmul(1.0, xp.ones(2)), "no axis to sum over"),
    ],
)
def test_refused(call, says):
    with pytest.raises(mt.MapstoError) as caught:
        call()
    assert says in str(caught.value)


@steady
@given(st.data())
def test_matmul_of_every_rank(data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(signature="(m?,n),(n,p?)->(m?,p?)", min_side=0, max_side=3))
    dtype = data.draw(st.sampled_from([np.float64, np.int64, np.int8, np.uint8]))
    x, y = (np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype) for shape in shapes.input_shapes)
    same(xp.matmul(x, y), np.matmul(x, y))


@steady
@given(st.data())
def test_tensordot_and_outer(data):
    x, y = data.draw(arrays("f64", FINITE, max_dims=3)), data.draw(arrays("f64", FINITE, max_dims=3))
    same(xp.tensordot(x, y, axes=0), np.tensordot(x, y, 0))
    same(xp.outer(x[(0,) * (x.ndim - 1)] if x.size else x.reshape(-1), y.reshape(-1)),
         np.outer(x[(0,) * (x.ndim - 1)] if x.size else x.reshape(-1), y))  # fmt: skip
    axes = data.draw(st.permutations(range(x.ndim))), list(range(x.ndim))
    turned = np.transpose(x, axes[0])
    negative = [axis - x.ndim for axis in axes[0]], axes[1]
    for one in (axes, negative):
        same(xp.tensordot(x, turned, axes=one), np.tensordot(x, turned, one), 1e-12)


@steady
@given(st.data())
def test_vecdot(data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=2, min_side=0, max_side=3))
    k = data.draw(st.integers(0, 3))
    x, y = (np.asarray(numbers(*shape, k, seed=i)) for i, shape in enumerate(shapes.input_shapes))
    same(xp.vecdot(x, y), np.vecdot(x, y), 1e-12)
    if x.ndim == y.ndim:
        same(xp.vecdot(np.moveaxis(x, -1, 0), np.moveaxis(y, -1, 0), axis=-x.ndim), np.vecdot(x, y), 1e-12)


def test_letters_run_out_late():
    """More axes than half of the alphabet."""
    text = string.ascii_letters[:12]
    x = np.asarray(numbers(*(2,) * 12))
    same(xp.einsum(f"{text},{text}->", x, x), np.einsum(f"{text},{text}->", x, x), 1e-12)


def test_three_half_operands_are_rounded_once():
    a, b, c = (np.array(x, np.float16) for x in ([1000, 1000], [100, -100], [0.5, 0.5]))
    found = xp.einsum("i,i,i->", a, b, c)
    assert (found.dtype, float(found)) == (np.float16, 0.0)
