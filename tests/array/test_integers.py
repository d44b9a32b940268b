"""Integers: NumPy's count as Python's, large ones are refused in words, and a traced one is an index."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from mapsto.array.trace import tracing
from mapsto.core.tree import is_number


def three(value):
    """The same integer as NumPy, and this package, may give it."""
    return [np.int64(value), np.uint8(value), np.array(value), xp.asarray(value)]


def test_numpy_integers_are_integers():
    x = xp.asarray(np.arange(6.0).reshape(2, 3))
    for one in three(1):
        np.testing.assert_array_equal(xp.sum(x, axis=one), xp.sum(x, axis=1), strict=True)
        np.testing.assert_array_equal(xp.argmax(x, axis=one), [2, 2])
        np.testing.assert_array_equal(xp.take(x, [0], axis=one), x[:, :1], strict=True)
        np.testing.assert_array_equal(xp.flip(x, axis=(one, 0)), x[::-1, ::-1], strict=True)
        np.testing.assert_array_equal(xp.tensordot(x, xp.ones(3), axes=one), xp.sum(x, axis=1).astype(xp.float64))
        assert xp.expand_dims(x, axis=one).shape == (2, 1, 3) and xp.pad(x, [(one, 0), (0, one)]).shape == (3, 4)
    for n in three(3):
        assert xp.arange(n).dtype == xp.int64 and xp.arange(n).tolist() == [0, 1, 2]
        assert xp.arange(0, n, np.int8(2)).tolist() == [0, 2]
        assert xp.zeros(n).shape == xp.linspace(0.0, 1.0, n).shape == (3,)
        assert xp.eye(n).shape == (3, 3) and xp.one_hot([1], n).shape == (1, 3) and x.reshape(n, -1).shape == (3, 2)
        assert sorted(mt.random.permutation(mt.key(0), n).tolist()) == [0, 1, 2] and mt.split(mt.key(0), n).shape == (
            3,
            2,
        )
    assert sorted(mt.random.permutation(mt.key(0), xp.arange(4)).tolist()) == [0, 1, 2, 3]
    assert (x ** np.int64(2)).dtype == x.dtype and (xp.asarray([-2]) ** np.int64(2)).tolist() == [4]


def test_attributes_of_primitives_are_python_integers():
    with tracing(keeps_values=False) as frame:
        x = frame.input(xp.ones((2, 3)).spec, None)
        xp.argmax(x, axis=np.int64(1)), xp.sum(x, axis=(np.int64(0),)), xp.eye(np.int64(2), k=np.int64(1))
    for node in frame.builder.nodes:
        for value in vars(node.primitive).values():
            assert not any(isinstance(one, np.generic) for one in (value if isinstance(value, tuple) else (value,)))


@pytest.mark.parametrize(
    "call",
    [
        lambda: xp.sum(xp.ones(2), axis=0.5),
        lambda: xp.argmax(xp.ones(2), axis="0"),
        lambda: xp.moveaxis(xp.ones((2, 2)), 0, 1.5),
        lambda: mt.random.permutation(mt.key(0), 2.5),
        lambda: xp.linspace(0.0, 1.0, 2.5),
        lambda: mt.compile(lambda x, axis: xp.sum(x, axis=axis))(xp.ones(2), 0),
    ],
)
def test_what_is_no_integer_is_refused(call):
    with pytest.raises(mt.UsageError, match="takes an integer here"):
        call()


def test_an_index_may_be_of_a_smaller_type_than_its_axis():
    x = xp.arange(1000)
    assert xp.take(x, np.array([3, -1, -128], np.int8)).tolist() == [3, 999, 872]
    assert x[np.array([200], np.uint8)].tolist() == [200]


def test_large_integers():
    assert (xp.ones(2) * 10**30).tolist() == [float(np.float32(1e30))] * 2
    for call in (
        lambda: xp.ones(2) * 10**400,
        lambda: xp.ones(2) * 10**5000,
        lambda: xp.ones(2, dtype=xp.int64) * 10**30,
        lambda: xp.asarray(10**400, dtype=xp.float32),
        lambda: xp.asarray(["a"], dtype=xp.float32),
        lambda: mt.compile(lambda x: x)(2**64),
        lambda: mt.compile(lambda x: x)(2**63),
        lambda: mt.compile(lambda x: x)(np.uint64(2**63)),
        lambda: mt.compile(lambda x: x)(-(10**5000)),
    ):
        with pytest.raises(mt.DTypeError, match="fit"):
            call()
    assert int(mt.compile(lambda x: x)(2**63 - 1)) == 2**63 - 1


def test_words_and_dates_are_no_numbers():
    for value in (np.str_("a"), np.bytes_(b"a"), np.datetime64("2024"), np.complex64(1)):
        assert not is_number(value)
    with pytest.raises(TypeError, match="unsupported operand"):
        xp.ones(2) + np.str_("a")


# a traced integer as an index


def test_a_traced_integer_is_an_index():
    x = xp.asarray(np.arange(24).reshape(2, 3, 4))
    plain = np.asarray(x)
    assert mt.compile(lambda x, i: x[i])(x, 1).tolist() == plain[1].tolist()
    assert mt.compile(lambda x, i: x[..., i])(x, -1).tolist() == plain[..., -1].tolist()
    assert mt.compile(lambda x, i, j: x[i, :, j])(x, 1, 2).tolist() == plain[1, :, 2].tolist()
    assert mt.compile(lambda x, i, j: x[i, 1, j])(x, -1, 0).tolist() == plain[-1, 1, 0].tolist()
    assert mt.compile(lambda x, i: x[1:, i, None, ::-1])(x, 2).tolist() == plain[1:, 2, None, ::-1].tolist()
    assert mt.compile(lambda x, i: x[i, [0, 2]])(x, 1).tolist() == plain[1, [0, 2]].tolist()
    assert mt.vmap(lambda x, i: x[i])(x, xp.asarray([2, 0])).tolist() == plain[[0, 1], [2, 0]].tolist()
    assert mt.vmap(lambda x, i: x[i], in_axes=(None, 0))(x, xp.asarray([1, 0])).tolist() == plain[[1, 0]].tolist()


def test_a_traced_index_has_a_derivative_and_a_range():
    slope = mt.grad(lambda x, i: x[i] * x[i])
    np.testing.assert_array_equal(slope(xp.asarray([1.0, 2.0, 3.0]), 1), [0, 4, 0])
    np.testing.assert_array_equal(mt.compile(slope)(xp.asarray([1.0, 2.0, 3.0]), -1), [0, 0, 6])
    for i in (3, -4):
        with pytest.raises(mt.MapstoError, match="out of range"):
            mt.compile(lambda x, i: x[i])(xp.ones(3), i)
    with pytest.raises(mt.UsageError, match="is no index"):
        mt.compile(lambda x, i: x[i])(xp.ones(3), 0.5)
    with pytest.raises(mt.UsageError, match="is no index"):
        xp.ones(3)[xp.asarray(0.5)]


def test_positions_may_be_arrays():
    x = xp.asarray(np.arange(6).reshape(2, 3))
    assert int(x[xp.asarray(1), xp.asarray(2)]) == int(x[np.array(1), np.int8(2)]) == 5
