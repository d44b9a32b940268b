"""The memory of results: aligned, in turns, and never written while somebody sees what is in it."""

import copy
import ctypes
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mapsto as mt
from mapsto import data, image, losses, nn, optim, xp
from mapsto.compiler import outputs
from mapsto.compiler.outputs import UNSEEN, Outputs, Turns, aligned, references, size_of
from mapsto.core.spec import FLOAT32, Spec


def specs(*shapes):
    return tuple(Spec(FLOAT32, shape) for shape in shapes)


def address(array):
    return array.data.ctypes.data


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (1000,), (2, 0, 3)])
def test_memory_is_aligned_and_of_the_shape(shape):
    kept = [aligned(Spec(np.dtype(kind), shape)) for kind in (np.uint8, np.float32, np.float64) for _ in range(5)]
    assert all(one.ctypes.data % 64 == 0 and one.shape == shape and one.flags.c_contiguous for one in kept)
    run = mt.compile(lambda x: (x + 1, xp.sum(x * x)))
    for _ in range(4 if 0 not in shape else 0):  # the reference does what is empty
        assert all(address(one) % 64 == 0 for one in run(xp.ones(shape)))


def test_what_counts_as_unseen():
    arrays = [aligned(specs((3,))[0]) for _ in range(3)]
    assert UNSEEN > 0 and references(arrays) == [UNSEEN] * 3
    view = arrays[1][1:]
    part = view[:1].reshape(1, 1)
    assert references(arrays) == [UNSEEN, UNSEEN + 2, UNSEEN]
    del view
    assert references(arrays) == [UNSEEN, UNSEEN + 1, UNSEEN]
    del part
    assert references(arrays) == [UNSEEN] * 3


# whoever sees an array that was returned

SIGHTS = {
    "the array": lambda x: x,
    "NumPy's view": np.asarray,
    "a view of a view": lambda x: np.asarray(x)[1:][:2].reshape(2, 1),
    "its numbers": lambda x: x.data,
    "a memory view": lambda x: memoryview(np.asarray(x)),
    "DLPack": np.from_dlpack,
    "a capsule of DLPack": lambda x: Capsule(x),
    "an iterator": lambda x: Held(np.nditer(np.asarray(x)), np.asarray(x)),
    "a pointer that keeps": lambda x: Held(np.asarray(x).ctypes, np.asarray(x)),
    "an eager view": lambda x: xp.reshape(x, (3, 1)),
    "an eager slice": lambda x: x[1:],
    "a shallow copy": copy.copy,
    "within a tree": lambda x: {"a": (x, 1)},
    "a buffer of ctypes": lambda x: Held((ctypes.c_char * x.data.nbytes).from_buffer(x.data), x.data),
}


class Held:
    """Something that keeps an array's memory, which is looked at by another way at the end."""

    def __init__(self, kept, numbers):
        self.kept, self.place, self.shape = kept, numbers.ctypes.data, numbers.shape

    def __array__(self, dtype=None, copy=None):
        return np.ctypeslib.as_array((ctypes.c_float * 3).from_address(self.place)).copy()


class Capsule(Held):
    def __init__(self, x):
        super().__init__(x.__dlpack__(max_version=(1, 0)), x.data)


def numbers_of(seen):
    if isinstance(seen, dict):
        return np.array(seen["a"][0])
    return np.array(seen)


@pytest.mark.parametrize("donate", [(), ("x",)])
@pytest.mark.parametrize("sight", SIGHTS.values(), ids=SIGHTS)
def test_what_is_seen_is_not_written(sight, donate):
    """One result is given on, so that a call may donate it while its numbers are still seen."""
    run = mt.compile(lambda x: x + 1, donate=donate)
    x = run(xp.asarray([1.0, 2.0, 3.0]))
    seen = sight(x)
    wanted = numbers_of(seen)
    given_on = isinstance(seen, (mt.Array, dict)) and donate
    for i in range(6):
        x = run(xp.asarray([7.0, 8.0, 9.0]) if given_on and not i else x)
        assert x.tolist() != wanted.tolist()
    np.testing.assert_array_equal(numbers_of(seen), wanted)


@pytest.mark.skipif(not UNSEEN, reason="this Python does not count references")
def test_a_loop_takes_turns_between_two_places():
    step = mt.compile(lambda tree: {name: x * 2 for name, x in tree.items()}, donate="tree")
    tree = {str(n): xp.ones((n + 1, 7)) for n in range(5)}
    places = []
    for _ in range(10):
        tree = step(tree)
        places.append(tuple(address(x) for x in tree.values()))
    assert len(set(places)) == 2 and places[0::2] == places[:1] * 5
    assert float(tree["4"][4, 6]) == 1024.0


def test_results_that_are_kept_stay():
    run = mt.compile(lambda x: x * 2)
    kept = [run(float(i)) for i in range(20)]
    assert [float(x) for x in kept] == [2.0 * i for i in range(20)]


def test_programs_of_one_function_share_memory():
    step = mt.compile(lambda state, x: state + xp.sum(x), donate="state")
    state, places = xp.zeros((64,)), set()
    for size in (8, 8, 3, 8, 8, 3, 8, 8, 3):
        state = step(state, xp.ones(size))
        places.add(address(state))
    assert len(step.programs) == 2 and len(places) == 2 and float(state[0]) == 57.0


class Model:
    """A function that donates, called again and again while views of its results come and go."""

    def __init__(self):
        self.step = mt.compile(
            lambda net, x: {"a": net["a"] + x, "b": net["b"] * 1.0, "c": xp.sum(net["a"])}, donate="net"
        )
        self.net = {"a": xp.zeros(4), "b": xp.arange(3.0), "c": xp.asarray(0.0)}
        self.total = 0.0
        self.seen = []

    def call(self, x):
        self.net = self.step(self.net, x)
        self.total += x

    def look(self, name, sight):
        seen = sight(self.net[name])
        self.seen.append((seen, np.array(seen)))

    def check(self):
        np.testing.assert_array_equal(self.net["a"], [self.total] * 4)
        np.testing.assert_array_equal(self.net["b"], [0, 1, 2])
        for seen, wanted in self.seen:
            np.testing.assert_array_equal(np.array(seen), wanted)


ACTIONS = st.one_of(
    st.tuples(st.just("call"), st.sampled_from([1.0, 2.0])),
    st.tuples(st.just("look"), st.sampled_from("abc"), st.sampled_from([np.asarray, np.from_dlpack, lambda x: x.data])),
    st.tuples(st.just("forget"), st.integers(0, 3)),
    st.tuples(st.just("copy")),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTIONS, max_size=30))
def test_any_order_of_calls_and_views(actions):
    model = Model()
    for name, *given_ in actions:
        if name == "forget":
            del model.seen[: given_[0]]
        elif name == "copy":
            model.net = {key: copy.copy(x) for key, x in model.net.items()}
        else:
            getattr(model, name)(*given_)
        model.check()


def test_a_run_that_fails_changes_nothing():
    @mt.compile(donate=("net", "opt"))
    def step(net, opt, x, y):
        loss, gradient = mt.value_and_grad(lambda net: losses.mse(net(x), y).mean())(net)
        net, opt = opt.step(net, gradient)
        return net, opt, loss

    net = (nn.Dense(3) >> nn.tanh >> nn.Dense(1)).init(mt.key(0), xp.ones((1, 2)))
    opt = optim.adam(1e-2).init(net)
    x, y = mt.random.normal(mt.key(1), (8, 2)), mt.random.normal(mt.key(2), (8, 1))
    for n in range(8):
        before = {path: np.array(value) for path, value in mt.parameters(net).items()}
        for _ in range(n % 3):
            with pytest.raises(mt.NonFiniteError):
                step(net, opt, x * np.nan, y)
            for path, value in mt.parameters(net).items():
                np.testing.assert_array_equal(value, before[path])
        net, opt, loss = step(net, opt, x, y)
        assert np.isfinite(float(loss))


def test_a_snapshot_of_the_learner_stays():
    net = image.scale(1 / 16) >> nn.Flatten() >> nn.Dense(10)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(1e-2))
    samples = data.load("digits").take(64)
    kept = []
    for _ in range(3):
        learner.fit(samples, epochs=1, progress=False)
        views = {path: np.asarray(value) for path, value in mt.parameters(learner.net).items()}
        kept.append((views, {path: view.copy() for path, view in views.items()}))
    for views, wanted in kept:
        for path, view in views.items():
            np.testing.assert_array_equal(view, wanted[path])


# how much is kept


def test_turns():
    turns = Turns(specs((3,), ()), kept=True)
    one, two = turns.take(), turns.take()
    turns.give(one), turns.give(two)
    assert turns.take() is one  # the one that was used longest ago
    turns.give(one)
    seen = two.arrays[0]
    again = turns.take()
    assert again is two and again.arrays[0] is not seen and again.addresses[0] == again.arrays[0].ctypes.data
    many = [turns.take() for _ in range(10)]
    for memory in many:
        turns.give(memory)
    assert len(turns.idle) == outputs.MOST_IDLE


def test_large_results_are_not_kept_unless_donated(monkeypatch):
    monkeypatch.setattr(outputs, "KEPT", 4000)
    large, small = specs((1000,), (1,)), specs((999,), (1,))
    assert size_of(large) == 4004
    for donates, wanted in itertools.product((False, True), (large, small)):
        turns = Outputs(donates).of(wanted)
        turns.give(turns.take())
        assert len(turns.idle) == (1 if donates or wanted is small else 0)
    run = mt.compile(lambda x: x * 2)
    found = [run(xp.ones(2000)) for _ in range(3)]
    assert [float(x[0]) for x in found] == [2.0] * 3


def test_without_counts_nothing_is_taken_twice(monkeypatch):
    """Where Python does not count references, as on other implementations, every result has memory of its own."""
    monkeypatch.setattr(outputs, "UNSEEN", 0)
    turns = Turns(specs((3,)), kept=True)
    kept = []
    for _ in range(6):
        memory = turns.take()
        kept.append(memory.arrays[0])
        turns.give(memory)
    assert len({id(array) for array in kept}) == 6
