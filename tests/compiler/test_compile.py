"""`mt.compile`: when it traces, what it captures, what it gives away, and how it nests."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp


def counted(function):
    """A function that counts its traces, and the list it counts in."""
    traces = []

    def traced(*args):
        traces.append(args)
        return function(*args)

    return traced, traces


def vector(*numbers):
    return xp.asarray([float(number) for number in numbers])


# when it traces


def test_compiled_equals_eager_and_traces_once():
    function, traces = counted(lambda x, y: xp.tanh(x) @ y + xp.sum(x) * 2)
    compiled = mt.compile(function)
    for seed in range(3):
        x, y = mt.random.normal(mt.key(seed), (3, 4)), mt.random.normal(mt.key(seed + 10), (4,))
        np.testing.assert_allclose(compiled(x, y), function(x, y), rtol=1e-6, strict=True)
    assert len(traces) == 1 + 3  # the trace, and the three eager calls


def test_python_numbers_do_not_trace_anew():
    function, traces = counted(lambda x, rate, n: x * rate + n)
    compiled = mt.compile(function)
    assert [float(compiled(vector(1.0), rate, n)[0]) for rate, n in [(0.5, 1), (2.0, 3), (-1.0, 0)]] == [1.5, 5.0, -1.0]
    assert len(traces) == 1
    compiled(vector(1.0), 2, 1)  # an integer where a float stood is another type
    assert len(traces) == 2


@pytest.mark.parametrize(
    "function",
    [
        lambda w, r, n: w * r,
        lambda w, r, n: w - r / (1 + n),
        lambda w, r, n: w * (r * n) ** 2,
        lambda w, r, n: w * (2.0 * r),
        lambda w, r, n: w * xp.where(r > 0, r, 0.0),
        lambda w, r, n: w * xp.mean(xp.exp(-r) * r**n),
        lambda w, r, n: w + xp.stack([r, r]),
        lambda w, r, n: w * mt.value_and_grad(lambda r: r * 2.0)(r)[0],
    ],
)
def test_weak_numbers_take_the_type_of_what_they_meet(function):
    for dtype in (xp.float32, xp.float64, xp.float16):
        if dtype != xp.float16 or function(xp.ones(2, dtype=dtype), 0.5, 3).dtype == dtype:
            assert mt.compile(function)(xp.ones(2, dtype=dtype), 0.5, 3).dtype == dtype


def test_weak_numbers_keep_their_precision():
    found = mt.compile(lambda w, r: w * r)(xp.ones(1, dtype=xp.float64), 0.1)
    assert float(found[0]) == 0.1


def test_weak_results_are_of_the_default_types():
    found = mt.compile(lambda r, n: (r, n, r * n, r * 2.0, n + 1, r > 0))(0.5, 3)
    assert [str(x.spec) for x in found] == ["f32[]", "i64[]", "f32[]", "f32[]", "i64[]", "bool[]"]


def test_it_traces_anew_for_shapes_types_and_structures():
    function, traces = counted(lambda tree: tree["a"] * 2)
    compiled = mt.compile(function)
    for tree in (
        {"a": xp.ones(2)},
        {"a": xp.zeros(2)},  # the same
        {"a": xp.ones(3)},
        {"a": xp.ones(2, dtype=xp.float64)},
        {"a": xp.ones(2), "b": xp.ones(2)},
        {"a": xp.ones(2), "b": None},
        {"b": None, "a": xp.ones(2)},
    ):
        compiled(tree)
    assert len(traces) == 6


def test_mappings_are_compared_by_value():
    function, traces = counted(lambda net, x: net(x))
    compiled = mt.compile(function)

    def made(seed, units=3, rate=0.5):
        return (nn.Dense(units) >> nn.relu >> nn.Dropout(rate)).init(mt.key(seed), xp.ones((1, 2)))

    for net in (made(0), made(1), made(0, units=4), made(0, rate=0.4)):
        np.testing.assert_array_equal(compiled(net, xp.ones((5, 2))), net(xp.ones((5, 2))), strict=True)
    assert len(traces) == 3
    compiled(mt.freeze(made(0), "dense_1.bias"), xp.ones((5, 2)))
    assert len(traces) == 4


class Setting:
    """A static value that is equal by what it holds."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Setting) and self.value == other.value

    def __hash__(self):
        return hash(self.value)


def test_static_arguments_are_part_of_the_program_by_value():
    function, traces = counted(lambda x, how: x * 2 if how == Setting("twice") else -x)
    compiled = mt.compile(lambda x, how: function(x, how), static=("how",))
    assert float(compiled(1.0, Setting("twice"))) == 2.0
    assert float(compiled(3.0, Setting("twice"))) == 6.0
    assert len(traces) == 1
    assert float(compiled(1.0, Setting("minus"))) == -1.0
    assert len(traces) == 2
    assert mt.compile(lambda x, n: x.reshape(n, -1), static="n")(xp.ones(6), 2).shape == (2, 3)


def test_arguments_by_name_and_defaults():
    compiled = mt.compile(lambda x, y=2.0, *rest, scale=1.0: (x + y + sum(rest)) * scale)
    assert float(compiled(1.0)) == 3.0
    assert float(compiled(1.0, 3.0, 4.0, scale=2.0)) == 16.0
    assert float(compiled(y=1.0, x=1.0)) == 2.0
    with pytest.raises(TypeError, match="unexpected"):
        compiled(1.0, z=1.0)
    with pytest.raises(mt.UsageError, match="no argument 'z'"):
        mt.compile(lambda x: x, donate="z")


# what it captures


def test_closed_over_arrays_are_hidden_inputs():
    table = vector(1.0, 2.0)
    compiled = mt.compile(lambda x: x * table + table)
    np.testing.assert_array_equal(compiled(vector(3.0, 4.0)), [4.0, 10.0])
    graph = compiled.graph_for(vector(3.0, 4.0))
    assert len(graph.inputs) == 2 and "[1" not in repr([node.primitive for node in graph.nodes])


def test_a_compiled_function_that_closes_over_a_traced_array():
    held = []
    compiled = mt.compile(lambda x: x * held[-1])

    def square(w):
        held.append(w)
        return compiled(w)

    assert float(mt.grad(square)(2.0)) == 4.0
    assert float(mt.grad(square)(3.0)) == 6.0  # not the array of the first trace
    assert float(mt.grad(mt.grad(square))(3.0)) == 2.0


# what it gives away


def test_donated_arrays_are_gone():
    x, y = vector(1.0, 2.0), vector(3.0, 4.0)
    compiled = mt.compile(lambda x, y: x + y, donate=("x",))
    np.testing.assert_array_equal(compiled(x, y), [4.0, 6.0])
    for use in (lambda: x + 1, lambda: np.asarray(x), lambda: x.shape, lambda: repr(x), lambda: compiled(x, y)):
        with pytest.raises(mt.DonatedError, match="donated"):
            use()
    np.testing.assert_array_equal(y, [3.0, 4.0])


def test_an_exported_view_of_a_donated_array_stays_what_it_was():
    x = vector(1.0, 2.0)
    view = np.asarray(x)
    np.testing.assert_array_equal(mt.compile(lambda x: x * 2, donate="x")(x), [2.0, 4.0])
    np.testing.assert_array_equal(view, [1.0, 2.0])
    same = mt.compile(lambda x: x, donate="x")(vector(1.0))
    assert float(same[0]) == 1.0


def test_users_numpy_arrays_are_never_consumed():
    x = np.ones(2)
    mt.compile(lambda x: x + 1, donate="x")(x)
    np.testing.assert_array_equal(x, [1.0, 1.0])


def test_nothing_is_donated_within_a_trace():
    step = mt.compile(lambda x: x * 2, donate="x")
    x = vector(1.0, 2.0)
    np.testing.assert_array_equal(mt.grad(lambda x: xp.sum(step(x)))(x), [2.0, 2.0])
    np.testing.assert_array_equal(x, [1.0, 2.0])


def training_step():
    @mt.compile(donate=("net", "opt"))
    def step(net, opt, x, y):
        loss, gradient = mt.value_and_grad(lambda net: losses.mse(net(x), y).mean())(net)
        net, opt = opt.step(net, gradient)
        return net, opt, loss

    net = (nn.Dense(3) >> nn.tanh >> nn.Dense(1)).init(mt.key(0), xp.ones((1, 2)))
    return step, net, optim.adam(1e-2).init(net)


def test_a_step_consumes_its_trees_and_learns():
    step, net, opt = training_step()
    x, y = mt.random.normal(mt.key(1), (8, 2)), mt.random.normal(mt.key(2), (8, 1))
    found = []
    first = net
    for _ in range(20):
        net, opt, loss = step(net, opt, x, y)
        found.append(float(loss))
    assert found[-1] < found[0]
    assert len(step.programs) == 1
    with pytest.raises(mt.DonatedError):
        first(x)


def test_nothing_is_consumed_when_a_gradient_is_not_finite():
    step, net, opt = training_step()
    before = {path: np.array(value) for path, value in mt.parameters(net).items()}
    x, y = mt.random.normal(mt.key(1), (8, 2)), mt.random.normal(mt.key(2), (8, 1))
    for bad in (np.nan, np.inf):
        with pytest.raises(mt.NonFiniteError, match=r"dense_\d\.(weight|bias)"):
            step(net, opt, x * bad, y)
    for path, value in mt.parameters(net).items():
        np.testing.assert_array_equal(value, before[path])
    net, opt, loss = step(net, opt, x, y)  # and training goes on
    assert np.isfinite(float(loss))


def test_guards_hold_through_nested_programs():
    step, net, opt = training_step()
    outer = mt.compile(lambda net, opt, x, y: step(net, opt, x, y))
    with pytest.raises(mt.NonFiniteError):
        outer(net, opt, xp.full((8, 2), np.nan), xp.ones((8, 1)))
    net(xp.ones((1, 2)))


def test_nothing_is_consumed_when_the_function_fails():
    x = vector(1.0, 2.0)
    with pytest.raises(mt.ShapeError):
        mt.compile(lambda x: x @ xp.ones((3, 3)), donate="x")(x)
    np.testing.assert_array_equal(x, [1.0, 2.0])


# how it nests


def test_derivatives_of_compiled_and_compiled_derivatives():
    cube = mt.compile(lambda x: x**3)
    assert float(mt.grad(cube)(2.0)) == 12.0
    assert float(mt.grad(mt.grad(cube))(2.0)) == 12.0
    assert float(mt.compile(mt.grad(mt.compile(mt.grad(cube))))(2.0)) == 12.0
    assert float(mt.jvp(cube, (2.0,), (1.0,))[1]) == 12.0
    assert float(mt.vjp(cube, 2.0)[1](1.0)[0]) == 12.0


def test_vmap_of_compiled_and_compiled_vmap():
    x = mt.random.normal(mt.key(0), (4, 3))
    norm = mt.compile(lambda row: xp.sqrt(row @ row))
    expected = np.linalg.norm(np.asarray(x), axis=1)
    np.testing.assert_allclose(mt.vmap(norm)(x), expected, rtol=1e-6)
    np.testing.assert_allclose(mt.compile(mt.vmap(norm))(x), expected, rtol=1e-6)
    np.testing.assert_allclose(mt.vmap(mt.grad(norm))(x), np.asarray(x) / expected[:, None], rtol=1e-6)


def test_compiled_in_compiled():
    function, traces = counted(lambda x, y: x * y + 1)
    inner = mt.compile(function)
    outer = mt.compile(lambda x: inner(x, 2.0) + inner(inner(x, 3.0), x))
    assert float(outer(2.0)) == 5.0 + (7.0 * 2.0 + 1.0)
    assert float(outer(3.0)) == 7.0 + (10.0 * 3.0 + 1.0)
    assert len(traces) <= 2


def test_python_runs_only_at_the_trace():
    seen = []
    compiled = mt.compile(lambda x: (seen.append("traced"), x + 1)[1])
    compiled(1.0), compiled(2.0)
    assert seen == ["traced"]


def test_results_keep_their_structure():
    found = mt.compile(lambda x: {"a": (x, None, 3), "b": [x + 1, "word"]})(1.0)
    assert float(found["a"][0]) == 1.0 and found["a"][1] is None and int(found["a"][2]) == 3
    assert float(found["b"][0]) == 2.0 and found["b"][1] == "word"


def test_it_decorates_with_and_without_options():
    @mt.compile
    def double(x):
        """x ↦ 2·x."""
        return 2 * x

    @mt.compile(static=("n",))
    def times(x, n):
        return n * x

    assert double.__doc__ == "x ↦ 2·x." and double.__name__ == "double"
    assert float(double(2.0)) == 4.0 and float(times(2.0, 3)) == 6.0


def test_it_shows_what_it_is():
    @mt.compile(donate=("x",), static=("n",))
    def grow(x, n):
        return x * n

    assert repr(grow) == "<compiled grow: donates x; static n; 0 programs>"
    grow(xp.ones(2), 3)
    assert repr(grow) == "<compiled grow: donates x; static n; 1 program>"
    assert repr(mt.compile(lambda x: x)) == "<compiled <lambda>: 0 programs>"


def test_a_count_of_a_loop_is_answered_with_static():
    def power(x, times):
        for _ in range(times):
            x = x * 2
        return x

    with pytest.raises(mt.TraceError, match=r'static=\("times",\)'):
        mt.compile(power)(xp.ones(2), 3)
    assert mt.compile(power, static="times")(xp.ones(2), 3).tolist() == [8.0, 8.0]
