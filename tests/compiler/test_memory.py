"""Where arrays lie that live only within a run, how much memory a run takes, and that a training takes no more."""

import os
import resource
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.compiler.memory import ALIGNED, Life, arranged
from mapsto.compiler.pipeline import read_by, written_by


def overlapping(lives, offsets, size):
    """Pairs of arrays that live at the same time and share bytes, and those that leave the arena."""
    found = [life for life in lives if offsets[life.array] + life.nbytes > size]
    for number, one in enumerate(lives):
        for other in lives[:number]:
            together = one.first <= other.last and other.first <= one.last
            low, high = sorted((one, other), key=lambda life: offsets[life.array])
            if together and offsets[low.array] + low.nbytes > offsets[high.array] and low.nbytes and high.nbytes:
                found.append((one, other))
    return found


LIVES = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 12), st.integers(0, 6)), max_size=40)


@settings(max_examples=200, deadline=None)
@given(LIVES)
def test_arrays_that_live_together_lie_apart(rows):
    lives = [Life(n, nbytes, first, first + lasting) for n, (nbytes, first, lasting) in enumerate(rows)]
    offsets, size = arranged(lives)
    assert not overlapping(lives, offsets, size)
    assert all(offset % ALIGNED == 0 for offset in offsets.values()) and size % ALIGNED == 0
    at_once = [sum(life.nbytes for life in lives if life.first <= t <= life.last) for t in range(20)]
    assert max(at_once) <= size <= sum(-(-max(life.nbytes, 1) // ALIGNED) * ALIGNED for life in lives)


def test_places_are_taken_again():
    lives = [Life(n, 1000, n, n + 1) for n in range(50)]
    assert arranged(lives)[1] == 2 * 1024


# whole programs


def native(run):
    return list(run.programs.values())[-1].native


def test_a_chain_of_products_needs_two_arrays():
    """Each product reads columns of the one before, so none can be made while that one is."""

    def chain(x, *weights):
        for w in weights:
            x = xp.matrix_transpose(xp.tanh(x) @ w)
        return x

    run = mt.compile(chain)
    weights = [mt.random.normal(mt.key(n), (64, 64)) for n in range(6)]
    run(mt.random.normal(mt.key(9), (64, 64)), *weights)
    memory = native(run).memory
    assert (memory.inputs, memory.results, memory.arena) == (7 * 64 * 64 * 4, 64 * 64 * 4, 2 * 64 * 64 * 4)


def test_what_several_inputs_and_results_share_counts_once():
    run = mt.compile(lambda x, y: (x, y * 2, y * 2))
    run(xp.ones(100), xp.ones(50))
    memory = native(run).memory
    assert (memory.inputs, memory.results, memory.arena) == (600, 200, 0)


UNARY = (xp.tanh, lambda x: x * x, xp.matrix_transpose, lambda x: xp.sort(x, axis=0), lambda x: x - xp.sum(x, axis=0))
BINARY = (xp.add, xp.matmul, xp.maximum, lambda x, y: xp.sum(x, axis=1, keepdims=True) * y)
NODES = st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 20), st.integers(0, 20))


def grown(nodes):
    """A function that applies operations to what was made before, and returns some of it."""

    def function(x, y):
        made = [x, y]
        for choice, one, other in nodes:
            a, b = made[one % len(made)], made[other % len(made)]
            made.append(UNARY[choice](a) if choice < len(UNARY) else BINARY[choice - len(UNARY)](a, b) / 9)
        return made[-1], made[len(made) // 2]

    return function


@settings(max_examples=25, deadline=None)
@given(st.lists(NODES, min_size=2, max_size=14))
def test_arrays_of_a_program_that_live_together_lie_apart(nodes):
    function = grown(nodes)
    run = mt.compile(function)
    x, y = mt.random.normal(mt.key(0), (9, 9)), mt.random.normal(mt.key(1), (9, 9))
    run(x, y)
    plan = native(run).plan
    lives = []
    for number in plan.offsets:
        levels = [plan.levels[i] for i, step in enumerate(plan.steps) if number in (*written_by(step), *read_by(step))]
        lives.append(Life(number, plan.specs[number].nbytes, min(levels), max(levels)))
    assert not overlapping(lives, plan.offsets, plan.arena)


# a training


def stepping(batch):
    """A function that takes a step of a small CNN."""

    @mt.compile(donate=("net", "opt"))
    def step(net, opt, key, x, y):
        def objective(net):
            p, net = mt.training(net)(key, x)
            return losses.cross_entropy(p, y).mean(), net

        (loss, net), gradient = mt.value_and_grad(objective, aux=True)(net)
        return (*opt.step(net, gradient), loss)

    net = nn.Conv2D(8, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(32) >> nn.relu >> nn.Dense(10)
    net = net.init(mt.key(0), np.zeros((1, 16, 16, 3), np.float32))
    state = [net, optim.adam(1e-3).init(net), None]
    rng = np.random.default_rng(0)
    x, y = rng.random((batch, 16, 16, 3), np.float32), rng.integers(0, 10, batch)

    def once():
        state[:] = step(state[0], state[1], mt.key(1), x, y)

    return step, once, (*state[:2], mt.key(1), x, y)


def faults(run, times):
    """How many pages the system hands out meanwhile."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_training_asks_the_system_for_no_memory():
    _, once, _ = stepping(64)
    for _ in range(5):
        once()
    assert min(faults(once, 100) for _ in range(3)) < 10


GROWTH = """
    import mapsto as mt
    from tests.compiler.test_memory import native, stepping

    def resident():
        return int(open("/proc/self/statm").read().split()[1]) * 4096

    mt.threads(1)
    step, once, arguments = stepping(4096)
    step.graph_for(*arguments)
    memory = native(step).memory
    small = mt.compile(lambda x: x + 1)
    small(1.0)
    before = resident()
    for _ in range(4):
        once()
    print(resident() - before, memory.arena, memory.results, memory.scratch)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no other system tells what is resident")
def test_a_process_grows_by_what_is_reported():
    """By the arena and the results; what was donated first makes room for the second set of results."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(GROWTH)], env=environment, capture_output=True, text=True, check=True
    )
    grown, arena, results, scratch = map(int, made.stdout.split())
    reported = arena + 2 * results + scratch
    assert arena > 2_000_000
    assert 0.6 * reported - 500_000 < grown < 1.15 * reported + 1_000_000
