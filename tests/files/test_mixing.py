"""A net that mixes the examples of a batch is refused however little it mixes; one that does not never is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp

FEATURES = np.random.default_rng(0).normal(size=(4, 8)).astype("f4")
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 1)).astype(np.uint8)
FAR = mt.fn(lambda y: 20 * y + 50_000)
UNLIKE = xp.asarray(np.array([1e6, 1, 1e-6, 1e-12, 1, 1, 1, 1], "f4"))


def own_norm(x: Any) -> Any:
    return (x - xp.mean(x, axis=0)) / (xp.std(x, axis=0) + 1e-5)


def near_batch_mean(x: Any) -> Any:
    return x + 1e-3 * xp.mean(x, axis=0)


def one_column(x: Any) -> Any:
    return xp.concat([x[:, :7], x[:, 7:] - 0.01 * xp.mean(x[:, 7:], axis=0)], axis=1)


def small_column(x: Any) -> Any:
    return (x + xp.asarray(np.array([0, 0, 0, 1e-3, 0, 0, 0, 0], "f4")) * xp.mean(x, axis=0)) * UNLIKE


def by_the_first(x: Any) -> Any:
    return x + 1e-4 * x[:1]


def if_any_is_large(limit: float) -> Any:
    def if_any(x: Any) -> Any:
        return xp.where(xp.any(x > limit, axis=0), x, 0.5 * x)

    return if_any


def if_none_is_nan(x: Any) -> Any:
    return xp.where(xp.any(xp.isnan(x)), 0.0, x)


def below_batch_max(x: Any) -> Any:
    return xp.minimum(x, 0.9 * xp.max(x, axis=0) + 5)


def is_the_largest(x: Any) -> Any:
    row = xp.argmax(x, axis=0)
    return x + xp.astype(row == 0, x.dtype)


def joined_softmax(x: Any) -> Any:
    return nn.softmax(xp.concat([x, 1e-3 * xp.flip(x, axis=0)], axis=1))


def bytes_by_batch_max(x: Any) -> Any:
    return xp.where(xp.max(x, axis=0) == 255, x // 2, x)


def few(x: Any) -> Any:
    return x + 1e-3 if len(x) == 2 else x


def other_alone(x: Any) -> Any:
    return x if len(x) == 1 else x + 1e-3


FUNCTIONS = [
    *(own_norm, near_batch_mean, one_column, small_column, by_the_first, if_any_is_large(3.0), if_any_is_large(900.0)),
    *(if_none_is_nan, below_batch_max, is_the_largest, joined_softmax, few, other_alone),
]


def named(function: Any) -> str:
    return function.__name__


@pytest.mark.parametrize("function", FUNCTIONS, ids=named)
@pytest.mark.parametrize("offset", [False, True], ids=["plain", "far"])
def test_what_mixes_is_refused(function: Any, offset: bool, tmp_path: Path) -> None:
    net = nn.Dense(8) >> mt.fn(function) >> (FAR if offset else nn.Dense(3))
    with pytest.raises(mt.UsageError, match=r"SAVE-10") as caught:
        mt.save(net.init(mt.key(0), FEATURES), tmp_path / "net.mapsto")
    assert f"net.{function.__name__}: " in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("function", [own_norm, near_batch_mean, if_any_is_large(1.0)], ids=named)
def test_what_mixes_deep_in_a_net_is_refused(function: Any, tmp_path: Path) -> None:
    blocks = mt.repeat(nn.Dense(8) >> nn.LayerNorm() >> nn.relu, 8)
    net = blocks >> mt.fn(function) >> nn.Dense(16) >> nn.relu >> nn.Dense(2) >> FAR
    with pytest.raises(mt.UsageError, match=r"SAVE-10"):
        mt.save(net.init(mt.key(0), FEATURES), tmp_path / "net.mapsto")


def test_bytes_that_mix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(mt.UsageError, match=r"net: |SAVE-10"):
        mt.save(mt.fn(bytes_by_batch_max), tmp_path / "net.mapsto", example=PIXELS)


def deep(depth: int) -> mt.Mapping:
    net = nn.Dense(8) >> nn.tanh
    for _ in range(depth):
        net = net >> mt.residual(nn.Dense(8) >> nn.relu) >> nn.LayerNorm()
    return net


def far_and_back(x: Any) -> Any:
    return (x + 50_000) - 50_000


def thin_norm(x: Any) -> Any:
    """Divides by what is almost nothing."""
    return (1e-6 * x - xp.mean(1e-6 * x, axis=1, keepdims=True)) / (xp.std(1e-6 * x, axis=1, keepdims=True) + 1e-12)


def nothing_but_rounding(x: Any) -> Any:
    return 1 - xp.sum(nn.softmax(x), axis=1, keepdims=True)


def in_whole_numbers(x: Any) -> Any:
    return xp.round(100 * x) / 100


def best(x: Any) -> Any:
    return xp.argmax(x, axis=1)


def noisy(x: Any) -> Any:
    return x + mt.random.normal(mt.key(1), x.shape[1:])


APART = {
    "deep": deep(30),
    "deep and far": deep(10) >> nn.Dense(8) >> FAR,
    "far within": nn.Dense(8) >> FAR >> nn.Dense(8) >> nn.LayerNorm(),
    **{f.__name__: nn.Dense(8) >> mt.fn(f) for f in (far_and_back, thin_norm, nothing_but_rounding, in_whole_numbers)},
    **{f.__name__: nn.Dense(8) >> mt.fn(f) for f in (best, noisy)},
    "columns of unlike size": nn.Dense(8) >> mt.fn(lambda x: x * UNLIKE),
    "tiny": nn.Dense(8) >> mt.fn(lambda x: x * 1e-30),
    "to the power": nn.Dense(8) >> mt.fn(lambda x: xp.exp(xp.exp(x))),
    "sorted": nn.Dense(8) >> mt.fn(lambda x: xp.sort(x, axis=1)),
    "a matrix of each": nn.Dense(9) >> mt.fn(lambda x: xp.linalg.inv(xp.reshape(x, (-1, 3, 3)))),
}


def by_number(x: Any) -> Any:
    """The same, in a way that no proof sees through."""
    return xp.take(x, xp.arange(len(x)), axis=0)


@pytest.mark.parametrize("proved", [True, False], ids=["proved", "by numbers"])
@pytest.mark.parametrize("name", APART)
def test_what_keeps_apart_is_saved(name: str, proved: bool, tmp_path: Path) -> None:
    net = APART[name] if proved else APART[name] >> mt.fn(by_number)
    mt.save(net.init(mt.key(0), FEATURES), tmp_path / "net.mapsto")


@pytest.mark.parametrize("dtype", [xp.float16, xp.bfloat16, xp.float64])
def test_other_floats(dtype: Any, tmp_path: Path) -> None:
    net = (deep(10) >> nn.Dense(3)).init(mt.key(0), FEATURES).cast(dtype)
    mt.save(net >> mt.fn(by_number), tmp_path / "net.mapsto")
    with pytest.raises(mt.UsageError, match=r"SAVE-10"):
        mt.save(net >> mt.fn(near_batch_mean), tmp_path / "net.mapsto")
