"""`mt.compile`: what its programs keep alive, what is passed and what is not, methods, and the note on retracing."""

import functools
import gc
import re
import warnings
import weakref

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.array.trace import top_frame
from mapsto.core import notes


def ready(size=3, seed=0):
    return nn.Dense(2).init(mt.key(seed), xp.ones((1, size)))


# arguments


def test_what_is_not_passed_keeps_its_default():
    x = xp.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert float(mt.compile(xp.sum)(x)) == 10.0
    np.testing.assert_array_equal(mt.compile(xp.sum)(x, axis=None), 10.0)
    np.testing.assert_array_equal(mt.compile(lambda x, axis=0: xp.sum(x, axis=axis))(x), [4.0, 6.0])
    np.testing.assert_array_equal(mt.compile(lambda x, keep=True: x if keep else -x)(x), x)
    run = mt.compile(lambda x, axis=0: xp.sum(x, axis=axis), static="axis")
    np.testing.assert_array_equal(run(x), [4.0, 6.0])
    np.testing.assert_array_equal(run(x, 1), [3.0, 7.0])
    np.testing.assert_array_equal(run(x, axis=0), [4.0, 6.0])


def test_arguments_passed_by_another_name_are_another_program():
    run = mt.compile(lambda a=1.0, b=10.0: a - b)
    assert float(run(a=3.0)) == -7.0
    assert float(run(b=3.0)) == -2.0
    assert float(run(b=4.0)) == -3.0
    assert len(run.programs) == 2
    by_name = mt.compile(lambda **given: given.get("a", 0.0) - given.get("b", 0.0))
    assert (float(by_name(a=1.0)), float(by_name(b=1.0))) == (1.0, -1.0)


def test_static_and_traced_arguments_of_equal_values_are_not_mixed_up():
    run = mt.compile(lambda a=0, b=0: a - 2 * b, static=("a", "b"))
    assert (int(run(a=1)), int(run(b=1))) == (1, -2)


def test_vmap_passes_arguments_by_name_as_they_are():
    x, y = xp.ones((4, 3)), xp.asarray([1.0, 2.0, 3.0])
    found = mt.vmap(lambda row, scale, flip=False: -row * scale if flip else row * scale)(x, scale=y, flip=True)
    np.testing.assert_array_equal(found, -np.ones((4, 3)) * [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(mt.vmap(xp.sum)(x, keepdims=True), [[3.0]] * 4)


def test_partials_and_mappings_have_a_name_in_errors():
    for function in (functools.partial(lambda a, x: a * x, 2.0), ready()):
        with pytest.raises(mt.UsageError, match=r"partial\(|Dense\("):
            mt.compile(function)(1, 2, 3, 4)
    assert float(mt.compile(functools.partial(lambda a, x: a * x, 2.0))(3.0)) == 6.0


# methods


class Scale:
    def __init__(self, scale):
        self.scale = scale

    @mt.compile
    def apply(self, x):
        return x * self.scale


class Twice(mt.Mapping):
    layer: mt.Mapping

    def __call__(self, x):
        return self.layer(self.layer(x))

    @mt.compile(donate="x")
    def logits(self, x):
        """x ↦ twice the layer."""
        return 2 * self(x)


def test_methods():
    assert float(Scale(2.0).apply(3.0)) == 6.0 and float(Scale(5.0).apply(x=3.0)) == 15.0
    net = Twice(nn.Dense(3)).init(mt.key(0), xp.ones((1, 3)))
    other = Twice(nn.Dense(3)).init(mt.key(1), xp.ones((1, 3)))
    for one in (net, other):
        np.testing.assert_allclose(one.logits(xp.ones((1, 3))), 2 * one(xp.ones((1, 3))), rtol=1e-6)
    assert len(Twice.logits.programs) == 1 and net.logits.__doc__ == "x ↦ twice the layer."


# what programs keep alive


def test_programs_keep_no_argument_alive():
    net = ready()
    opt = optim.adam(0.1).init(net)
    step = mt.compile(lambda net, opt, x: opt.step(net, mt.grad(lambda net: xp.sum(net(x) ** 2))(net)))
    held = [weakref.ref(net.weight.data), weakref.ref(opt.mean["weight"].data)]
    step(net, opt, xp.ones((1, 3)))
    del net, opt
    gc.collect()
    assert len(step.programs) == 1 and [one() for one in held] == [None, None]


def test_programs_keep_no_trace_alive():
    frames = []

    def step(net, x):
        frames.append(weakref.ref(top_frame()))
        return net.replace(weight=net.weight + xp.sum(x))

    run = mt.compile(step)
    run(ready(), xp.ones(3))
    gc.collect()
    assert len(run.programs) == 1 and frames[0]() is None


def test_nets_made_for_other_sizes_keep_their_own_specs():
    def made(size):
        return nn.Conv2D(2, 3).init(mt.key(0), xp.ones((1, size, size, 1)))

    step = mt.compile(lambda net: net.replace(bias=net.bias + 1))
    for size in (8, 12, 8):
        assert step(made(size))._meta.specs == made(size)._meta.specs
    assert made(8)._meta.specs != made(12)._meta.specs


def test_nothing_is_consumed_when_the_result_cannot_be_built():
    class Picky(dict):
        def __init__(self, *parts):
            super().__init__(*parts)
            if armed:
                raise ValueError("not today")

    armed = []
    run = mt.compile(lambda x: Picky({"x": x * 2}), donate="x")
    run(xp.ones(2))
    armed.append(True)
    x = xp.ones(2)
    with pytest.raises(ValueError, match="not today"):
        run(x)
    np.testing.assert_array_equal(x, [1.0, 1.0])


# the note


def test_a_note_names_the_argument_that_makes_it_trace_again_and_again():
    notes.forget()
    run = mt.compile(lambda net, x: net(x))

    def call(i):
        run(nn.Dropout(i / 100), xp.ones(2))

    for i in range(15):
        call(i)
    with pytest.warns(mt.Note, match=r"retraced 16 times, the last time because of 'net'.*are static"):
        call(15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(16, 40):
            call(i)


def test_the_note_names_the_shape_too():
    notes.forget()
    run = mt.compile(lambda net, x: net(x))
    net = ready()
    with pytest.warns(mt.Note) as found:
        for i in range(1, 30):
            run(net, xp.ones((i, 3)))
    assert len(found) == 2
    assert re.search(r"shape of x changed from \(2, 3\) to \(3, 3\)", str(found[0].message))
    assert re.search("because of 'x'", str(found[1].message))


# the note on a recompile that surprises


def sums():
    notes.forget()
    return mt.compile(lambda batch, scale: xp.sum(batch["x"]) * scale)


def given(*shape, dtype=None):
    return {"x": np.ones(shape, dtype or np.float32), "y": np.ones(shape[0], np.int64)}


def noted(run, sizes, scale=1.0):
    """What is noted in calls with batches of these sizes."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for size in sizes:
            run(given(size, 3), scale)
    return [str(one.message) for one in found]


def test_lengths_that_change_are_noted_once_with_the_cause():
    run = sums()
    assert noted(run, [128, 128]) == []
    assert noted(run, [100]) == []
    (text,) = noted(run, [37, 36, 35, 34])
    assert "<lambda> is compiled once more" in text
    assert "the shape of batch.x changed from (100, 3) to (37, 3), and 1 more" in text and "pad" in text


def test_a_smaller_last_batch_is_no_surprise():
    assert noted(sums(), ([128] * 5 + [37]) * 4) == []


def test_neither_is_another_size_of_batch_after_some_epochs():
    run = sums()
    assert noted(run, ([128] * 20 + [37]) * 5) == []
    assert noted(run, ([64] * 41 + [10]) * 5) == []
    assert noted(run, [256]) == []
    assert len(noted(run, range(1000, 1040))) == 2  # but now it is; the other is about their number


def test_types_numbers_and_structures_are_no_surprise():
    run = sums()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in (np.float32, np.float64, np.float16, np.int32):
            run(given(2, 3, dtype=dtype), 1.0)
        run(given(2, 3), 1), run(given(2, 3), xp.asarray(1.0)), run({**given(2, 3), "z": 1}, 1.0)


def test_what_the_package_compiles_itself_says_nothing():
    x, y = np.random.default_rng(0).random((50, 3), np.float32), np.arange(50) % 2
    learner = mt.Learner(nn.Dense(2), loss=losses.cross_entropy, optimizer=optim.sgd(0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", mt.Note)
        for size in (7, 8, 9, 10, 11):
            learner.fit(x, y, epochs=1, batch_size=size, progress=False)
            learner.predict(x[:size]), learner.evaluate(x[:size], y[:size])


# NumPy arrays that a function closes over


def test_an_array_used_many_times_is_captured_once():
    table = np.arange(3.0, dtype=np.float32)

    def f(x):
        for _ in range(5):
            x = x * table + table
        return x

    run = mt.compile(f)
    assert len(run.graph_for(xp.ones(3)).inputs) == 2
    np.testing.assert_array_equal(run(xp.ones(3)), f(xp.ones(3)))
    nested = mt.compile(lambda x: mt.vmap(lambda row: mt.grad(lambda r: xp.sum(f(r)))(row))(x) + f(x[0]))
    assert len(nested.graph_for(xp.ones((2, 3))).inputs) == 2


def test_an_array_that_is_written_to_within_a_trace_is_captured_anew():
    def f(x):
        table = np.zeros(3, np.float32)
        total = x * 0.0
        for i in range(3):
            table[:] = 0
            table[i] = np.nan if i == 1 else i + 1
            total = total + x * table
        return total

    for run in (mt.compile(f), lambda x: mt.jvp(f, (x,), (x,))[1]):
        np.testing.assert_array_equal(run(xp.ones(3)), f(xp.ones(3)))


def test_another_type_of_the_same_array_is_another_one():
    table = np.arange(3)
    run = mt.compile(lambda x: x * xp.asarray(table, dtype=xp.float32) + xp.asarray(table))
    np.testing.assert_array_equal(run(xp.ones(3)), [0.0, 2.0, 4.0])
