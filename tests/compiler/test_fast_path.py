"""Calls like one before: found without the signature and without taking trees apart, and never mistaken for another."""

import sys
import typing

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.array.array import donate
from mapsto.array.memory import address_of, by_asking
from mapsto.compiler.compile import MOST_SEEN, Compiled
from mapsto.compiler.fast_path import NUMBERS, WEAK
from mapsto.compiler.memory import ALIGNED
from mapsto.transform.call import as_array


@pytest.fixture
def long_way(monkeypatch):
    """The calls that went the long way."""
    calls = []
    prepare = Compiled.prepare
    monkeypatch.setattr(Compiled, "prepare", lambda self, *a, **b: (calls.append(1), prepare(self, *a, **b))[1])
    return calls


def dense(seed=0):
    return (nn.Dense(3) >> nn.tanh >> nn.Dense(1)).init(mt.key(seed), xp.ones((1, 2)))


def frozen():
    x = np.arange(6.0)
    x.flags.writeable = False
    return x


class Pair(typing.NamedTuple):
    left: object
    right: object


ARGUMENTS = {
    "array": lambda: xp.ones(3),
    "array without axes": lambda: xp.asarray(2.0),
    "empty array": lambda: xp.ones((0, 3)),
    "NumPy array": lambda: np.arange(3.0),
    "float": lambda: 2.0,
    "integer": lambda: 2,
    "truth value": lambda: True,
    "NumPy number": lambda: np.int64(3),
    "mapping": lambda: dense(),
    "tree": lambda: {"a": [xp.ones(2), 1.5, None], "b": (dense(), "word"), "c": Pair(np.ones(2), 3)},
}


@pytest.mark.parametrize("make", ARGUMENTS.values(), ids=ARGUMENTS)
def test_the_second_call_is_quick(make, long_way):
    run = mt.compile(lambda tree, y: y * 2)
    given = make()
    assert float(run(given, 1.0)) == float(run(given, 1.0)) == 2.0
    assert len(long_way) == 1
    assert float(run(make(), 3.0)) == 6.0
    assert len(long_way) <= 2  # a mapping that was not met before is looked at once


def test_the_third_step_of_a_training_is_quick(long_way):
    @mt.compile(donate=("net", "opt"))
    def step(net, opt, x, y):
        loss, gradient = mt.value_and_grad(lambda net: losses.mse(net(x), y).mean())(net)
        net, opt = opt.step(net, gradient)
        return net, opt, loss

    net = dense()
    opt = optim.adam(1e-2).init(net)
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    found = []
    for _ in range(20):
        net, opt, loss = step(net, opt, x, y)
        found.append(float(loss))
    assert len(long_way) == 1 and found[-1] < found[0]


def test_trees_in_a_dict_are_known(long_way):
    step = mt.compile(lambda run, x: {**run, "count": run["count"] + xp.sum(x)}, donate="run")
    state = {"net": dense(), "count": 0}
    for _ in range(4):
        state = step(state, xp.ones(2))
    assert float(state["count"]) == 8.0
    assert len(long_way) == 2  # the count was a Python number at first


def test_arguments_by_name_in_any_order():
    run = mt.compile(lambda a, b, *, c=0.0, **more: a - 2 * b + 4 * c + 8 * more.get("d", 0.0))
    one, two = xp.asarray(1.0), xp.asarray(2.0)
    for _ in range(3):
        assert float(run(a=one, b=two)) == -3.0
        assert float(run(b=two, a=one)) == -3.0
        assert float(run(two, b=one)) == 0.0
        assert float(run(b=one, c=two, a=one)) == 7.0
        assert float(run(d=two, b=one, a=one, e=one)) == 15.0
        assert float(run(e=one, a=one, d=two, b=one)) == 15.0
    with pytest.raises(mt.UsageError, match="multiple values"):
        run(one, two, a=one)
    many = mt.compile(lambda a, b, c, d, e, **more: e - 2 * more["z"])
    for _ in range(3):
        assert float(many(one, one, one, one, z=two, e=one)) == -3.0
        assert float(many(one, one, one, one, e=one, z=two)) == -3.0


def test_static_arguments_by_place_and_name():
    run = mt.compile(lambda x, n, *rest, power=1: x * n**power + sum(rest), static=("n", "power"))
    for _ in range(2):
        assert float(run(3.0, 2)) == 6.0
        assert float(run(3.0, n=2)) == 6.0
        assert float(run(3.0, 2, 1.0, power=2)) == 13.0
        assert float(run(3.0, 3, 1.0, power=2)) == 28.0
    several = mt.compile(lambda x, *axes: xp.sum(x, axis=axes), static="axes")
    for _ in range(2):
        np.testing.assert_array_equal(several(xp.ones((2, 3)), 0), [2.0, 2.0, 2.0])
        np.testing.assert_array_equal(several(xp.ones((2, 3)), 1), [3.0, 3.0])


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_what_they_are_the_long_way(kind, long_way):
    run = mt.compile(lambda x: (x, x * 2, xp.ones(1) * x))
    first = [one.spec for one in run(kind(1))]
    for value in (kind(0), kind(1)):
        found = run(value)
        assert [one.spec for one in found] == first and float(found[0]) == float(value)
    assert len(long_way) == 1 and as_array(kind(1)).spec == WEAK[kind]


def test_integers_beyond_64_bits_are_refused_each_time():
    run = mt.compile(lambda x: x + 1)
    run(1)
    for _ in range(2):
        with pytest.raises(mt.DTypeError):
            run(2**70)
    assert int(run(2**62)) == 2**62 + 1


def test_another_type_shape_or_structure_is_another_program():
    run = mt.compile(lambda tree: xp.sum(tree["a"]))
    trees = [
        {"a": xp.ones(2)},
        {"a": xp.ones(3)},
        {"a": np.ones(3)},
        {"a": xp.ones(3, dtype=xp.int64)},
        {"a": 3},
        {"a": 3.0},
        {"a": xp.ones(3), "b": None},
        {"a": xp.ones(3), "b": "word"},
        {"b": "word", "a": xp.ones(3)},
    ]
    for _ in range(3):
        assert [float(run(tree)) for tree in trees] == [2.0] + [3.0] * 8
    assert len(run.programs) == len(trees)


def odd_memory():
    plain = np.arange(6.0, dtype=np.float32)
    raw = np.zeros(plain.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(np.float32)
    unaligned[:] = plain
    return {
        "strided": np.repeat(plain, 2)[::2],
        "reversed": plain[::-1].copy()[::-1],
        "big-endian": plain.astype(">f4"),
        "unaligned": unaligned,
        "repeated": np.broadcast_to(plain, (2, 6))[0],
        "read-only": np.frombuffer(plain.tobytes(), np.float32),
        "Fortran": np.asfortranarray(plain.reshape(2, 3)).T.reshape(-1, order="F"),
    }


@pytest.mark.parametrize("name", odd_memory())
def test_memory_of_all_kinds(name):
    run = mt.compile(lambda x: x * 2 + 1)
    for _ in range(3):
        np.testing.assert_array_equal(run(odd_memory()[name]), np.arange(6.0) * 2 + 1)
        np.testing.assert_array_equal(run(xp.asarray(odd_memory()[name])), np.arange(6.0) * 2 + 1)
        scattered = xp.broadcast_to(xp.asarray(1.0), (6,))
        np.testing.assert_array_equal(run(scattered), np.full(6, 3.0))


def test_a_users_array_is_never_shared_with_a_result():
    run = mt.compile(lambda x, y: (x, y, y + 1, xp.reshape(x, (1, 3)), xp.sort(y)))
    x, y = np.ones(3, np.float32), xp.ones(3)
    results = [run(x, y) for _ in range(3)]
    with mt.interpret():
        results.append(run(x, y))
    x[:] = 5.0
    for found in results:
        assert found[0].tolist() == [1.0] * 3 and found[3].tolist() == [[1.0] * 3]
        assert np.shares_memory(found[1].data, np.asarray(y))  # this one cannot change
    assert run(x, y)[0].tolist() == [5.0] * 3


def test_what_a_user_writes_to_is_read_anew():
    run = mt.compile(lambda x: x * 2)
    x = np.zeros(2, np.float32)
    for value in range(4):
        x[:] = value
        assert run(x).tolist() == [2.0 * value] * 2


def test_donated_arrays_are_refused_on_the_quick_way():
    run = mt.compile(lambda x, y: x + y, donate="x")
    for _ in range(3):
        x = xp.ones(2)
        run(x, 1.0)
        with pytest.raises(mt.DonatedError):
            run(x, 1.0)


def test_a_captured_array_is_kept_though_donated():
    table = xp.ones(2)
    run = mt.compile(lambda x: x + table, donate="x")
    for _ in range(3):
        assert run(table).tolist() == [2.0, 2.0]


def scaled(x):
    return x * LEVEL


LEVEL = 2.0


def test_what_a_static_function_reads_is_looked_at_again():
    net = mt.fn(scaled) >> nn.Dense(1).init(mt.key(0), xp.ones((1, 2)))
    run = mt.compile(lambda net, x: net(x))
    x = xp.ones((1, 2))
    module = sys.modules[__name__]
    try:
        found = []
        for level in (2.0, 2.0, 3.0, 3.0, 2.0):
            module.LEVEL = level
            found.append((float(run(net, x)[0, 0]), float(net(x)[0, 0])))
    finally:
        module.LEVEL = 2.0
    assert len(run.programs) == 2
    for one, other in found:
        assert one == pytest.approx(other, rel=1e-6)


def test_within_a_trace_a_known_call_is_recorded():
    cube = mt.compile(lambda x: x**3)
    for _ in range(2):
        assert float(cube(2.0)) == 8.0
        assert float(mt.grad(cube)(2.0)) == 12.0
        assert float(mt.compile(mt.grad(cube))(2.0)) == 12.0
        with mt.interpret():
            assert float(cube(2.0)) == 8.0


def test_clearing_the_programs_forgets_the_calls(long_way):
    run = mt.compile(lambda x: x + 1)
    run(1.0), run(1.0)
    run.programs.clear()
    run(1.0), run(1.0)
    assert len(run.programs) == 1 and len(long_way) == 2


def test_nets_that_are_new_in_every_call_pile_up_nothing():
    run = mt.compile(lambda net, x: net(x))
    for _ in range(2 * MOST_SEEN):
        run(dense(), xp.ones((1, 2)))
    assert len(run.seen) == 1 and len(run.programs) == 1


class Counting(mt.Mapping):
    """A layer with a state, and a compiled method that reads it."""

    def __init__(self):
        self.count = mt.state((), nn.zeros)

    @mt.compile
    def seen(self, x):
        return x * 0 + self.count

    def __call__(self, x):
        return self.seen(x)

    def training(self, key, x):
        now = self.replace(count=self.count + 1)
        return now.seen(x), now


class Twice(mt.Mapping):
    layer: mt.Mapping

    def __call__(self, x):
        return self.layer(x), self.layer(x)


def test_private_copies_of_a_frame_remember_nothing():
    net = Twice(Counting()).init(mt.key(0), xp.ones((1,)))
    for _ in range(3):
        (one, two), net = mt.training(net)(mt.key(0), xp.ones(1))
        assert float(two[0]) == float(one[0]) + 1 == float(net.layer.count)
        assert float(net(xp.ones(1))[0][0]) == float(two[0])


def test_deep_lists_fail_as_before():
    deep = [xp.ones(1)]
    for _ in range(3000):
        deep = [deep]
    run = mt.compile(lambda x: x)
    run([1.0])
    with pytest.raises(mt.UsageError, match="nested"):
        run(deep)


def test_an_interrupt_gives_all_arrays_away_or_none():
    """Where Python could stop between two of them, a loop that goes on after Ctrl-C has lost its state."""
    arrays = [xp.asarray([float(n)]) for n in range(100)]
    left = set()

    def look(frame, event, given):
        left.add(sum(array._held is not None for array in arrays))
        frame.f_trace_opcodes = True
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        donate(arrays)
    finally:
        sys.settrace(before)
    assert left == {0, 100}


def test_weights_that_calls_read_again_begin_at_cache_lines():
    """They are moved once, at the first call; whoever looked at them before still sees the same numbers."""
    memory = np.random.default_rng(0).standard_normal(64 * 64 + 1, np.float32)[1:].reshape(64, 64)
    net = mt.replace(nn.Dense(64).init(mt.key(0), xp.ones((1, 64))), {"weight": memory})
    seen = np.asarray(net.weight)
    run = mt.compile(lambda net, x: net(x))
    first = np.asarray(run(net, xp.ones((1, 64))))
    assert address_of(net.weight.data) % ALIGNED == 0
    assert np.array_equal(net.weight.data, memory) and np.array_equal(seen, memory)
    assert np.array_equal(first, run(net, xp.ones((1, 64))))


def test_arrays_given_away_are_not_moved():
    net = nn.Dense(64).init(mt.key(0), xp.ones((1, 64)))
    donate([net.weight])
    with pytest.raises(mt.MapstoError, match="USE-03"):
        mt.compile(lambda net, x: net(x))(net, xp.ones((1, 64)))


@pytest.mark.parametrize(
    "x",
    [np.arange(6.0), np.arange(6.0)[3:], np.arange(6.0)[::-1], np.zeros((0, 3)), np.full((), 2.0), frozen()],
    ids=["whole", "a part", "backwards", "empty", "no axes", "read only"],
)
def test_where_numbers_begin(x):
    assert address_of(x) == by_asking(x) == x.ctypes.data
    assert np.array_equal(mt.compile(lambda x: x + 1)(x), x + 1)
