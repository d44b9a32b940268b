"""What the array API standard 2024.12 asks for beside its functions: exchange, inspection, masks, infinities."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp


def test_arrays_in_lists_are_stacked():
    x = xp.asarray([1.0, 2.0])
    assert xp.asarray([x, [3, 4.5]]).tolist() == [[1.0, 2.0], [3.0, 4.5]]
    assert xp.asarray([xp.asarray(1, dtype="i8"), 2]).dtype == xp.int8  # a Python number takes part by its kind
    assert xp.asarray([xp.asarray(0.1, dtype="f64"), 0.1]).tolist() == [0.1, 0.1]
    assert xp.asarray([x, x], dtype="f16").dtype == xp.float16
    assert xp.asarray([x[:0], []]).shape == (2, 0)
    with pytest.raises(mt.ShapeError, match="stack"):
        xp.asarray([x, [1.0]])
    assert float(mt.grad(lambda x: xp.sum(xp.asarray([[x], [2 * x]]) ** 2))(3.0)) == 30.0
    assert mt.compile(lambda x: xp.asarray([x, 1]))(2.5).tolist() == [2.5, 1.0]


def test_masks_of_no_axes_and_of_no_elements_are_numpys():
    x = np.arange(6.0).reshape(2, 3)
    for held in (np.array(True), np.array(False)):
        for index in (held, (..., held), (0, held), (slice(None), held, [1, 2]), ([1], held), (held, slice(None), 1)):
            try:
                wanted = x[index]
            except IndexError:
                with pytest.raises(mt.MapstoError):
                    xp.asarray(x)[index]
            else:
                np.testing.assert_array_equal(xp.asarray(x)[index], wanted, strict=True)
    for shape in ((0,), (2, 0), (0, 3), (0, 0)):
        index = np.zeros(shape, bool)
        np.testing.assert_array_equal(xp.asarray(x)[index], x[index], strict=True)


def test_infinite_quotients_are_those_of_divide():
    """⌊∞ / 2⌋ is ∞ and ⌊-1 / ∞⌋ is -0: the standard's floor_divide, where Python and NumPy have NaN and -1."""
    x = xp.asarray([np.inf, -np.inf, np.inf, -1.0, 1.0, np.inf, 7.0, np.nan])
    y = xp.asarray([2.0, 2.0, -2.0, np.inf, -np.inf, np.inf, -2.0, np.inf])
    wanted = [np.inf, -np.inf, -np.inf, -0.0, -0.0, np.nan, -4.0, np.nan]
    for found in (x // y, mt.compile(lambda x, y: x // y)(x, y), mt.vmap(lambda x, y: x // y)(x, y)):
        np.testing.assert_array_equal(found, wanted)
        assert (np.signbit(np.asarray(found)) == np.signbit(wanted))[~np.isnan(wanted)].all()
    assert xp.floor_divide(np.inf, xp.asarray(2.0, dtype="bf16")).dtype == xp.bfloat16
    for point in (5.0, np.inf):  # flat, also where it is infinite
        assert float(mt.grad(lambda x: x // 2.0 + x)(point)) == 1.0


def test_what_the_namespace_says_of_itself():
    info = xp.__array_namespace_info__()
    assert info.default_device() in info.devices() == [xp.ones(1).device]
    assert info.default_dtypes(device="cpu")["real floating"] == xp.ones(1).dtype
    assert info.default_dtypes()["indexing"] == xp.argmax(xp.ones(2)).dtype
    assert info.dtypes(kind="unsigned integer").keys() == {"uint8", "uint16", "uint32", "uint64"}
    assert info.dtypes(kind=("bool", "complex floating"), device="cpu") == {"bool": xp.bool}
    assert all(getattr(xp, name) == dtype for name, dtype in info.dtypes().items())
    most = info.capabilities()["max dimensions"]
    assert xp.ones((1,) * most).ndim == most
    for ask in (info.dtypes, info.default_dtypes):
        with pytest.raises(mt.UsageError, match="no device 'gpu'"):
            ask(device="gpu")
    with pytest.raises(mt.UsageError, match="kind"):
        info.dtypes(kind="whole")


def test_exchange():
    x = xp.ones(2)
    assert x.to_device("cpu") is x and xp.from_dlpack(x, device="cpu") is x
    assert mt.grad(lambda x: xp.sum(x.to_device("cpu") ** 2))(x).tolist() == [2.0, 2.0]
    with pytest.raises(mt.UsageError, match="no device 'gpu'"):
        x.to_device("gpu")
    with pytest.raises(mt.UsageError, match="to_device: stream"):
        x.to_device("cpu", stream=1)
    theirs = np.ones(2)
    ours = xp.from_dlpack(theirs)
    theirs[0] = 2.0
    assert ours.tolist() == [1.0, 1.0]
    with pytest.raises(mt.DataError, match="copy"):
        xp.from_dlpack(theirs, copy=False)
    copied = np.from_dlpack(x, copy=True)
    copied[0] = 3.0
    assert x.tolist() == [1.0, 1.0]


def test_diagonals_far_outside():
    for k in (2**70, -(2**70)):
        assert float(xp.sum(xp.eye(2, 3, k=k))) == 0.0
        x = xp.ones((2, 3))
        assert xp.sum(xp.tril(x, k=k)) == (6.0 if k > 0 else 0.0) and xp.sum(xp.triu(x, k=k)) == (0.0 if k > 0 else 6.0)


def test_an_axis_that_is_not_there_is_an_index_error_too():
    for error in (mt.ShapeError, IndexError, ValueError):
        with pytest.raises(error, match="axis 3"):
            xp.expand_dims(xp.ones((2, 2)), 3)


@pytest.mark.parametrize("make", [xp.zeros, xp.ones, xp.empty, xp.eye])
def test_no_type_is_the_default_type(make):
    assert make(2, dtype=None).dtype == xp.float32
