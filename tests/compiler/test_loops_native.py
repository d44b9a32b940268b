"""Bodies as parts of a native run: what they make, whoever runs it, and that a run of them can be ended."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import mapsto as mt
from mapsto.array.trace import apply_all
from mapsto.compiler import sequence
from mapsto.compiler.fuse import HostStep
from mapsto.compiler.prepared import prepared
from mapsto.compiler.program import Native
from mapsto.core.spec import FLOAT32, FLOAT64, INT64, Spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Builder, Graph, Node, Var, run
from mapsto.target.launch import Launch
from mapsto.transform.block import Call
from mapsto.transform.bodies import body_of
from mapsto.transform.derive import backward, forward
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan
from tests.compiler.bodies import drawn_scan, numbers_for, one_node
from tests.laws.interpreted import run_interpreted
from tests.laws.samples import assert_close

N, D = 48, 40
LSTM = body_of(
    f"u: f32[{D},{4 * D}], h: f32[{N},{D}], c: f32[{N},{D}], x: f32[{N},{4 * D}]",
    f'm: f32[{N},{4 * D}] = contract(h, u; x="ik", y="kj", out="ij")',
    f"z: f32[{N},{4 * D}] = add(m, x)",
    *(
        f"z{place}: f32[{N},{D}] = slice(z; start=[0,{place * D}], stop=[{N},{(place + 1) * D}], step=[1,1])"
        for place in range(4)
    ),
    f"i: f32[{N},{D}] = sigmoid(z0)",
    f"f: f32[{N},{D}] = sigmoid(z1)",
    f"g: f32[{N},{D}] = tanh(z2)",
    f"o: f32[{N},{D}] = sigmoid(z3)",
    f"a: f32[{N},{D}] = mul(f, c)",
    f"b: f32[{N},{D}] = mul(i, g)",
    f"d: f32[{N},{D}] = add(a, b)",
    f"t: f32[{N},{D}] = tanh(d)",
    f"y: f32[{N},{D}] = mul(o, t)",
    "y, d, y",
)
LESS = body_of("b: i64[], n: i64[]", "y: bool[] = less(n, b)", "y")
MORE = body_of("b: i64[], n: i64[]", 'o: i64[] = const(text="1", dtype="i64")', "m: i64[] = add(n, o)", "m")
BLOCK = body_of(
    "h: f32[8,8], w: f32[8,8]",
    'm: f32[8,8] = contract(h, w; x="ik", y="kj", out="ij")',
    "t: f32[8,8] = tanh(m)",
    "y: f32[8,8] = add(t, h)",
    "y",
)
COUNT = one_node(While(LESS, MORE, 1), Spec(INT64, ()), Spec(INT64, ()))


def lstm(length: int) -> Graph:
    specs = [Spec(FLOAT32, shape) for shape in ((D, 4 * D), (N, D), (N, D), (length, N, 4 * D))]
    return one_node(Scan(LSTM, length, 1, 2, False), *specs)


def hold(graph: Graph, tolerance: float | None = None) -> Native:
    native, inputs = Native(graph), numbers_for(graph)
    assert not [part for part in native.parts if isinstance(part, HostStep)]
    for _ in range(2):  # of the second run, memory has what the first one left
        for found, wanted in zip(native.run(inputs), run(graph, inputs), strict=True):
            assert_close(found, wanted, tolerance)
    return native


@pytest.fixture
def nothing_light(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Phases are shared wherever they have several chunks, and launches wake the workers."""
    monkeypatch.setattr(sequence, "LIGHT", 0)
    before = mt.threads()
    yield
    mt.threads(before)


@pytest.mark.parametrize("seed", range(60))
def test_drawn_scans(seed: int) -> None:
    graph = drawn_scan(random.Random(seed))
    hold(graph)
    inputs = numbers_for(graph)
    for found, wanted in zip(run_interpreted(graph, inputs), run(graph, inputs), strict=True):
        assert_close(found, wanted)


@pytest.mark.parametrize("seed", range(20))
def test_derivatives_of_drawn_scans(seed: int) -> None:
    graph = drawn_scan(random.Random(seed), depth=1)
    wrt = [i for i, var in enumerate(graph.inputs) if var.spec.dtype == FLOAT64]
    hold(forward(graph, wrt))
    if "while" not in str([node.primitive.name for node in nodes_of(graph)]):
        hold(backward(graph, wrt))


def nodes_of(graph: Graph) -> list[Node]:
    inner = [body.graph for node in graph.nodes for body in node.primitive.inner()]
    return [*graph.nodes, *(node for one in inner for node in nodes_of(one))]


@pytest.mark.usefixtures("nothing_light")
def test_the_same_bits_for_any_threads() -> None:
    graph = lstm(7)
    inputs = [array * np.float32(0.3) for array in numbers_for(graph)]
    native = Native(graph)
    assert native.launches[0].shared
    found = {}
    for count in (1, 2, 3, 4):
        mt.threads(count)
        for _ in range(5):
            found.setdefault(count, set()).add(b"".join(array.tobytes() for array in native.run(inputs)))
    assert len(set.union(*found.values())) == 1
    for one, other in zip(native.run(inputs), run(graph, inputs), strict=True):
        assert_close(one, other, 1e-4)


@pytest.mark.usefixtures("nothing_light")
def test_several_python_threads_at_once() -> None:
    graph = lstm(5)
    native = Native(graph)
    sets = [[array * np.float32(0.1 * n) for array in numbers_for(graph, n)] for n in range(4)]
    wanted = [[array.copy() for array in native.run(inputs)] for inputs in sets]
    wrong: list[int] = []

    def again(place: int) -> None:
        for _ in range(20):
            made = native.run(sets[place])
            if any(one.tobytes() != other.tobytes() for one, other in zip(made, wanted[place], strict=True)):
                wrong.append(place)

    threads = [threading.Thread(target=again, args=(place,)) for place in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


@pytest.mark.usefixtures("nothing_light")
def test_in_a_child_after_fork() -> None:
    native, inputs = Native(lstm(3)), numbers_for(lstm(3))
    mt.threads(2)
    wanted = [array.copy() for array in native.run(inputs)]
    child = os.fork()
    if not child:
        same = all(one.tobytes() == two.tobytes() for one, two in zip(native.run(inputs), wanted, strict=True))
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_one_launch_whatever_the_length() -> None:
    """A scan of a hundred turns is one call, with the code of a scan of ten."""
    short, long = Native(lstm(10)), Native(lstm(100))
    assert [type(part) for part in long.parts] == [Launch]
    assert len(short.launches[0].parts) == len(long.launches[0].parts)
    calls = []
    launch = long.launches[0]
    call = launch.call
    launch.call = lambda *args: calls.append(call(*args))  # type: ignore[method-assign]
    long.run(numbers_for(lstm(100)))
    assert len(calls) == 1


@pytest.mark.parametrize("turns", [0, 1, 2, 1000, 300_000])
def test_a_loop_in_slices(turns: int) -> None:
    """However often it pauses, it comes to the same."""
    native = Native(COUNT)
    native.launches[0].slice = 1_000_000
    assert native.run([np.asarray(turns), np.asarray(0)])[0] == turns


def test_a_turn_takes_less_than_a_fifth_of_a_microsecond() -> None:
    native, best = Native(COUNT), np.inf
    for _ in range(5):
        began = time.perf_counter()
        native.run([np.asarray(200_000), np.asarray(0)])
        best = min(best, time.perf_counter() - began)
    assert best < 200_000 * 0.2e-6


def test_an_index_out_of_range_in_a_turn() -> None:
    """The run ends there, the reference's error is raised, and the next run is as good as any."""
    body = body_of("a: f64[4], i: i64[], s: f64[]", "x: f64[] = take(a, i; batch_axes=0)", "t: f64[] = add(s, x)", "t")
    scan = Scan(moved_index(body), 3, 1, 1, False)
    step = mt.compile(lambda a, s, i: apply_all(scan, a, s, i)[0])
    a, s = mt.xp.asarray(np.arange(4.0)), mt.xp.asarray(0.0, dtype=mt.xp.float64)
    assert float(step(a, s, mt.xp.asarray([1, 2, 3]))) == 6
    with pytest.raises(mt.IndexRangeError):
        step(a, s, mt.xp.asarray([1, 7, 3]))
    assert float(step(a, s, mt.xp.asarray([3, 2, 3]))) == 8


def moved_index(body: Body) -> Body:
    """A body of (a, i, s) ↦ one of a constant a, a carry s and a row i."""
    graph = body.graph
    a, i, s = graph.inputs
    return Body(Graph((a, s, i), graph.nodes, graph.outputs))


def test_what_needs_the_host_is_done_there() -> None:
    body = body_of("s: f64[4], x: f64[4]", "t: f64[4] = add(s, x)", "u: f64[4], j: i64[4] = sort(t; axis=0)", "u, t")
    graph = one_node(Scan(body, 3, 0, 1, False), Spec(FLOAT64, (4,)), Spec(FLOAT64, (3, 4)))
    native, inputs = Native(graph), numbers_for(graph)
    assert [type(part) for part in native.parts] == [HostStep]
    for found, wanted in zip(native.run(inputs), run(graph, inputs), strict=True):
        assert_close(found, wanted)


def test_loops_before_and_behind_the_host() -> None:
    """Two launches with a loop each, blocks called in both; what fails in the first is told before the host works."""

    def block(h: mt.Array) -> mt.Array:
        return mt.xp.tanh(h) * 2.0

    def function(x: mt.Array, places: mt.Array) -> mt.Array:
        last, rows = mt.scan(lambda h, i: (block(block(h)) + x[i], h), x[0], places)
        ordered = mt.xp.sort(rows, axis=0) + last
        return mt.scan(lambda h, row: (block(block(h)) + row, h), ordered[0], ordered)[1]

    step = mt.compile(function)
    x = mt.xp.asarray(np.random.default_rng(0).standard_normal((4, 3)))
    for places in ([0, 1, 2, 3, 1], [3, 3, 3, 3, 3]):
        made = step(x, mt.xp.asarray(places))
        with mt.interpret():
            assert_close(np.asarray(made), np.asarray(step(x, mt.xp.asarray(places))))
    native = next(iter(step.programs.values())).native
    assert [type(part) for part in native.parts] == [Launch, HostStep, Launch]
    with pytest.raises(mt.IndexRangeError):
        step(x, mt.xp.asarray([0, 1, 4, 3, 1]))


ENDLESS = """
import signal, sys, threading, time
import numpy as np
import mapsto as mt
from tests.compiler.test_loops_native import COUNT, Native
native = Native(COUNT)
native.run([np.asarray(10), np.asarray(0)])
print("ready", flush=True)
began = time.perf_counter()
try:
    native.run([np.asarray(2**62), np.asarray(0)])
except KeyboardInterrupt:
    again = native.run([np.asarray(10), np.asarray(0)])[0]
    print("interrupted", int(again), flush=True)
"""


def test_an_interrupt_ends_an_endless_loop() -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        began = time.perf_counter()
        assert process.stdout.readline() == "interrupted 10\n"
        assert time.perf_counter() - began < 5
    assert process.returncode == 0


def blocks(count: int) -> Graph:
    """The graph of a chain of equal blocks, each with weights of its own."""
    inputs = tuple(Var(Spec(FLOAT32, (8, 8))) for _ in range(count + 1))
    builder = Builder()
    h = inputs[0]
    for weights in inputs[1:]:
        (h,) = builder.add(Call(BLOCK, True), (h, weights))
    return Graph(inputs, tuple(builder.nodes), (h,))


def test_a_block_is_planned_and_compiled_once() -> None:
    two, twelve = (hold(blocks(count), 1e-4) for count in (2, 12))
    assert len(two.frames.written) == len(twelve.frames.written)
    assert two.frames.arena - two.plan.arena == twelve.frames.arena - twelve.plan.arena


def test_memory_has_room_for_all_turns() -> None:
    """Of two carries one is a row of a result too; the other has two buffers, of which one is its own result."""
    native = Native(lstm(10))
    assert native.memory.arena == N * D * 4
    assert native.memory.scratch == native.frames.scratch


def test_a_prepared_call_with_a_loop() -> None:
    step = mt.compile(lambda x, w: mt.scan(lambda h, row: (mt.xp.tanh(h @ w + row), None), x[0], x)[0])
    rng = np.random.default_rng(0)
    w = mt.xp.asarray(rng.standard_normal((6, 6)).astype(np.float32))
    x = rng.standard_normal((5, 3, 6)).astype(np.float32)
    call = prepared(step, x, w)
    for n in range(3):
        np.testing.assert_array_equal(call(x + n), np.asarray(step(x + n, w)))


def test_loops_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    graph = lstm(10)
    mt.show(graph, level="kernels")
    table = capsys.readouterr().out
    assert "scan ↦" in table and "10 turns" in table and "k0_0" in table and "1 kernel, 1 phase" in table
    mt.show(graph, kernel="k0_0")
    assert capsys.readouterr().out.startswith("kernel 0_0 of graph, phase 0.0, 10 times: ")
    for level, begins in (("stages", "kernel k0_0"), ("loops", "kernel k0_0("), ("llvm", "define void @k0_0")):
        mt.show(graph, level=level)
        assert begins in capsys.readouterr().out
    mt.show(graph, measure=True)
    assert "GFLOP/s" in capsys.readouterr().out
