"""What `simplify` makes of a graph: shown before and after, and the same bits for every special number."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.core.spec import DTYPES, parse_spec
from mapsto.ir.graph import Builder, Graph, Var, bind, building, live_nodes, run
from mapsto.ir.show import show
from mapsto.prims.compare import LessEqual, Maximum, select
from mapsto.prims.elementwise import Mul, constant_like
from mapsto.prims.window import WindowPick
from mapsto.prims.window_max import WindowArgMax, WindowMax
from mapsto.transform.simplify import simplify

NUMBERS = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 6.0, 7.0, 1e-40, -1e-40, -6.0]
FLOATS = np.array(NUMBERS, np.float32)
PLANES = np.resize(FLOATS, (2, 6, 7, 3))  # 252 numbers: their order is another one in every window


def before_and_after(function, *arrays):
    """The texts of a function's graph as traced and simplified, which yield the same bits."""
    call, program = mt.compile(function).prepare(arrays, {})
    traced = program.traced
    traced = Graph(traced.inputs, tuple(live_nodes(traced)), traced.outputs)
    inputs = [array.data for array in call.arrays]
    for found, wanted in zip(run(program.graph, inputs), run(traced, inputs), strict=True):
        assert (found.dtype, found.shape, found.tobytes()) == (wanted.dtype, wanted.shape, wanted.tobytes())
    return show(traced), show(program.graph)


def with_gradient(function):
    """x, g ↦ the function's value and its cotangent."""

    def both(x, g):
        y, back = mt.vjp(function, x)
        return y, back(g)[0]

    return both


# masks asked of a clamp


def test_the_mask_of_relu_is_asked_of_relu():
    before, after = before_and_after(with_gradient(nn.relu), FLOATS, FLOATS[::-1].copy())
    assert "maximum(d, a)" in before and "less_equal(a, d)" in before
    assert "e: f32[12] = maximum(d, a)" in after and "less_equal(e, d)" in after
    before, after = before_and_after(mt.grad(lambda x: xp.sum(nn.relu(x) * 0)), FLOATS)
    assert "maximum" not in before + after  # which is not kept here


def test_the_masks_of_relu6_are_asked_of_relu6():
    before, after = before_and_after(with_gradient(nn.relu6), FLOATS, FLOATS)
    assert "less_equal(a, d)" in before and "less_equal(g, e)" in before
    assert "h: f32[12] = minimum(g, e)" in after
    assert "less_equal(h, d)" in after and "less_equal(g, h)" in after


COMPARISONS = {
    "x <= c": lambda x, c: x <= c,
    "x < c": lambda x, c: x < c,
    "x >= c": lambda x, c: x >= c,
    "x > c": lambda x, c: x > c,
}
CLAMPS = {"max": xp.maximum, "min": xp.minimum, "swapped": lambda a, x: xp.maximum(x, a)}
CHANGED = {  # which comparisons with 0 a clamp by -1, 0 and 1 can answer
    "max": {"x <= c": (-1, 0), "x < c": (-1,), "x >= c": (-1,), "x > c": (-1, 0)},
    "min": {"x <= c": (1,), "x < c": (0, 1), "x >= c": (0, 1), "x > c": (1,)},
}


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("clamp", CLAMPS)
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8"])
def test_clamps_answer_where_they_can(comparison, clamp, dtype):
    with np.errstate(invalid="ignore"):
        x = FLOATS.astype(DTYPES[dtype])
    for bound in (-1, 0, 1, *([] if dtype == "i8" else [np.nan, -0.0])):
        function = lambda x, a=bound: (CLAMPS[clamp](a, x), COMPARISONS[comparison](x, 0))
        before, after = before_and_after(function, x)
        clamps = CHANGED["min" if clamp == "min" else "max"][comparison]
        assert (before != after) == (bound in clamps), (bound, before, after)


def test_a_clamp_by_an_array_is_no_clamp():
    before, after = before_and_after(lambda x, y: (xp.maximum(x, y), x <= 0.0), FLOATS, FLOATS[::-1].copy())
    assert before == after


# masks behind windows


def test_a_mask_before_a_pooling_is_asked_of_the_pooled():
    """The large array is needed for the numbers of the largest elements only."""
    pooled = lambda x: nn.MaxPool2D(2)(nn.relu(x))
    before, after = before_and_after(with_gradient(pooled), PLANES, PLANES[:, :3, :3])
    assert "e: f32[2,6,7,3] = maximum(d, a)" in before and "select(i, d, k)" in before
    assert "m: f32[2,6,7,3] = mul(h, l)" in before
    wanted = """
  e: f32[2,6,7,3] = maximum(d, a)
  f: f32[2,3,3,3] = window_max(e)
  g: u8[2,3,3,3] = window_arg_max(e)
  h: f32[] = const(text="1.0", dtype="f32")
  i: f32[2,3,3,3] = broadcast(c)
  j: bool[2,3,3,3] = less_equal(f, i)
  k: f32[2,3,3,3] = broadcast(h)
  l: f32[2,3,3,3] = select(j, i, k)
  m: f32[2,3,3,3] = mul(b, l)
  n: f32[2,6,7,3] = window_pick(m, g)
  return f, n"""
    assert "\n".join(line.split(";")[0] + ")" * (";" in line) for line in after.split("\n")).endswith(wanted)


@pytest.mark.parametrize("sort", ["relu6", "two masks", "two pools", "gaps", "padded", "a slope"])
def test_masks_move_behind_windows(sort):
    pool = nn.MaxPool2D(2)
    slope = mt.fn(lambda x: xp.maximum(x, 0.0) + xp.where(x < 2.0, 0.25, 0.5))
    net = {
        "relu6": nn.relu6 >> pool,
        "two masks": mt.fn(lambda x: xp.minimum(1.0, xp.maximum(-1.0, x))) >> pool,
        "two pools": nn.relu >> pool >> pool,
        "gaps": nn.relu >> nn.MaxPool2D(2, stride=3),
        "padded": nn.relu >> nn.MaxPool2D(3, padding=1),
        "a slope": slope >> nn.relu >> pool,
    }[sort]
    _, after = before_and_after(with_gradient(net), PLANES, np.resize(FLOATS, net(PLANES).shape))
    lines = after.split("\n")
    picked = [i for i, line in enumerate(lines) if "window_pick" in line]
    large = [line for line in lines[picked[0] :] if "[2,6,7,3] = mul" in line]
    assert len(large) == (sort == "a slope")  # the other mask is of what stands before relu


def test_masks_stay_where_sums_or_signs_would_differ():
    """Overlapping windows add up: (-1) · 0 is -0, a sum of such is 0. And a mask with a minus makes -0 of nothing."""
    flipped = lambda x: xp.where(x <= 0.0, xp.zeros_like(x), -xp.ones_like(x))
    for net in (nn.relu >> nn.MaxPool2D(3, stride=2), nn.relu >> nn.MaxPool2D(2, dilation=2)):
        before, after = before_and_after(with_gradient(net), PLANES, np.resize(-FLOATS, net(PLANES).shape))
        assert "[2,6,7,3] = mul(" in before and "[2,6,7,3] = mul(" in after
    pool = nn.MaxPool2D(2)

    def masked(x, g):
        y, back = mt.vjp(pool, x)
        return y, back(g)[0] * flipped(x), back(g)[0] * xp.where(x <= 0.0, xp.zeros_like(x), xp.full_like(x, xp.inf))

    _, after = before_and_after(masked, PLANES, PLANES[:, :3, :3])
    assert after.count("[2,6,7,3] = mul(") == 2 and after.count("window_pick") == 1


def test_masks_of_other_windows_stay():
    """Another array's mask, and another pooling's maximum, say nothing of what is picked."""
    pool, other = nn.MaxPool2D(2), nn.MaxPool2D(3)

    def masked(x, y, g):
        (ours,) = mt.vjp(pool, x)[1](g)
        return other(x), pool(y), ours * xp.where(x <= 0.0, 0.0, 1.0), ours * xp.where(y <= 0.0, 0.0, 1.0)

    _, after = before_and_after(masked, PLANES, PLANES[::-1].copy(), PLANES[:, :3, :3])
    assert after.count("[2,6,7,3] = mul(") == 2


def test_masks_stay_where_the_choice_is_not_that_of_the_windows():
    """Numbers from anywhere, or from windows that lie elsewhere, do not pick the largest of these windows."""
    square = (2, 2), (2, 2), (1, 1)
    own, moved = WindowMax(*square, (0, 0), (3, 3)), WindowArgMax(*square, (1, 1), (3, 3))
    pick = WindowPick("x", *square, (0, 0), (6, 6), (3, 3))
    x, g, given = (Var(parse_spec(text)) for text in ("f32[2,6,6,3]", "f32[2,3,3,3]", "u8[2,3,3,3]"))
    for chosen in (None, given):
        builder = Builder()
        with building(builder):
            largest = bind(own, x)
            picked = bind(pick, g, bind(moved, x) if chosen is None else chosen)
            zero, one = (constant_like(x, number) for number in (0.0, 1.0))
            masked = bind(Mul(), picked, select(bind(LessEqual(), x, zero), zero, one))
        graph = Graph((x, g, given), tuple(builder.nodes), (largest, masked))
        assert show(simplify(graph)) == show(graph)


def test_second_derivatives_of_masked_windows():
    """Of (max relu x)² by windows: the derivative is 2·relu(x) at what was chosen; and its derivative, along g, 2·g."""
    net = nn.relu >> nn.MaxPool2D(2)
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, 2, 6, 6, 3))
    gradient = mt.grad(lambda x: xp.sum(net(x) ** 2))
    product = mt.compile(lambda x, v: (gradient(x), mt.jvp(gradient, (x,), (v,))[1]))
    first, second = (np.asarray(one) for one in product(x, v))
    blocks = lambda x: x.reshape(2, 3, 2, 3, 2, 3).transpose(0, 1, 3, 5, 2, 4).reshape(2, 3, 3, 3, 4)
    ours, along = blocks(x), blocks(v)
    chosen = (ours == ours.max(-1, keepdims=True)) & (ours > 0)
    np.testing.assert_array_equal(blocks(first), np.where(chosen, 2 * ours, 0))
    np.testing.assert_array_equal(blocks(second), np.where(chosen, 2 * along, 0))


# layouts


def chain(*steps):
    """Shapes (lists) and orders of axes (tuples) ↦ the function that takes them one after another."""

    def run(x):
        for step in steps:
            x = xp.permute_dims(x, step) if isinstance(step, tuple) else xp.reshape(x, tuple(step))
        return x

    return run


def test_moves_of_single_places_are_reshapes():
    before, after = before_and_after(chain([3, 1, 4], (1, 0, 2), [3, 1, 4], (0, 2, 1)), FLOATS)
    assert before.count("transpose") == 2 and before.count("reshape") == 2
    assert after == "graph(a: f32[12]):\n  b: f32[3,4,1] = reshape(a; shape=[3, 4, 1])\n  return b"
    _, after = before_and_after(chain([1, 12], (1, 0), [12]), FLOATS)
    assert after == "graph(a: f32[12]):\n  return a"
    before, after = before_and_after(chain([3, 1, 4], (2, 0, 1), (1, 2, 0)), FLOATS)
    assert before.count("transpose") == 2 and "transpose" not in after
    before, after = before_and_after(chain([3, 1, 4], (2, 1, 0)), FLOATS)
    assert before == after


def test_an_axis_that_was_kept_for_broadcasting_is_not_made():
    before, after = before_and_after(lambda x: x - xp.max(x, axis=1, keepdims=True), FLOATS.reshape(3, 4))
    assert "reshape" in before and "reshape" not in after
    assert "broadcast(b; shape=[3, 4], axes=[0])" in after
    column = lambda x: xp.broadcast_to(xp.reshape(x, (1, 12, 1)), (2, 12, 3))
    assert "broadcast(a; shape=[2, 12, 3], axes=[1])" in before_and_after(column, FLOATS)[1]
    split = lambda x: xp.broadcast_to(xp.reshape(x, (3, 4)), (2, 3, 4))
    assert "reshape" in before_and_after(split, FLOATS)[1]


def test_divisions_by_one_are_none():
    before, after = before_and_after(lambda x: (x / 1 * 1, 1 / x), FLOATS)
    assert before.count("div") == 2 and after.count("div") == 1 and "mul" not in after


def test_no_large_array_is_asked_for_a_mask_in_the_step_of_a_small_network():
    net = nn.Conv2D(3, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(2)
    net = net.init(mt.key(0), xp.ones((1, 8, 8, 1)))
    step = mt.compile(mt.value_and_grad(lambda net, x: xp.sum(net(x) ** 2)))
    nodes = step.graph_for(net, xp.ones((4, 8, 8, 1))).nodes
    users = lambda var: sorted(node.primitive.name for node in nodes if var in node.inputs)
    (relu,) = [node for node in nodes if isinstance(node.primitive, Maximum)]
    assert users(relu.outputs[0]) == ["window_arg_max", "window_max"]
    assert [users(var) for var in relu.inputs] == [["maximum"], ["maximum"]]
