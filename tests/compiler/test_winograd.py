"""Convolutions by tiles of 2×2, and places that no pooling reads: the same numbers, by other graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim
from mapsto.compiler.program import Native
from mapsto.compiler.rewrites import rewritten
from mapsto.compiler.rewrites.unread import without_unread
from mapsto.compiler.rewrites.winograd import by_tiles, fits, in_tiles
from mapsto.core.spec import Spec
from mapsto.ir.graph import Builder, Graph, Var, bind, building, run
from mapsto.prims.contract import Contract
from mapsto.prims.conv import Conv
from mapsto.prims.tiling import Tiling

Arrays = list[np.ndarray[Any, Any]]
SIZES = [(1, 7, 8, 0, 0), (7, 5, 5, 1, 1), (2, 3, 3, 2, 0), (1, 4, 9, 0, 3), (7, 6, 3, 0, 0), (1, 3, 4, 0, 0)]


def convolution(
    out: str, n: int, h: int, w: int, top: int, left: int, c: int = 3, o: int = 2, dtype: str = "float64"
) -> tuple[Graph, Arrays]:
    """A graph of one convolution, and numbers for its inputs."""
    y = (h + 2 * top - 2, w + 2 * left - 2)
    conv = Conv(out, (1, 1), (1, 1), (top, left), (h, w), (3, 3), y)
    shapes = {"x": (n, h, w, 1, c), "w": (3, 3, 1, c, o), "y": (n, *y, 1, o)}
    inputs = [Var(Spec(np.dtype(dtype), shapes[role])) for role in conv.roles]
    builder = Builder()
    with building(builder):
        result = bind(conv, *inputs)
    rng = np.random.default_rng(n * h + w)
    arrays = [rng.normal(size=x.spec.shape).astype(dtype) for x in inputs]
    return Graph(tuple(inputs), tuple(builder.nodes), (result,)), arrays


def tiled(graph: Graph) -> Graph:
    """The graph of one convolution, by tiles, whether that pays or not."""
    builder = Builder()
    conv = graph.nodes[0].primitive
    assert isinstance(conv, Conv)
    with building(builder):
        made = by_tiles(conv, *graph.inputs)
    return Graph(graph.inputs, tuple(builder.nodes), (made,))


def kinds(graph: Graph) -> list[type]:
    return [type(node.primitive) for node in graph.nodes]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("out", "ywx")
def test_tiles_are_the_convolution(out: str, size: tuple[int, ...]) -> None:
    graph, arrays = convolution(out, *size)
    other = tiled(graph)
    assert Conv not in kinds(other)
    assert kinds(other).count(Contract) == 1
    assert kinds(other).count(Tiling) == 6  # two axes of three operands
    np.testing.assert_allclose(run(other, arrays)[0], run(graph, arrays)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("out", "ywx")
def test_the_error_in_float32(out: str) -> None:
    """At most 3 times the direct sum's own; here 0.4 for y, whose sums are shorter, 1.5 for x, 1.9 for w."""
    graph, arrays = convolution(out, 7, 15, 13, 0, 0, 32, 32, "float32")
    exact = run(graph, [array.astype("float64") for array in arrays])[0]
    direct, tiles = (np.abs(run(one, arrays)[0] - exact).max() for one in (graph, tiled(graph)))
    assert tiles <= 3 * direct


# numbers that are large, infinite, or none


def tiled_natively(out: str, *size: int, dtype: str = "float32") -> tuple[Graph, Conv, Native, Arrays, int]:
    """A convolution, compiled by tiles, with numbers; and which of its operands is not the kernel."""
    graph, arrays = convolution(out, *size, dtype=dtype)
    conv = graph.nodes[0].primitive
    assert isinstance(conv, Conv)
    return graph, conv, Native(tiled(graph)), arrays, 1 - conv.roles.index("w")


def readers(conv: Conv, *place: int) -> np.ndarray[Any, Any]:
    """The results that read a place of x, or of y: those between which and the place the kernel has an entry."""
    near: Arrays = []
    for axis, number in enumerate(place):
        result = np.arange(conv.space(conv.out)[axis])
        entry = (number - result if conv.out == "y" else result - number) + conv.before[axis]
        near.append((entry >= 0) & (entry < 3))
    return np.logical_and.outer(*near)


@pytest.mark.parametrize("size", [(2, 7, 8, 0, 0), (1, 5, 6, 1, 1), (1, 4, 5, 2, 0)], ids=str)
@pytest.mark.parametrize("out", "yx")
def test_what_reads_an_infinity_may_be_nan(out: str, size: tuple[int, ...]) -> None:
    """Or is what the reference has; all other results, those of the same tile too, keep their bits."""
    graph, conv, native, arrays, operand = tiled_natively(out, *size)
    plain = native.run(arrays)[0].copy()
    for number in (np.inf, -np.inf, np.nan):
        lost, read = 0, 0
        for place in np.ndindex(arrays[operand].shape[1:3]):
            given = [array.copy() for array in arrays]
            given[operand][(0, *place, 0, 1)] = number
            expected, found = run(graph, given)[0], native.run(given)[0]
            met = np.zeros(found.shape, bool)
            met[0, readers(conv, *place)] = True
            np.testing.assert_array_equal(found[~met], plain[~met])
            kept = met & ~np.isnan(found)
            np.testing.assert_array_equal(found[kept], expected[kept])
            lost, read = lost + np.isnan(found).sum(), read + met.sum()
        assert (lost == read) if np.isnan(number) else (read / 2 < lost < read)  # about three quarters


@pytest.mark.parametrize("out", "yx")
def test_an_infinite_weight_stays_in_its_channel(out: str) -> None:
    _, _, native, arrays, operand = tiled_natively(out, 2, 7, 8, 1, 1)
    plain = native.run(arrays)[0].copy()
    arrays[1 - operand][1, 2, 0, 1, 1] = np.inf
    found = native.run(arrays)[0]
    other = np.arange(found.shape[-1]) != 1
    np.testing.assert_array_equal(found[..., other], plain[..., other])
    assert not np.isfinite(found[..., 1]).all()


@pytest.mark.parametrize("weight", [1.0, 1e-3])
@pytest.mark.parametrize("out", "yx")
def test_how_large_numbers_may_be(out: str, weight: float) -> None:
    """Up to where 4·|x| or 64·c·|x|·|w| is the largest number there is; beyond it, tiles have too much to add up."""
    graph, _, native, arrays, operand = tiled_natively(out, 2, 7, 8, 1, 1)
    channels = arrays[operand].shape[-1]
    largest = float(np.finfo(np.float32).max)

    def both(size: float) -> Arrays:
        """What tiles make of numbers of this size, and what they should."""
        given = [np.sign(array) * np.float32(weight) for array in arrays]
        given[operand] = np.sign(arrays[operand]) * np.float32(size)
        return [native.run(given)[0], run(graph, [array.astype("float64") for array in given])[0]]

    size = 0.99 * largest / max(4, 64 * channels * weight)
    found, expected = both(size)
    np.testing.assert_allclose(found, expected, rtol=0, atol=9 * channels * size * weight * 1e-6)
    found, expected = both(0.9 * largest)
    fine = np.abs(expected) < 0.1 * largest
    assert fine.any() and not np.isfinite(found[fine]).all()


def test_a_large_number_times_zero_is_felt() -> None:
    """A result is made of products of all that it reads with all of the kernel: beside 1e8, units are lost."""
    graph, _, native, arrays, _ = tiled_natively("y", 1, 6, 6, 0, 0)
    arrays[0][0, 1, 1, 0, 0] = 1e8
    arrays[1][:, :, 0, 0, :] = 1
    arrays[1][1, 1, 0, 0, :] = 0  # what the first result multiplies it by
    error = np.abs(native.run(arrays)[0] - run(graph, arrays)[0])[0, 0, 0]
    assert 0.1 < error.max() < 64


def test_where_it_pays() -> None:
    """Many channels, some tiles, and what a cache has room for."""

    def taken(*size: int, dtype: str = "float32") -> bool:
        graph, _ = convolution("y", *size, dtype=dtype)
        return fits(graph.nodes[0])

    assert taken(8, 15, 15, 0, 0, 32, 64)
    assert taken(1, 14, 14, 0, 0, 32, 64)
    assert not taken(8, 32, 32, 0, 0, 3, 32)  # few channels: as much to transform as to multiply
    assert not taken(1, 6, 6, 0, 0, 64, 64)  # four tiles: the kernel's own transform is more
    assert not taken(1, 224, 224, 1, 1, 64, 64)  # would leave the cache
    assert not taken(8, 6, 6, 0, 0, 256, 256)
    assert not taken(8, 15, 15, 0, 0, 32, 64, dtype="float16")  # sums would be rounded once more
    graph, _ = convolution("w", 8, 15, 15, 0, 0, 32, 64, "float32")
    assert in_tiles(graph) is graph  # moves as much as it saves


def net_of(*layers: mt.Mapping | Callable[..., Any], x: Any) -> mt.Mapping:
    net = layers[0]
    for layer in layers[1:]:
        net = net >> layer  # type: ignore[operator]
    return net.init(mt.key(0), x)  # type: ignore[union-attr]


def example(n: int) -> tuple[mt.Mapping, Any]:
    """A net in which one convolution pays, and its pooling leaves out a row and a column."""
    x = np.random.default_rng(n).normal(size=(n, 15, 15, 32)).astype("float32")
    layers = nn.Conv2D(64, 3), nn.relu, nn.MaxPool2D(2), nn.Conv2D(16, 3), nn.Flatten(), nn.Dense(10)
    return net_of(*layers, x=x), x


@pytest.mark.parametrize("n", [1, 7])
def test_a_net_compiled(n: int) -> None:
    net, x = example(n)
    answer = mt.compile(lambda net, x: net(x))
    with mt.interpret():
        expected = np.asarray(answer(net, x))
    graph = rewritten(answer.graph_for(net, x))
    assert Tiling in kinds(graph)
    found = np.asarray(answer(net, x))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
    before = mt.threads()
    try:
        for count in (1, 2, 3):
            mt.threads(count)
            np.testing.assert_array_equal(np.asarray(answer(net, x)), found)
    finally:
        mt.threads(before)


def test_a_training_step_compiled() -> None:
    net, x = example(7)
    y = np.arange(7) % 10

    @mt.compile
    def step(net: Any, opt: Any) -> Any:
        loss, slopes = mt.value_and_grad(lambda net: losses.cross_entropy(net(x), y).mean())(net)
        return loss, opt.step(net, slopes)[0]

    opt = optim.sgd(0.1).init(net)
    with mt.interpret():
        expected = mt.parameters(step(net, opt)[1])
    for path, found in mt.parameters(step(net, opt)[1]).items():
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected[path]), rtol=1e-4, atol=1e-5)


def test_what_no_pooling_reads_is_left_out() -> None:
    """Forwards and backwards: the same results, from convolutions of 12 × 12 places instead of 13."""
    net, x = example(7)

    @mt.compile
    def slopes(net: Any, x: Any) -> Any:
        return mt.grad(lambda pair: (pair[0](pair[1]) ** 2).sum())((net, x))

    graph = slopes.graph_for(net, x)
    other = without_unread(graph)
    first = [
        node.primitive for node in other.nodes if isinstance(node.primitive, Conv) and 15 in node.primitive.x_extent
    ]
    assert sorted(conv.out for conv in first) == ["w", "x", "y"]
    assert {conv.y_extent for conv in first} == {(12, 12)}
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=var.spec.shape).astype(var.spec.dtype) for var in graph.inputs]
    for found, expected in zip(run(other, arrays), run(graph, arrays), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_what_is_read_elsewhere_too_stays() -> None:
    x = np.random.default_rng(0).normal(size=(2, 7, 7, 4)).astype("float32")
    net = net_of(nn.Conv2D(4, 3), x=x)

    @mt.compile
    def both(net: Any, x: Any) -> Any:
        y = net(x)
        return nn.MaxPool2D(2)(y), y

    graph = both.graph_for(net, x)
    assert without_unread(graph) is graph
