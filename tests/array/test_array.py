"""The array: operators, element types, indexing, exchange with NumPy, and what unusual memory and numbers do."""

import copy
import operator
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mapsto as mt
from mapsto import losses, xp

steady = settings(derandomize=True, deadline=None, max_examples=60, database=None)

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip


# operators


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_operators_are_numpys(op, dtype):
    x, y = np.array([[1, 2, 3], [4, 5, 6]], dtype), np.array([3, 2, 2], dtype)
    expected = op(x, y).astype(np.float32) if (op, dtype) == (operator.truediv, "int64") else op(x, y)
    for left, right in ((xp.asarray(x), xp.asarray(y)), (xp.asarray(x), y), (x, xp.asarray(y))):
        found = op(left, right)
        assert isinstance(found, mt.Array)
        np.testing.assert_array_equal(found, expected, strict=True)
    for found, same in ((op(xp.asarray(x), 2), op(x, 2)), (op(2, xp.asarray(x)), op(2, x))):
        same = same.astype(np.float32) if (op, dtype) == (operator.truediv, "int64") else same
        np.testing.assert_array_equal(found, same, strict=True)


def test_operators_of_integers_and_truth_values():
    x, y = np.array([6, 3, -1]), np.array([3, 5, 7])
    a, b = xp.asarray(x), xp.asarray(y)
    for op in (operator.and_, operator.or_, operator.xor):
        np.testing.assert_array_equal(op(a, b), op(x, y), strict=True)
        np.testing.assert_array_equal(op(a > 2, b > 4), op(x > 2, y > 4), strict=True)
        np.testing.assert_array_equal(op(5, a), op(5, x), strict=True)
    np.testing.assert_array_equal(~a, ~x)
    np.testing.assert_array_equal(-a, -x)
    np.testing.assert_array_equal(abs(a), abs(x))
    np.testing.assert_array_equal(a.T if a.ndim > 1 else xp.asarray(np.outer(x, y)).T, np.outer(x, y).T)
    np.testing.assert_array_equal(xp.ones((2, 3)) @ np.ones((3, 2), np.float32), np.full((2, 2), 3.0))


def test_what_an_operator_does_not_know_is_left_to_the_other_side():
    class Other:
        def __radd__(self, left):
            return "mine"

    assert xp.ones(2) + Other() == "mine"
    with pytest.raises(TypeError, match="unsupported operand"):
        xp.ones(2) + "a"
    assert (xp.ones(2) == None) is False  # noqa: E711


# element types


FLOATS, SIGNED, UNSIGNED = ["f16", "f32", "f64"], ["i8", "i16", "i32", "i64"], ["u8", "u16", "u32", "u64"]


@pytest.mark.parametrize("left", ["bool", *SIGNED, *UNSIGNED, *FLOATS])
@pytest.mark.parametrize("right", ["bool", *SIGNED, *UNSIGNED, *FLOATS])
def test_promotion(left, right):
    """The array API's table within a kind; across kinds the higher kind's own type stands: no f32 grows by an i64."""
    a, b = xp.ones(2, dtype=left), xp.ones(2, dtype=right)
    kinds = {left[0], right[0]}
    if kinds == {"i", "u"} and "u64" in (left, right):
        with pytest.raises(mt.DTypeError, match="cast one"):
            xp.multiply(a, b)
        return
    ranks = ["b", "i", "f"]
    rank = {left: ranks.index(left[0].replace("u", "i")), right: ranks.index(right[0].replace("u", "i"))}
    if rank[left] == rank[right]:
        expected = np.promote_types(a.dtype, b.dtype)
    else:
        expected = xp.ones(0, dtype=max(left, right, key=rank.__getitem__)).dtype
    if kinds == {"b"}:
        for multiply in (xp.multiply, mt.compile(xp.multiply)):
            with pytest.raises(mt.DTypeError, match="cast it"):
                multiply(a, b)
        return
    assert xp.multiply(a, b).dtype == xp.multiply(b, a).dtype == mt.compile(xp.multiply)(a, b).dtype == expected


@pytest.mark.parametrize("dtype", ["u8", "i32", "f16", "f32", "f64"])
def test_python_numbers_and_numpy_scalars_are_weak(dtype):
    x = xp.ones(2, dtype=dtype)
    assert (x + 1).dtype == (1 + x).dtype == (x * True).dtype == (np.int64(1) + x).dtype == x.dtype
    expected = x.dtype if dtype.startswith("f") else xp.float32
    assert (x + 0.5).dtype == (np.float64(0.5) * x).dtype == expected
    assert (x + np.ones(2)).dtype == xp.float64  # an array of NumPy keeps its type


def test_default_types():
    assert xp.asarray(1.0).dtype == xp.asarray([1.5, 2]).dtype == xp.float32
    assert xp.asarray(1).dtype == xp.asarray([True, 2]).dtype == xp.int64
    assert xp.asarray(True).dtype == xp.bool
    assert xp.asarray(np.float64(1.0)).dtype == xp.asarray(np.ones(2)[0]).dtype
    assert xp.asarray(np.ones(2)).dtype == xp.float64
    assert (xp.asarray([1]) / xp.asarray([2])).dtype == xp.float32
    assert xp.sum(xp.ones(2, dtype="i8")).dtype == xp.sum(xp.ones(2, dtype="bool")).dtype == xp.int64
    assert xp.sum(xp.ones(2, dtype="u8")).dtype == xp.uint64


@pytest.mark.parametrize(
    "value", [1j, ["a"], None, {}, 2**70, np.array([1, None]), np.zeros(2, [("a", "f4")]), np.zeros(2, "M8[s]")]
)
def test_other_types_are_refused(value):
    with pytest.raises(mt.DTypeError):
        xp.asarray(value)


def test_numbers_that_do_not_fit_are_refused():
    for make in (
        lambda: xp.asarray(-1, dtype="u8"),
        lambda: xp.asarray([1, 300], dtype="u8"),
        lambda: xp.ones(2, dtype="u8") + 300,
    ):
        with pytest.raises(mt.DTypeError, match="fit"):
            make()
    with pytest.raises(mt.ShapeError, match="different lengths"):
        xp.asarray([[1, 2], [3]])


# indexing


@steady
@given(st.data())
def test_basic_indexing_is_numpys(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
    x = np.arange(np.prod(shape)).reshape(shape)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    np.testing.assert_array_equal(xp.asarray(x)[index], x[index], strict=True)


@steady
@given(st.data())
def test_integer_arrays_and_masks_are_numpys(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5))
    x = np.arange(np.prod(shape)).reshape(shape)
    axis = data.draw(st.integers(0, len(shape) - 1))
    places = data.draw(hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, min_side=0, max_side=4),
                                  elements=st.integers(-shape[axis], shape[axis] - 1)))  # fmt: skip
    index = (slice(None),) * axis + (places,)
    np.testing.assert_array_equal(xp.asarray(x)[index], x[index], strict=True)
    np.testing.assert_array_equal(xp.take(x, places, axis=axis), np.take(x, places, axis=axis), strict=True)
    mask = data.draw(hnp.arrays(np.bool_, shape[: data.draw(st.integers(1, len(shape)))]))
    np.testing.assert_array_equal(xp.asarray(x)[mask], x[mask], strict=True)


def test_indices_of_every_make():
    x = np.arange(12).reshape(3, 4)
    a = xp.asarray(x)
    for index in (
        np.int8(1),
        [2, 0],
        [],
        [True, False, True],
        (..., [1, -1]),
        (1, [0, 3]),
        (None, 2),
        (slice(5, -9, -2), 1),
    ):
        np.testing.assert_array_equal(a[index], x[index])
    np.testing.assert_array_equal(a[xp.asarray(1)], x[1])
    np.testing.assert_array_equal(a[xp.asarray([0, 2])], x[[0, 2]])
    assert [int(row[0]) for row in a] == [0, 4, 8]
    assert [10, 20, 30][xp.asarray(2)] == 30


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (3, IndexError), (-4, IndexError), ((0, 4), IndexError), ((0, 0, 0), IndexError),
        ([3], IndexError), ([-4], IndexError),
        (2**70, IndexError), (0.5, TypeError), (True, TypeError), ("a", TypeError), ((..., ...), TypeError),
        (([0, 1], [0, 1, 2]), ValueError), (([0, 1], [0, 4]), IndexError),
        ([True, False], IndexError), ([[True, False, True, True]], IndexError),
    ],
)  # fmt: skip
def test_wrong_indices(index, error):
    with pytest.raises(error) as caught:
        xp.ones((3, 4))[index]
    assert isinstance(caught.value, mt.MapstoError)


# exchange


def test_writable_input_is_copied_and_results_cannot_be_written():
    source = np.arange(4.0)
    arrays = [xp.asarray(source), xp.asarray(source[::2]), xp.from_dlpack(source), xp.asarray(memoryview(source))]
    source[:] = -1
    for array in arrays:
        assert -1 not in np.asarray(array)
    view = np.asarray(arrays[0])
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5
    with pytest.raises(mt.UsageError, match=r"xp\.where"):
        arrays[0][0] = 5
    writable = np.array(arrays[0])
    writable[0] = 5
    assert float(arrays[0][0]) == 0.0


def test_read_only_view_of_writable_memory_is_copied():
    source = np.arange(4.0)
    view = source.view()
    view.flags.writeable = False
    array = xp.asarray(view)
    source[0] = 9
    assert float(array[0]) == 0.0


@pytest.mark.parametrize("dtype", ["bool", "u8", "i32", "i64", "f16", "f32", "f64"])
def test_dlpack_both_ways(dtype):
    array = xp.asarray([[0, 1], [1, 0]]).astype(dtype)
    out = np.from_dlpack(array)
    np.testing.assert_array_equal(out, array, strict=True)
    assert not out.flags.writeable
    np.testing.assert_array_equal(xp.from_dlpack(np.asarray(out).copy()), array, strict=True)
    np.testing.assert_array_equal(xp.from_dlpack(array), array, strict=True)


def test_dlpack_of_old_consumers_is_a_copy():
    array = xp.asarray([1.0, 2.0])

    class Old:
        def __dlpack__(self, **options):
            return array.__dlpack__()

        def __dlpack_device__(self):
            return array.__dlpack_device__()

    taken = np.from_dlpack(Old())
    if taken.flags.writeable:
        taken[0] = 9
    assert float(array[0]) == 1.0


def test_python_protocols():
    x = xp.asarray([[1.0, 2.0]])
    assert len(x) == 1 and x.tolist() == [[1.0, 2.0]] and (x.shape, x.ndim, x.size) == ((1, 2), 2, 2)
    assert float(x[0, 1]) == 2.0 and int(x[0, 0]) == 1 and bool(x[0, 0] > 0) and complex(x[0, 1]) == 2 + 0j
    assert f"{x[0, 1]:.1f}" == "2.0" and repr(xp.asarray(1)) == "array(1, i64[])"
    for made in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        np.testing.assert_array_equal(made, x, strict=True)
    for wrong in (bool, float, int, mt.Array.item):
        with pytest.raises(ValueError, match="not one number"):
            wrong(x)
    with pytest.raises(TypeError):
        len(x[0, 0])
    assert x.__array_namespace__() is xp


# rows 54 to 60 of the catalogue of faults


@pytest.mark.parametrize(
    "shape", [(-1,), (2, -3), (2**62,), (2**40, 2**40), (2**62, 0), (0, 2**40, 2**40), (1.5,), ("a",)]
)
def test_impossible_shapes(shape):
    reshaped = lambda s: xp.reshape(xp.zeros(1), (*s, 1))
    for make in (xp.zeros, xp.ones, lambda s: xp.broadcast_to(xp.ones(()), s), *([reshaped] if shape != (-1,) else [])):
        with pytest.raises(mt.ShapeError):
            make(shape)


def test_zero_sizes():
    empty = xp.zeros((0, 3))
    assert float(xp.sum(empty)) == 0.0 and float(xp.prod(empty)) == 1.0
    np.testing.assert_array_equal(xp.sum(empty, axis=0), [0, 0, 0])
    assert xp.sum(empty, axis=1).shape == xp.max(empty, axis=1).shape == xp.logsumexp(empty, axis=1).shape == (0,)
    assert xp.softmax(empty).shape == xp.log_softmax(empty).shape == (empty * 2 + 1).shape == (0, 3)
    assert (xp.ones((2, 0)) @ xp.ones((0, 3))).tolist() == [[0.0] * 3] * 2
    assert losses.cross_entropy(empty, xp.zeros((0,), dtype="i64")).shape == (0,)
    assert bool(xp.all(empty)) and not bool(xp.any(empty)) and np.isnan(float(xp.mean(empty)))
    for fold in (xp.max, xp.min, xp.argmax, xp.argmin):
        for axis in (None, 0):
            with pytest.raises(mt.ShapeError, match="empty axis"):
                fold(empty, axis=axis)
    assert mt.grad(lambda x: xp.sum(x))(empty).shape == (0, 3)


FUNCTIONS = [
    lambda x: x + 1, lambda x: xp.sum(x, axis=-1), lambda x: xp.max(x), lambda x: xp.argmax(x, axis=0),
    lambda x: x.T @ x,
    lambda x: xp.sort(x, axis=0), lambda x: x[::-1, 1:], lambda x: x.reshape(-1), lambda x: xp.concat([x, x], axis=1),
    lambda x: xp.where(x > 0, x, -x), lambda x: xp.take(x, [1, 0], axis=1),
    lambda x: mt.compile(lambda y: xp.exp(y) * 2)(x),
    lambda x: mt.grad(lambda y: xp.sum(y * y * y))(x), lambda x: mt.vmap(lambda row: row * xp.sum(row))(x),
]  # fmt: skip


def strange(plain):
    """The same numbers in unusual memory: read-only, non-contiguous, reversed, big-endian, unaligned."""
    yield "plain", plain
    padded = np.zeros((2 * plain.shape[0], 3 * plain.shape[1]), plain.dtype)
    padded[::2, ::3] = plain
    yield "strided", padded[::2, ::3]
    yield "reversed", plain[::-1, ::-1].copy()[::-1, ::-1]
    yield "columns", np.asfortranarray(plain)
    yield "big-endian", plain.astype(plain.dtype.newbyteorder(">"))
    raw = np.zeros(plain.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(plain.dtype).reshape(plain.shape)
    unaligned[...] = plain
    yield "unaligned", unaligned
    for name, array in (("read-only strided", padded[::2, ::3]), ("read-only unaligned", unaligned)):
        locked = np.frombuffer(array.base.tobytes(), np.uint8)  # memory that nobody can write to
        offset = array.__array_interface__["data"][0] - array.base.__array_interface__["data"][0]
        yield (
            name,
            np.lib.stride_tricks.as_strided(
                locked[offset:].view(np.uint8), array.shape + (plain.itemsize,), array.strides + (1,), writeable=False
            ).view(plain.dtype)[..., 0],
        )


@steady
@given(x=hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(2, 4)), elements=st.floats(-9, 9, width=32)))
def test_unusual_memory_equals_a_contiguous_copy(x):
    expected = [np.asarray(f(xp.asarray(x))) for f in FUNCTIONS]
    for name, same in strange(x):
        np.testing.assert_array_equal(same, x, err_msg=name)
        for f, y in zip(FUNCTIONS, expected, strict=True):
            np.testing.assert_array_equal(f(xp.asarray(same)), y, strict=True, err_msg=name)


def test_nan_and_signed_zero():
    nan, inf = np.nan, np.inf
    assert np.isnan(float(xp.max(xp.asarray([1, nan, 2])))) and np.isnan(float(xp.min(xp.asarray([nan, -inf]))))
    assert int(xp.argmax(xp.asarray([1, nan, inf, nan]))) == 1 and int(xp.argmin(xp.asarray([1, -inf, nan]))) == 2
    assert int(xp.argmax(xp.asarray([1.0, 3.0, 3.0]))) == 1 and int(xp.argmin(xp.asarray([1.0, 0.0, -0.0]))) == 1
    for pair in ((nan, 1.0), (1.0, nan)):
        assert np.isnan(float(xp.maximum(*map(xp.asarray, pair)))) and np.isnan(
            float(xp.minimum(*map(xp.asarray, pair)))
        )
    relu = np.asarray(xp.relu(xp.asarray([-0.0, 0.0, nan, inf, -inf, -1.0])))
    np.testing.assert_array_equal(relu, [0, 0, nan, inf, 0, 0])
    assert not np.signbit(relu[[0, 1, 4, 5]]).any()
    assert float(mt.grad(xp.relu)(0.0)) == 0.0


def test_softmax_and_losses_of_large_scores():
    x = xp.asarray([1e4, -1e4, 0.0])
    np.testing.assert_array_equal(xp.softmax(x), [1, 0, 0])
    np.testing.assert_array_equal(xp.log_softmax(x), [0, -2e4, -1e4])
    np.testing.assert_array_equal(xp.softplus(xp.asarray([1e4, -1e4, np.inf, -np.inf])), [1e4, 0, np.inf, 0])
    np.testing.assert_array_equal(losses.cross_entropy(xp.stack([x, x]), xp.asarray([0, 1])), [0, 2e4])
    np.testing.assert_array_equal(losses.binary_cross_entropy(x[:2, None], xp.asarray([[0.0], [1.0]])), [1e4, 1e4])
    for loss in (lambda x: xp.sum(losses.cross_entropy(x[None], xp.asarray([1]))), lambda x: xp.sum(xp.log_softmax(x))):
        assert np.isfinite(np.asarray(mt.grad(loss)(x))).all()
    assert np.isnan(np.asarray(xp.softmax(xp.full((2,), -np.inf)))).all()  # as documented
    assert float(xp.logsumexp(xp.full((2,), -np.inf))) == -np.inf


def test_denormals_are_kept_and_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(xp.asarray(1e-45) * 1.0) > 0 and float(xp.asarray(1e-40) + xp.asarray(1e-40)) > 0
        assert float(xp.asarray(1.0) / 0.0) == np.inf and np.isnan(float(xp.log(-1.0)))
        assert (xp.asarray([7, -7]) // 0).tolist() == [0, 0]


def test_an_ellipsis_that_stands_for_no_axis_parts_index_arrays_all_the_same():
    rows, column = np.array([1, 0]), np.array([[0], [1]])
    for key in ((slice(None), rows, ..., 0), (slice(None), column, ..., rows), (..., rows, rows), (rows, rows, ...)):
        x = np.arange(24).reshape(2, 3, 4)
        np.testing.assert_array_equal(xp.asarray(x)[key], x[key])
