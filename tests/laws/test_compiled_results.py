"""What comes out of compiled functions besides numbers: errors, results that are inputs, no results; and long sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, xp
from mapsto.core.errors import DTypeError, IndexRangeError, MapstoError, NonFiniteError
from mapsto.transform.call import guard

X = xp.asarray(np.arange(12.0).reshape(4, 3))


def message(f: Callable[..., Any], *args: Any, reference: bool = False) -> str:
    """The whole text of the error that a compiled function raises."""
    compiled = mt.compile(f)
    with pytest.raises(MapstoError) as caught:
        if reference:
            with mt.interpret():
                compiled(*args)
        else:
            compiled(*args)
    return f"{type(caught.value).__name__}: {caught.value}"


def indices(*numbers: int, dtype: Any = np.int64) -> Any:
    return xp.asarray(np.array(numbers, dtype))


OUT_OF_RANGE: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "take": (lambda x, i: xp.take(x, i, axis=0), (X, indices(0, 4))),
    "along the last axis": (lambda x, i: xp.take(x + 1, i, axis=1) * 2, (X, indices(1, 3, 0))),
    "negative": (lambda x, i: xp.take(x, i - 9, axis=0), (X, indices(1, 2))),
    "u8": (lambda x, i: xp.take(x, i, axis=0), (X, indices(3, 200, dtype=np.uint8))),
    "i32": (lambda x, i: xp.take(x, i, axis=0), (X, indices(3, -9, dtype=np.int32))),
    "u64": (lambda x, i: xp.take(x, i, axis=0), (X, indices(3, 2**63, dtype=np.uint64))),
    "in brackets": (lambda x, i: x[i], (X, indices(4))),
    "one": (lambda x, i: x[i], (X, xp.asarray(17))),
    "of an arrangement": (lambda x, i: xp.take(xp.reshape(x, (3, 4)).T, i, axis=0), (X, indices(4))),
    "computed": (lambda x: xp.take(x, xp.arange(3) * 2, axis=0), (X,)),
    "two places": (lambda x, i, j: xp.take(x, i, axis=0) + xp.take(x, j, axis=0), (X, indices(0), indices(9))),
    "labels": (lambda x, i: xp.mean(losses.cross_entropy(x, i)), (X, indices(0, 1, 2, 3))),
    "a derivative": (mt.grad(lambda x, i: xp.sum(xp.take(x, i, axis=0) ** 2)), (X, indices(0, 4))),
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_index_out_of_range(name: str) -> None:
    """The same error as the reference's, to the letter; a compiled program never reads outside."""
    f, args = OUT_OF_RANGE[name]
    found = message(f, *args)
    assert found == message(f, *args, reference=True)
    assert found.startswith(IndexRangeError.__name__)


def test_narrow_indices_wrap_as_their_type_does() -> None:
    f = mt.compile(lambda x, i: xp.take(x, i + xp.asarray(250, dtype=xp.uint8), axis=0))
    assert f(X, indices(6, 9, dtype=np.uint8)).data.tolist() == X.data[[0, 3]].tolist()


def test_negative_power_of_integers() -> None:
    def power(x: Any, n: Any) -> Any:
        return x**n

    found = message(power, indices(2, 3), indices(2, -1))
    assert found == message(power, indices(2, 3), indices(2, -1), reference=True)
    assert found.startswith(DTypeError.__name__)
    assert mt.compile(power)(indices(2, 3), indices(2, 0)).data.tolist() == [4, 1]


def guarding(x: Any, i: Any) -> Any:
    guard("first", xp.sum(x) + 1)
    guard("second", 1 / x)
    guard("third", xp.log(x))
    return xp.take(x, i, axis=0)


NOT_FINITE = [([1, 0, 2], "second"), ([1, np.inf, 2], "first"), ([1, -1, 2], "third"), ([np.nan, 1, 2], "first")]


@pytest.mark.parametrize(("numbers", "name"), NOT_FINITE)
def test_guards_name_what_is_not_finite(numbers: list[float], name: str) -> None:
    """The first one that is not; an index out of range comes before all of them."""
    x = xp.asarray(np.array(numbers, np.float32))
    for reference in (False, True):
        found = message(guarding, x, indices(0), reference=reference)
        assert found.startswith(NonFiniteError.__name__) and name in found
        assert message(guarding, x, indices(5), reference=reference).startswith(IndexRangeError.__name__)
    assert mt.compile(guarding)(xp.asarray([1.0, 2.0, 3.0]), indices(2)).data.tolist() == [3.0]


def test_a_refused_run_leaves_the_program_usable() -> None:
    f = mt.compile(lambda x, i: xp.take(x, i, axis=0))
    for _ in range(3):
        with pytest.raises(IndexRangeError):
            f(X, indices(4))
        assert f(X, indices(3)).data.tolist() == [[9.0, 10.0, 11.0]]


def test_results_that_are_inputs_and_results_twice() -> None:
    def f(x: Any, y: Any) -> Any:
        z = x + y
        return x, z, z, y, (z, x)

    x, y = xp.asarray([1.0, 2.0]), xp.asarray([3.0, 4.0])
    a, b, c, d, (e, g) = mt.compile(f)(x, y)
    assert [array.data.tolist() for array in (a, b, c, d, e, g)] == [[1, 2], [4, 6], [4, 6], [3, 4], [4, 6], [1, 2]]


def test_results_stay_as_they_are() -> None:
    """Memory for results is used again only when nobody sees it, views included."""
    f = mt.compile(lambda x: (x * 2, x + 1))
    seen = [(k, f(xp.asarray(float(k))), np.asarray(f(xp.asarray(float(k)))[0])) for k in range(12)]
    for k, (double, more), view in seen:
        assert (float(double), float(more), float(view)) == (2 * k, k + 1, 2 * k)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (0, 3), (1, 1, 1)])
def test_few_elements_or_none(shape: tuple[int, ...]) -> None:
    def f(x: Any) -> Any:
        return x, xp.sum(x), xp.exp(x) * 2, xp.reshape(x, (-1,) if x.size else x.shape), xp.prod(x)

    x = xp.asarray(np.ones(shape, np.float32))
    found = mt.compile(f)(x)
    for one, other in zip(found, f(x), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one.data, other.data, 1e-6)


def test_no_results_and_no_inputs() -> None:
    assert mt.compile(lambda x: ())(X) == ()
    assert mt.compile(lambda: {"three": xp.asarray(3.0)})()["three"].data.tolist() == 3.0
    assert mt.compile(lambda: xp.arange(3) * 2)().data.tolist() == [0, 2, 4]


LONG = 10**7


@pytest.mark.parametrize(
    ("name", "bound"), [("sum", 2e-5), ("mean", 2e-5), ("sum of squares", 2e-5), ("rows", 2e-5), ("columns", 2e-5)]
)
def test_long_sums(name: str, bound: float) -> None:
    """Sums of ten million float32, against float64; one number after another they would be off by 1e-2."""
    x = np.random.default_rng(0).random(LONG, np.float32)
    functions: dict[str, Callable[[Any], Any]] = {
        "sum": xp.sum,
        "mean": xp.mean,
        "sum of squares": lambda x: xp.sum(x * x),
        "rows": lambda x: xp.sum(xp.reshape(x, (4, -1)), axis=1),
        "columns": lambda x: xp.sum(xp.reshape(x, (-1, 4)), axis=0),
    }
    f = functions[name]
    found = np.asarray(mt.compile(f)(xp.asarray(x)))
    wide = f(xp.asarray(x.astype(np.float64))).data
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wide, bound)


def test_a_long_elementwise_function() -> None:
    x = np.linspace(-3, 3, LONG // 4, dtype=np.float32)
    found = np.asarray(mt.compile(lambda x: xp.maximum(x, 0) * 2 - 1)(xp.asarray(x)))
    np.testing.assert_array_equal(found, np.maximum(x, 0) * 2 - 1)
