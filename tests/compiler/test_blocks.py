"""Attention block by block: the same numbers, in little memory, on any number of threads."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.compiler import blocks
from mapsto.compiler.groups import Group
from mapsto.compiler.pipeline import planned
from tests.laws.interpreted import run_interpreted

SHAPES = [  # examples, heads, queries, keys, width
    (2, 3, 37, 41, 5),
    (1, 2, 64, 64, 8),
    (1, 1, 45, 70, 16),
    (3, 1, 29, 53, 7),
    (2, 2, 70, 33, 1),
]
MASKS = ["none", "causal", "boolean", "additive"]


def attention(mask):
    """q, k, v and a mask's numbers ↦ softmax(q kᵀ / √d + mask) v."""

    def attend(q, k, v, m):
        scores = q @ xp.moveaxis(k, -1, -2) / xp.sqrt(1.0 * q.shape[-1])
        if mask == "causal":
            places = xp.arange(q.shape[-2])[:, None] >= xp.arange(k.shape[-2])[None, :]
            scores = xp.where(places, scores, -xp.inf)
        elif mask == "boolean":
            scores = xp.where(m > 0, scores, -xp.inf)
        elif mask == "additive":
            scores = scores + m
        return nn.softmax(scores) @ v

    return attend


def drawn(shape, dtype=np.float32):
    """q, k, v, a mask with some queries that see nothing."""
    examples, heads, queries, keys, width = shape
    draw = np.random.default_rng(sum(shape))
    sizes = ((examples, heads, queries, width), *[(examples, heads, keys, width)] * 2, (examples, 1, queries, keys))
    q, k, v, m = (draw.normal(size=size).astype(dtype) for size in sizes)
    m[:, :, ::11] = -np.inf
    return q, k, v, m


def reference(function, arrays):
    """The same in float64."""
    with mt.interpret():
        return mt.compile(function)(*(array.astype(np.float64) for array in arrays))


def in_blocks(plan):
    return [step.blocks for step in plan.steps if isinstance(step, Group) and step.blocks is not None]


@pytest.fixture
def small(monkeypatch):
    """Blocks where there would be none, so small that there are several of them and a rest."""
    for name, number in dict(LARGE_ROW=64, BLOCK=1024, LEAST=4, UNITS=2).items():
        monkeypatch.setattr(blocks, name, number)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_numbers(small, shape, mask):
    function, arrays = attention(mask), drawn(shape)
    wanted = np.asarray(reference(function, arrays))
    run = mt.compile(function)
    found = run(*arrays)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6)
    (program,) = run.programs.values()
    (made,) = in_blocks(program.native.plan)
    assert made.cut and made.each > 1 and len(program.native.plan.steps) == 1
    assert (np.isnan(wanted).any(-1) == np.isnan(wanted).all(-1)).all()
    assert np.isnan(wanted).any() == (mask in ("boolean", "additive"))


@pytest.mark.parametrize("mask", ["none", "causal"])
def test_no_access_outside_of_a_buffer(small, mask):
    function, arrays = attention(mask), drawn((2, 1, 13, 19, 3))
    graph = mt.compile(function).graph_for(*arrays)
    assert in_blocks(planned(graph))
    (found,) = run_interpreted(graph, arrays)
    np.testing.assert_allclose(found, reference(function, arrays), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("mask", ["none", "causal", "additive"])
@pytest.mark.parametrize("shape", SHAPES[:4])
def test_the_same_gradients(small, shape, mask):
    def gradients(q, k, v, m):
        return mt.grad(lambda qkv: xp.sum(attention(mask)(*qkv, m) ** 2))((q, k, v))

    q, k, v, m = drawn(shape)
    arrays = q, k, v, np.where(np.isfinite(m), m, 0)
    run = mt.compile(gradients)
    for found, wanted in zip(run(*arrays), reference(gradients, arrays), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(np.asarray(wanted)).max())
    (program,) = run.programs.values()
    assert bool(in_blocks(program.native.plan)) == (shape[0] * shape[1] > 1)


@pytest.mark.parametrize("shape", [(1, 1, 1111, 1300, 24), (1, 3, 515, 700, 33)])
def test_long_rows_in_little_memory_on_any_number_of_threads(shape):
    run, arrays = mt.compile(attention("causal")), drawn(shape)
    before = mt.threads()
    found = []
    try:
        for count in (1, 2, 3, 4):
            mt.threads(count)
            found.append(np.asarray(run(*arrays)))
    finally:
        mt.threads(before)
    for one in found[1:]:
        np.testing.assert_array_equal(one, found[0])
    np.testing.assert_allclose(found[0], reference(attention("causal"), arrays), rtol=1e-5, atol=2e-6)
    (program,) = run.programs.values()
    (written,) = program.native.plan.written.values()
    assert written.chunks > 4 and program.native.memory.arena == 0
    assert program.native.memory.scratch < 2**20


def test_what_needs_all_lines_is_done_by_places():
    shape = (1, 4, 768, 768, 16)
    q, k, v, _ = drawn(shape)
    run = mt.compile(mt.grad(lambda qkv: xp.sum(attention("none")(*qkv, None) ** 2)))
    run((q, k, v))
    (program,) = run.programs.values()
    (made,) = in_blocks(program.native.plan)
    assert not made.cut and made.places == 4
    place = 4 * shape[2] * shape[3]  # bytes of the scores of one head
    assert program.native.memory.scratch < 3.5 * place and program.native.memory.arena < place


def test_a_result_that_is_no_larger_than_its_operands_goes_by_rows_or_tiles():
    x, w, u = (np.ones(size, np.float32) for size in ((2048, 300), (300, 400), (400, 10)))
    for function in (lambda x, w, u: xp.maximum(x @ w, 0.0) @ u, lambda x, w, u: nn.softmax(x @ w)):
        assert not in_blocks(planned(mt.compile(function).graph_for(x, w, u)))


@pytest.mark.parametrize("shape", [(2, 3, 37, 41, 5), (1, 4, 64, 50, 8)])
def test_the_backward_pass_computes_again_what_is_large(small, shape):
    examples, heads, queries, keys, width = shape

    def joined(q, k, v, m, w):
        """Heads side by side, so that the projection after them is another group's."""
        found = xp.moveaxis(attention("additive")(q, k, v, m), 1, 2)
        return xp.tanh(xp.reshape(found, (examples, queries, heads * width)) @ w)

    def gradients(q, k, v, m, w):
        return mt.grad(lambda tree: xp.sum(joined(*tree[:3], m, tree[3]) ** 2))((q, k, v, w))

    q, k, v, m = drawn(shape)
    w = np.random.default_rng(0).normal(size=(heads * width, 12)).astype(np.float32)
    arrays = q, k, v, np.where(np.isfinite(m), m, 0), w
    run = mt.compile(gradients)
    for found, wanted in zip(run(*arrays), reference(gradients, arrays), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(np.asarray(wanted)).max())
    (program,) = run.programs.values()
    plan = program.native.plan
    scores = examples * heads * queries * keys
    assert len(in_blocks(plan)) == 2
    assert max(plan.specs[number].size for number in plan.offsets) < scores
