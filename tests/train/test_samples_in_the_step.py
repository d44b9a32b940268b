"""A set in memory is read by the compiled step itself: no batch and no float32 of the set is anywhere in memory."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim
from mapsto.compiler.account import cost_of
from mapsto.compiler.groups import Group
from mapsto.ir.loops import Load, statements_of
from mapsto.train.learner import in_memory

COUNT, BATCH, PICTURE = 4000, 32, (12, 12, 1)
RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (COUNT, *PICTURE), dtype=np.uint8)
LABELS = RNG.integers(0, 10, COUNT)
for array in (PICTURES, LABELS):
    array.flags.writeable = False  # what could still be written to is copied, once, when `fit` begins


@pytest.fixture(scope="module")
def learner():
    net = image.scale(1 / 255) >> nn.Conv2D(8, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(10)
    made = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(1e-3), metrics=[metrics.accuracy])
    made.fit(data.Dataset(PICTURES, LABELS), epochs=1, batch_size=BATCH, progress=False)
    return made


@pytest.fixture(scope="module")
def plan(learner):
    assert not learner._programs.step.programs, "no step took a batch"
    (program,) = learner._programs.step_at.programs.values()
    return program.native.plan


def inputs(plan):
    """The numbers of the plan's inputs, by their shapes; of numbers alone the last."""
    return {var.spec.shape: plan.fusion.numbers[var] for var in plan.graph.inputs}


def test_the_step_is_given_the_whole_set(plan):
    specs = [str(var.spec) for var in plan.graph.inputs]
    assert "u8[4000,12,12,1]" in specs and "i64[4000]" in specs and "i64[32]" in specs
    assert not [spec for spec in specs if spec.endswith("[32,12,12,1]")], "no batch"


def test_it_is_given_the_memory_of_the_user():
    """A set that nobody can write to is not copied on the way."""
    made = mt.Learner(nn.Flatten() >> nn.Dense(10), loss=losses.cross_entropy, optimizer=optim.sgd(0.1))
    with pytest.warns(mt.Note, match="255"):
        samples, _ = made._prepare(data.Dataset(PICTURES, LABELS), None, 0)
    whole = in_memory(samples)
    assert whole is not None and np.shares_memory(whole[0].data, PICTURES)


def test_the_host_does_nothing(plan):
    assert all(isinstance(step, Group) for step in plan.steps)


def test_neither_the_set_nor_a_batch_is_written_out(plan):
    kept = [plan.specs[number] for number in plan.offsets]
    assert all(spec.size not in (PICTURES.size, BATCH * PICTURES[0].size) for spec in kept)
    results = [var.spec for var in plan.graph.outputs]
    assert all(COUNT not in spec.shape and spec.shape[1:] != PICTURE for spec in [*kept, *results])
    assert plan.arena < PICTURES.nbytes / 4


def test_one_kernel_reads_the_rows_it_needs(plan):
    """Bytes of the set go into it, by places that the index names, and no more of them than a batch has."""
    pictures = inputs(plan)[PICTURES.shape]
    (reader,) = [written for written in plan.written.values() if pictures in written.arrays]
    assert inputs(plan)[(BATCH,)] in reader.arrays
    assert cost_of(plan, reader).read < 3 * BATCH * PICTURES[0].nbytes  # 4,608 bytes of pictures, and parameters
    (given,) = [one for one in reader.kernel.buffers if one.role == "in" and one.size == PICTURES.size]
    assert given.dtype == "u8"
    assert any(isinstance(one, Load) and one.buffer is given for one in statements_of(reader.kernel.body))
    first = min(place for place, written in plan.written.items() if written.group.rows == BATCH)
    assert plan.written[first] is reader
