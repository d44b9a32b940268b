"""The number of threads, and what happens to workers when processes fork, are interrupted and end."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import mapsto as mt
from mapsto.core.errors import UsageError
from mapsto.target import driver, state, waiting
from mapsto.target import threads as workers
from mapsto.target.host import Host, host
from mapsto.target.launch import Launch, Phase
from mapsto.target.native import assembly_code, llvm
from tests.target.kernels import slots, task

BEGIN = """
import os, signal, sys, threading, time
import numpy as np
import mapsto as mt
from mapsto.target.launch import Launch, Phase
from tests.target.kernels import slots, task

mt.threads(4)
a = np.zeros(64, np.int64)
launch = Launch([Phase((task("count", [0], 64),))] * 3)
for _ in range(100):
    launch.run(slots(a))
"""


@pytest.fixture(autouse=True)
def four() -> Iterator[None]:
    before = mt.threads()
    mt.threads(4)
    yield
    mt.threads(before)


def counting() -> tuple[Launch, np.ndarray, np.ndarray]:
    a = np.zeros(64, np.int64)
    return Launch([Phase((task("count", [0], 64),))] * 3), a, slots(a)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter runs code after BEGIN; one that hangs fails the test."""
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mt.threads() == 4 and mt.threads(3) == 3 and mt.threads() == 3
    assert workers.pool().count == 3
    monkeypatch.setattr(workers, "_wanted", None)
    monkeypatch.setattr(workers, "_pool", None)
    monkeypatch.setenv("MAPSTO_THREADS", "7")
    assert mt.threads() == 7
    monkeypatch.delenv("MAPSTO_THREADS")
    assert mt.threads() == workers.cores()


@pytest.mark.parametrize("n", [0, -1, 1025, 2.0, "2", True])
def test_no_number_of_threads(n: object) -> None:
    with pytest.raises(UsageError, match="from 1 to 1024") as error:
        mt.threads(n)  # pyright: ignore[reportArgumentType]
    assert error.value.code == "ARG-01" and mt.threads() == 4


@pytest.mark.parametrize("text", ["0", "two", "-1", "1.5", "99999999"])
def test_no_number_in_the_environment(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTO_THREADS", text)
    with pytest.raises(UsageError) as error:
        workers.default()
    assert error.value.code == "NATIVE-04"


def test_the_number_changes_while_others_run() -> None:
    launch, a, given = counting()
    stop = threading.Event()
    runs = []

    def often() -> None:
        while not stop.is_set():
            launch.run(given)
            runs.append(1)

    caller = threading.Thread(target=often)
    caller.start()
    for n in (1, 4, 2, 3, 1, 2) * 3:
        mt.threads(n)
        time.sleep(0.002)
    stop.set()
    caller.join()
    assert (a == 3 * len(runs)).all()


def test_small_launches_start_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_pool", None)
    a = np.zeros(8, np.int64)
    Launch([Phase((task("count", [0], 8),))], small=True).run(slots(a))
    assert (a == 1).all() and workers._pool is None


def test_a_system_without_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        pool = workers.Pool(4)
    launch, a, given = counting()
    pool.run(launch._program, given.ctypes.data, 0, 0)
    pool.stop()
    assert (a == 3).all()


@pytest.mark.parametrize("builtins", [True, False])
def test_with_and_without_builtins(builtins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Python offers to call native functions with."""
    if not builtins:
        monkeypatch.setattr("mapsto.target.builtin.available", lambda: False)
    found = workers.functions.__wrapped__()
    assert (type(found.brief) is type(len)) == builtins
    monkeypatch.setattr("mapsto.target.launch.functions", lambda: found)
    a = np.zeros(64, np.int64)
    Launch([Phase((task("count", [0], 64),))] * 3, small=True).run(slots(a))
    assert (a == 3).all()


@pytest.mark.skipif(not waiting.sleeps_natively(), reason="workers sleep in Python here")
def test_workers_sleep_and_wake() -> None:
    """They ask for no time while nothing runs, and take part again."""
    launch, a, given = counting()
    for run in range(1, 6):
        launch.run(given)
        deadline = time.monotonic() + 20
        while workers.pool().state[state.SLEEPERS] < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        before = time.process_time()
        time.sleep(0.05)
        assert time.process_time() - before < 0.01
        assert (a == 3 * run).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_after_threads() -> None:
    launch, a, given = counting()
    launch.run(given)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            launch.run(given)
            fine = bool((a == 6).all()) and all(worker.is_alive() for worker in workers.pool()._workers)
            fine = fine and mt.threads() == 4 and mt.threads(2) == 2
            launch.run(given)
            code = 0 if fine and (a == 9).all() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    launch.run(given)
    assert (a == 6).all()


FORKS = """
from mapsto.target.native import load
import warnings
warnings.simplefilter("ignore")

def compile_on():  # a thread that is inside of LLVM nearly always
    for n in range(10**6):
        load(f"define i64 @f() {{ ret i64 {n} }}", ["f"])

def run_on():
    while True:
        launch.run(given)

own = np.zeros(64, np.int64)
given = slots(own)
for target in (compile_on, run_on):
    threading.Thread(target=target, daemon=True).start()
for n in range(20):
    child = os.fork()
    if child == 0:
        load(f"define i64 @g() {{ ret i64 {n} }}", ["g"])
        a[:] = 0
        launch.run(slots(a))
        os._exit(0 if (a == 3).all() else 1)
    deadline = time.monotonic() + 20
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            sys.exit("a child hangs")
        time.sleep(0.001)
    if done[1]:
        sys.exit(f"a child failed: {done[1]}")
print("done")
sys.stdout.flush()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forks_while_other_threads_compile_and_run() -> None:
    found = python(FORKS, MAPSTO_CACHE="off")
    assert (found.stdout, found.returncode) == ("done\n", 0), found.stderr


@pytest.mark.parametrize(
    "code",
    [
        "",
        "time.sleep(0.02)",
        "import atexit; atexit.register(launch.run, slots(a))",
        "mt.target.threads._end(); launch.run(slots(a)); assert threading.active_count() == 1",
        "threading.Thread(target=lambda: [launch.run(slots(a)) for _ in range(10**9)], daemon=True).start()",
        "raise SystemExit(0)",
    ],
    ids=["at once", "asleep", "at exit", "after the end", "in use", "by exception"],
)
def test_the_interpreter_ends(code: str) -> None:
    start = time.monotonic()
    found = python(code + "\n")
    assert (found.stderr, found.returncode) == ("", 0)
    assert time.monotonic() - start < 30


SLOWLY = """
from mapsto.target import driver, threads, waiting
from mapsto.target.host import host

tell = "define internal void @tell(ptr %state, ptr %place) {\\n"
text = driver.source(host().triple, waiting.sleeps_natively())
assert text.count(tell) == 1
driver.source = lambda *_: text.replace(tell, tell + "call void @pauses(i64 1000)\\n")
threads.functions.cache_clear()
pool = threads.Pool(4)
b = np.zeros(5, np.int64)
given = slots(b)
phases = Launch([Phase((task("count", [0], 5),))] * 20)
for _ in range(500):
    pool.run(phases._program, given.ctypes.data, 0, 0)
pool.stop()
print((b == 20 * 500).all())
"""


def test_nobody_overtakes_who_tells_of_a_phase() -> None:
    """Whoever leads is slow to tell the others, as if the system had put him aside there."""
    found = python(SLOWLY)
    assert (found.stdout, found.returncode) == ("True\n", 0), found.stderr


INTERRUPT = """
b = np.arange(64)
long = Launch([Phase((task("walk", [0, 1], 64),))] * 4)
given = slots(b, 1_000_000)
timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
timer.start()
try:
    long.run(given)
    long.run(given)
    print("no interrupt")
except KeyboardInterrupt:
    timer.join()
    before = b.copy()
    a[:] = 0
    for _ in range(100):
        launch.run(slots(a))
    print("interrupted", (a == 300).all(), np.array_equal(b, before))
"""


@pytest.mark.skipif(os.name != "posix", reason="no signals here")
def test_an_interrupt_comes_after_the_run() -> None:
    found = python(INTERRUPT)
    assert (found.stdout, found.returncode) == ("interrupted True True\n", 0), found.stderr


@pytest.mark.parametrize("triple", ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "arm64-apple-darwin"])
@pytest.mark.parametrize("sleeps", [True, False])
@pytest.mark.parametrize("yields", [True, False])
def test_the_driver_is_right_for_other_systems(triple: str, sleeps: bool, yields: bool) -> None:
    host()
    text = driver.source(triple, sleeps, yields)
    llvm.parse_assembly(text).verify()
    assert ("x86" in text) == triple.startswith("x86")
    assert ("@syscall" in text, "@sched_yield" in text) == (sleeps, yields)


def test_the_driver_becomes_code_for_arm() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("this llvmlite makes no code for ARM")
    arm = Host("aarch64-unknown-linux-gnu", "neoverse-n1", "", 16, 32)
    text = assembly_code(driver.source(arm.triple, native_sleep=True), arm)
    assert "ldaddal" in text and "stlr" in text  # claims and openings are atomic, and ordered
