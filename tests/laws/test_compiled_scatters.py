"""What goes by index or along an axis, compiled: no host step, the reference's bits, for any number of threads.

In every element type, with collisions, negative and missing indices, several axes, and shapes of several chunks and
blocks; nothing is added up more often than once, so large tables cost what they hold and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.compiler.fuse import Fusion, HostStep, Stage
from mapsto.compiler.pipeline import planned
from mapsto.compiler.program import Native
from mapsto.compiler.terms import folds
from mapsto.core.errors import IndexRangeError
from mapsto.core.spec import DTYPES, FLOAT32, FLOAT64, DType, Spec, is_float
from mapsto.ir.graph import Builder, Graph, Var, run
from mapsto.ir.primitive import Primitive
from mapsto.prims.cumulative import CumMax, CumMin, CumProd, CumSum, Recurrence
from mapsto.prims.index import LastPut, PutAdd
from mapsto.target.threads import threads
from tests.laws.interpreted import run_interpreted
from tests.laws.samples import CASES, Array, assert_close, one_node
from tests.laws.variants import VARIANTS

NUMBERS = [dtype for name, dtype in DTYPES.items() if name != "bool"]


def applied(primitive: Primitive, *inputs: Array) -> Graph:
    """The graph of one node for these inputs."""
    variables = tuple(Var(Spec(array.dtype, array.shape)) for array in inputs)
    builder = Builder()
    outputs = builder.add(primitive, variables)
    return Graph(variables, tuple(builder.nodes), outputs)


def same_bits(primitive: Primitive, *inputs: Array) -> None:
    """Natively as by the reference, one node by itself."""
    graph = applied(primitive, *inputs)
    assert not on_host(graph)
    for found, wanted in zip(Native(graph).run(inputs), run(graph, inputs), strict=True):
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert found.tobytes() == wanted.tobytes()


def on_host(graph: Graph) -> list[str]:
    """The primitives of a graph that the reference has to do: those without formulas, but for what has only bodies."""
    if not any(isinstance(step, HostStep) for step in Fusion(graph).steps):
        return []
    return [step.node.primitive.name for step in planned(graph).steps if isinstance(step, HostStep)]


def numbers(rng: np.random.Generator, dtype: DType, shape: Sequence[int]) -> Array:
    """Seeded numbers; those of floats have many digits, zeros of both signs among them."""
    if not is_float(dtype):
        return rng.integers(0, 100, shape).astype(dtype)
    found = rng.standard_normal(shape)
    return np.where(rng.random(shape) < 0.1, -0.0, found).astype(dtype)


def test_the_host_sorts_and_solves_and_does_nothing_else() -> None:
    names = {name for case in (*CASES.values(), *VARIANTS.values()) for name in on_host(one_node(case))}
    lapack = {"cholesky", "cofactors", "det", "eigh", "log_det", "pseudo_inverse", "qr", "solve", "svd"}
    assert names == {"sort", *lapack}


# batch axes, size, shape of the index, shape of what follows
SHAPES = [
    (0, 5, (40,), ()),
    (0, 5, (40,), (3,)),
    (0, 300, (17, 5), (33,)),
    (0, 1, (9,), (2, 1, 3)),
    (0, 40, (0,), (4,)),
    (0, 7, (0, 3), ()),
    (1, 6, (3, 20), (5,)),
    (2, 4, (2, 3, 2, 5), (2, 2)),
    (1, 9, (1, 30), (1,)),
    (1, 4, (5, 0), (3,)),
    (2, 4, (2, 3), (3,)),
]


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_is_put_together(shape: tuple[int, int, tuple[int, ...], tuple[int, ...]], dtype: DType) -> None:
    """Collisions are added in the order of the indices, of every type of integers."""
    batch, size, places, rest = shape
    rng = np.random.default_rng(sum(places))
    kinds = [kind for kind in NUMBERS if not is_float(kind)]
    index = rng.integers(0, min(size, 127), places).astype(kinds[NUMBERS.index(dtype) % len(kinds)])
    same_bits(PutAdd(batch, size), numbers(rng, dtype, (*places, *rest)), index)
    same_bits(LastPut(batch, size), index)


ALONG = [((7,), 0), ((1,), 0), ((5, 40), 0), ((40, 5), 1), ((3, 9, 20), 1), ((2, 3, 1), 2), ((70, 6), 1), ((3, 200), 0)]
RUNS: list[type[CumSum | CumProd | CumMax | CumMin | Recurrence]] = [CumSum, CumProd, CumMax, CumMin, Recurrence]


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_running_folds(kind: type[Any], dtype: DType) -> None:
    for number, (shape, axis) in enumerate(ALONG):
        rng = np.random.default_rng(number)
        inputs = [numbers(rng, dtype, shape) for _ in range(2 if kind is Recurrence else 1)]
        for reverse in (False, True):
            primitive = kind(axis, reverse)
            if kind is not Recurrence:
                same_bits(primitive, *inputs)
                continue
            graph = applied(primitive, *inputs)  # a product and a sum may be rounded once
            assert not on_host(graph)
            assert_close(Native(graph).run(inputs)[0], run(graph, inputs)[0])


def test_extremes_know_nan() -> None:
    nan, inf = np.nan, np.inf
    rows = np.array([[1.0, nan, 2.0, nan, inf], [nan, -inf, nan, 3.0, 3.0], [-0.0, 0.0, -0.0, -inf, inf]])
    for dtype in (FLOAT64, FLOAT32, DTYPES["f16"], DTYPES["bf16"]):
        for kind in (CumMax, CumMin):
            for reverse in (False, True):
                same_bits(kind(1, reverse), rows.astype(dtype))
                same_bits(kind(0, reverse), np.tile(rows.T, 9).astype(dtype))


def held(f: Callable[..., Any], *given: Any) -> None:
    """A function compiled: no host step, close to the reference, the same bits for any number of threads."""
    compiled = mt.compile(f)
    graph = mt.graph(f)(*given).graph
    assert not on_host(graph)
    with mt.interpret():
        wanted = compiled(*given)
    before, bits = threads(), set[bytes]()
    try:
        for count in (1, 2, 3):
            threads(count)
            found = compiled(*given)
            bits.add(np.asarray(found).tobytes())
    finally:
        threads(before)
    assert len(bits) == 1
    assert_close(np.asarray(found), np.asarray(wanted))


def test_fused_with_what_is_around() -> None:
    """Values that are computed on the way, transposed places, updates of what comes out, and the same once more."""
    rng = np.random.default_rng(0)
    x = xp.asarray(rng.standard_normal((700, 24)))
    u = xp.asarray(rng.standard_normal((60, 9, 24)))
    index = xp.asarray(rng.integers(-700, 700, (60, 9)))
    held(lambda x, u, index: xp.put_add(x, index, xp.tanh(u) * 3) * 2 - x, x, u, index)
    held(lambda x, u, index: xp.put(x, index, u + 1), x, u, index)
    held(lambda x, u, index: xp.put_add(x.T, index.T, xp.permute_dims(u, (2, 1, 0)), axis=1), x, u, index)
    held(
        lambda x, u, index: xp.put_add(xp.put_add(x, index, u), index % 5, xp.sum(u, axis=2, keepdims=True)),
        x,
        u,
        index,
    )
    held(lambda x, u, index: xp.cumulative_sum(xp.exp(-u), axis=1) / xp.sum(u**2, axis=1, keepdims=True), x, u, index)
    held(
        mt.grad(lambda x, u, index: xp.sum(xp.cumulative_prod(xp.take(x, abs(index), axis=0), axis=1) * u)), x, u, index
    )
    held(mt.grad(lambda x, u, index: xp.sum(xp.put(x, index, u, axis=0) ** 3), argnums=1), x, u, index)
    held(mt.vmap(lambda x, u: xp.put_add(x, xp.asarray([0, 2, -1, 2, 0, 0, 1, 1, 5]), u)), u[:, :7], u)


@pytest.mark.parametrize("function", [xp.put, xp.put_add])
def test_an_index_out_of_range_is_the_reference_s_error(function: Callable[..., Any]) -> None:
    compiled = mt.compile(lambda x, index, u: function(x, index, u))
    x, u = xp.zeros((4, 2)), xp.ones((2, 2))
    for wrong in (4, -5):
        texts: list[str] = []
        for context in (mt.interpret, None):
            with pytest.raises(IndexRangeError) as caught:
                if context is None:
                    compiled(x, xp.asarray([0, wrong]), u)
                else:
                    with context():
                        compiled(x, xp.asarray([0, wrong]), u)
            texts.append(str(caught.value))
        assert texts[0] == texts[1]


def test_arrays_without_elements_are_there() -> None:
    empty, x = xp.zeros((0, 3)), xp.ones((2, 3))
    f = mt.compile(
        lambda empty, x: (xp.exp(empty), xp.sum(empty, axis=0), xp.concat([empty, x]), empty @ x.T, x[:, :0] @ empty)
    )
    with mt.interpret():
        wanted = f(empty, x)
    for found, one in zip(f(empty, x), wanted, strict=True):
        np.testing.assert_array_equal(found, one, strict=True)
    take = mt.compile(lambda x, index: xp.take(x, index, axis=0))
    assert take(xp.zeros((3, 0)), xp.asarray([0, 2])).shape == (2, 0)
    for few in (xp.zeros((3, 0)), xp.zeros((0, 3))):
        with pytest.raises(IndexRangeError):
            take(few, xp.asarray([0, 3]))


class Bag(mt.Mapping):
    """i64[n, t] ↦ logits f32[n, 3]: the mean of the rows of a table, and a dense layer."""

    def __init__(self, rows: int, width: int) -> None:
        self.table = nn.Embedding(rows, width)
        self.head = nn.Dense(3)

    def __call__(self, x: Any) -> Any:
        return self.head(xp.mean(self.table(x), axis=1))


def step(net: Any, opt: Any, x: Any, y: Any) -> Any:
    loss, gradients = mt.value_and_grad(lambda net: losses.cross_entropy(net(x), y).mean())(net)
    net, opt = opt.step(net, gradients)
    return net, opt, loss


def test_a_step_with_an_embedding_is_one_launch() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3000, (40, 25)), rng.integers(0, 3, 40)
    net = Bag(3000, 24).init(mt.key(0), x[:1])
    opt = optim.adam(1e-3).init(net)
    native = Native(mt.graph(step)(net, opt, x, y).graph)
    assert native.alone and len(native.parts) == 1
    scattered = [one for one in native.plan.fusion.steps if isinstance(one, Stage) and one.scatter is not None]
    assert len(scattered) == 1
    others = [
        fold
        for one in native.plan.fusion.steps
        if isinstance(one, Stage) and one not in scattered
        for fold in folds(one.formula)
    ]
    assert all(fold.index.extent != x.size for fold in others)  # nobody goes through the indices again
    held(lambda net, opt, x, y: step(net, opt, x, y)[0].table.weight, net, opt, x, y)


def test_work_grows_with_rows_and_indices_not_with_their_product() -> None:
    """Term by term for every element, this would be 10¹² additions."""
    rng = np.random.default_rng(0)
    same_bits(PutAdd(0, 200_000), numbers(rng, FLOAT32, (100_000, 50)), rng.integers(0, 200_000, 100_000))
    g, index = numbers(rng, FLOAT32, (50, 16)), rng.integers(0, 2000, 50)
    graph = applied(PutAdd(0, 2000), g, index)
    assert run_interpreted(graph, [g, index])[0].tobytes() == run(graph, [g, index])[0].tobytes()
