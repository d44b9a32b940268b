"""The threads that run native code together: how many there are, and the pool of workers beside the caller.

Workers are Python threads that live inside of one native call (`target.driver`), where they hold no lock of Python.
They start with the first run that can use them, and end when their number changes or the interpreter does.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mapsto.core.check import whole_number
from mapsto.core.errors import UsageError
from mapsto.target import builtin, driver, state, waiting
from mapsto.target.host import host
from mapsto.target.native import load

MOST = 1024
PATIENCE = 100e-6  # seconds that a worker waits for the next run before it sleeps; to wake one takes about 25 µs
LOOKS = 100  # so much sooner a thread looks for what others have left: in 1 µs, about what looking costs them

_lock = threading.Lock()
_wanted: int | None = None  # what the user said
_pool: Pool | None = None
_ending = False


def threads(n: int | None = None) -> int:
    """How many threads run native code: set to n if one is given ↦ their number.

    At first it is what the environment variable MAPSTO_THREADS says, else the number of cores that this process may
    use. Results are the same to the last bit for every number: work is cut by shapes alone.

    Raises UsageError (ARG-01 for what is no whole number from 1 to 1024; NATIVE-04 for such a MAPSTO_THREADS).

    >>> before = threads()
    >>> threads(2)
    2
    >>> threads(before) == before
    True
    """
    global _wanted, _pool
    if n is None:
        return _pool.count if _pool else _wanted or default()
    count = whole_number("mt.threads", "n", n, most=MOST, fix="mt.threads() tells how many there are")
    with _lock:
        _wanted, old = count, _pool
        if old is None or old.count == count:
            return count
        _pool = None
    old.stop()
    return count


def default() -> int:
    """MAPSTO_THREADS, else the number of cores that this process may use."""
    text = os.environ.get("MAPSTO_THREADS", "").strip()
    if not text:
        return min(cores(), MOST)
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise UsageError("NATIVE-04", text=text, most=MOST, fix="unset it to use all cores, or say MAPSTO_THREADS=2")
    return int(text)


def cores() -> int:
    """The number of cores that this process may use.

    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def block(size: int) -> tuple[np.ndarray, int]:
    """New memory of `size` bytes that begins at a multiple of 128: the array that holds it, and its address."""
    data = np.zeros(size + 128, np.uint8)
    return data, data.ctypes.data + -data.ctypes.data % 128


class Pool:
    """Workers that wait for runs, and the state they share with the caller, whose layout stands in `target.state`."""

    def __init__(self, count: int, native_sleep: bool | None = None) -> None:
        self.count = count
        self.call = functions(native_sleep)
        self._memory, self.address = block(8 * state.words(count))
        self.state = (ctypes.c_int64 * state.words(count)).from_address(self.address)
        self.state[state.COUNT], self.state[state.OPENED] = count, 1
        patience = self._patience() if count > 1 else 0
        self.state[state.LOOK] = patience // LOOKS
        self.scratch_bytes = 0
        self._scratch: list[np.ndarray] = []
        self._growing = threading.Lock()
        self.run_brief = self.call.run_brief  # may be called at once for as much work space as there is `room`,
        self.room = 0 if self.call.sleeps and count > 1 else -1  # -1 if never
        self.alarms = [] if self.call.sleeps else [threading.Event() for _ in range(1, count)]  # for sleep in Python
        self._workers: list[threading.Thread] = []
        for who in range(1, count):
            worker = threading.Thread(target=self._work, args=(who, patience), name=f"mapsto-{who}", daemon=True)
            try:
                worker.start()
            except RuntimeError:  # the system gives no more threads: those that there are do the work
                break
            self._workers.append(worker)

    def run(self, program: int, slots: int, scratch: int, size: int, short: bool = False) -> None:
        """Run a launch by its address: with the workers, or alone if another Python thread has them."""
        if self.count == 1:
            (self.call.brief if short else self.call.alone)(program, slots, scratch)
            return
        if self.scratch_bytes < size:
            self.reserve(size)
        for alarm in self.alarms:
            alarm.set()
        (self.call.run_brief if short else self.call.run)(self.address, program, slots, scratch)

    def reserve(self, size: int) -> None:
        """Give every worker a work space of that many bytes at least.

        The old ones stay: a run may be using them. They double, so all together are no more than twice the last.
        """
        with self._growing:
            if size <= self.scratch_bytes:
                return
            size = max(size, 2 * self.scratch_bytes)
            for who in range(1, self.count):
                memory, address = block(size)
                self._scratch.append(memory)
                self.state[state.own(who, state.SCRATCH)] = address
            self.scratch_bytes = size
            self.room = size if self.room >= 0 else -1

    def stop(self) -> None:
        """End the workers, once the run that goes on is over, if one does; later runs are their callers' alone."""
        self.state[state.STOP] = 1
        self.call.ring(self.address)
        for alarm in self.alarms:
            alarm.set()
        for worker in self._workers:
            worker.join()

    def _work(self, who: int, patience: int) -> None:
        while self.call.work(self.address, who, patience):
            alarm = self.alarms[who - 1]  # its own: if it cleared another's, that one might sleep for good
            alarm.clear()
            if not self.state[state.STOP] and not self.state[state.BUSY]:
                alarm.wait()

    def _patience(self) -> int:
        """How many pauses `PATIENCE` is: they take from 10 to 140 cycles, according to the processor."""
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            self.call.pauses(1000)
            seconds.append(time.perf_counter() - start)
        return max(1, int(1000 * PATIENCE / min(seconds)))


@dataclass(frozen=True)
class Functions:
    """The driver's functions. All but the brief ones let go of Python's lock while they run."""

    alone: Callable[..., Any]
    brief: Callable[..., Any]  # `alone`, keeping the lock: to let go and take it again may cost more than the run
    run: Callable[..., Any]
    run_brief: Callable[..., Any]
    work: Callable[..., Any]
    ring: Callable[..., Any]
    pauses: Callable[..., Any]
    sleeps: bool  # whether `work` sleeps by itself


@cache
def functions(native_sleep: bool | None = None) -> Functions:
    """The driver, compiled for this machine."""
    native_sleep = waiting.sleeps_natively() if native_sleep is None else native_sleep
    text, names = driver.source(host().triple, native_sleep), driver.NAMES
    if builtin.available():
        brief = [builtin.source("brief", "alone", 3), builtin.source("run_brief", "run", 4)]
        text, names = "\n".join([text, builtin.DECLARED, *brief]), (*names, "brief", "run_brief")
    found = load(text, names)
    word, at = ctypes.c_ssize_t, ctypes.c_void_p  # ctypes takes an integer for an address in a third of the time

    def holding(name: str, native: str, *kinds: Any) -> Callable[..., Any]:
        """A function that keeps Python's lock."""
        return builtin.builtin(name, found[name]) if name in found else ctypes.PYFUNCTYPE(None, *kinds)(found[native])

    return Functions(
        alone=ctypes.CFUNCTYPE(None, at, at, at)(found["alone"]),
        brief=holding("brief", "alone", at, at, at),
        run=ctypes.CFUNCTYPE(None, at, at, at, at)(found["run"]),
        run_brief=holding("run_brief", "run", at, at, at, at),
        work=ctypes.CFUNCTYPE(word, word, word, word)(found["work"]),
        ring=ctypes.CFUNCTYPE(None, word)(found["ring"]),
        pauses=ctypes.CFUNCTYPE(None, word)(found["pauses"]),
        sleeps=native_sleep,
    )


def pool() -> Pool:
    """The pool of this process, made with its first use."""
    return _pool or _make()


def _make() -> Pool:
    global _pool
    with _lock:
        if _pool is None:
            _pool = Pool(1 if _ending else threads())
        return _pool


def _end() -> None:
    """At the exit of the interpreter: no worker may be alive when its threads are torn down."""
    global _ending, _pool
    with _lock:
        _ending, old, _pool = True, _pool, None
    if old:
        old.stop()


def _forget() -> None:
    """In a child after fork: the workers stayed with the parent, and one of its threads may have had the lock."""
    global _lock, _pool
    _lock = threading.Lock()
    _pool = None


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
