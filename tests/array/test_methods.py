"""Methods of arrays, and NumPy's functions that call them."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp

DATA = np.random.Generator(np.random.PCG64(0)).normal(size=(3, 4)).astype(np.float32)
X = xp.asarray(DATA)
FOLDS = ["sum", "prod", "mean", "max", "min", "var", "std", "all", "any", "argmax", "argmin"]


@pytest.mark.parametrize("name", FOLDS)
@pytest.mark.parametrize("settings", [{}, {"axis": 1}, {"axis": 0, "keepdims": True}])
def test_numpy_folds_an_array_as_its_own(name, settings):
    made = getattr(np, name)(X, **settings)
    assert isinstance(made, mt.Array)
    wanted = getattr(np, name)(DATA, **settings)
    np.testing.assert_allclose(np.asarray(made), wanted, rtol=1e-5)
    assert made.shape == wanted.shape
    assert (made == getattr(X, name)(**settings)).all()
    assert (made == getattr(xp, name)(X, **settings)).all()


def test_numpy_settings_are_taken():
    np.testing.assert_allclose(float(np.std(X, ddof=1)), np.std(DATA, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(float(X.var(ddof=1)), float(X.var(correction=1)))
    for name in ("sum", "mean", "var", "std", "prod"):
        made = getattr(np, name)(X, dtype=np.float64)
        assert made.dtype == np.float64
        np.testing.assert_allclose(float(made), getattr(np, name)(DATA, dtype=np.float64), rtol=1e-12)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std", "prod"])
def test_derivatives_follow_numpy(name):
    ours, theirs = mt.grad(getattr(xp, name))(X), mt.grad(lambda x: getattr(np, name)(x))(X)
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.parametrize("name", FOLDS[:-2])  # np.argmax takes a TypeError for an array without the method
def test_nothing_is_written_into(name):
    with pytest.raises(mt.UsageError, match=f"{name}: out= would write") as error:
        getattr(np, name)(X, out=np.zeros(()))
    assert "test_methods.py" in str(error.value)  # not NumPy's line


def test_the_function_that_was_called_is_named():
    for name in [*FOLDS, "softmax", "log_softmax", "logsumexp", "count_nonzero"]:
        with pytest.raises(mt.ShapeError, match=f"^{name}: axis 3 does not exist"):
            getattr(xp, name)(X, axis=3)
    with pytest.raises(mt.ShapeError, match=r"^stack: the first and another differ in shape"):
        xp.stack([xp.ones(2), xp.ones(3)])


def test_two_axes_of_softmax():
    np.testing.assert_allclose(float(xp.softmax(X, axis=(0, 1)).sum()), 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        (None, "ARRAY-33", "None is no number"),
        ([1, None], "ARRAY-33", "None is no number"),
        ({1, 2}, "ARRAY-33", "a set is no number"),
        ({"a": 1}, "ARRAY-33", "a dict is no number"),
        ((i for i in range(3)), "ARRAY-33", "a generator is no number"),
        (np.array([None]), "ARRAY-33", "None is no number"),
        (2**70, "ARRAY-34", "71 bits"),
        ([[1], [2**70]], "ARRAY-34", "71 bits"),
        (["a.png"], "ARRAY-32", "image.decode"),
        ([1, "cat"], "ARRAY-32", "'cat' is a word"),
        (np.array([["cat"]]), "ARRAY-32", "'cat' is a word"),
        (np.array(["cat"], dtype=object), "ARRAY-32", "'cat' is a word"),
        ([1 + 2j], "DTYPE-01", "complex128"),
    ],
)
def test_what_is_no_number_is_named(value, code, words):
    with pytest.raises(mt.DTypeError) as error:
        xp.asarray(value)
    assert error.value.code == code and words in str(error.value)


def test_a_type_makes_floats_of_long_integers():
    assert float(xp.asarray(2**70, dtype=xp.float64)) == 2.0**70
    assert xp.asarray(2**64 - 1).dtype == xp.uint64


def test_writing_names_what_to_write_instead():
    x = xp.zeros(3)
    with pytest.raises(mt.UsageError, match=r"xp\.put\(x, i, v\), xp\.put_add"):
        x[0] = 1.0
