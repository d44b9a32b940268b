"""What running on threads costs on this machine: `python -m bench.threads`. Other work on the machine disturbs it."""

import os
import time
from collections.abc import Callable
from statistics import median

import numpy as np

import mapsto as mt
from mapsto.target import cache, native
from mapsto.target.host import host
from mapsto.target.launch import Launch, Phase, Task

# a[chunk] stepped `slots[2]` times through a generator: as much work as is asked for, in registers.
WALK = """
define void @walk(ptr %slots, ptr %binding, i64 %chunk, ptr %scratch) {
  %a_slot = getelementptr ptr, ptr %slots, i64 0
  %a = load ptr, ptr %a_slot
  %steps_slot = getelementptr i64, ptr %slots, i64 1
  %steps = load i64, ptr %steps_slot
  %at = getelementptr i64, ptr %a, i64 %chunk
  %x = load i64, ptr %at
  br label %loop
loop:
  %i = phi i64 [0, %0], [%i1, %loop]
  %y = phi i64 [%x, %0], [%y2, %loop]
  %y1 = mul i64 %y, 6364136223846793005
  %y2 = add i64 %y1, 1442695040888963407
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %steps
  br i1 %more, label %loop, label %out
out:
  store i64 %y2, ptr %at
  ret void
}"""


def run_of(phases: int, chunks: int, steps: int, small: bool = False) -> Callable[[], None]:
    task = Task(native.load(WALK, ["walk"])["walk"], (0,), chunks)
    launch = Launch([Phase((task,))] * phases, scratch_bytes=4096, small=small)
    a = np.arange(chunks)
    slots = np.array([a.ctypes.data, steps])
    return lambda: launch.run(slots) if len(a) else None  # and keeps the array alive


def microseconds(run: Callable[[], None], times: int, pause: float = 0.0) -> tuple[float, float]:
    """The least and the median time of a run."""
    for _ in range(10):
        run()
    taken = []
    for _ in range(times):
        ready = time.perf_counter() + pause
        while time.perf_counter() < ready:  # the caller stays awake
            pass
        start = time.perf_counter()
        run()
        taken.append(1e6 * (time.perf_counter() - start))
    return min(taken), median(taken)


def row(name: str, least: float, middle: float) -> None:
    print(f"{name:<58} {least:10.2f} {middle:10.2f} µs")


def calls() -> None:
    mt.threads(2)
    row("small launch, one chunk", *microseconds(run_of(1, 1, 1, small=True), 5000))
    row("launch on 2 threads, one phase of 2 chunks", *microseconds(run_of(1, 2, 1), 5000))
    many, one = (microseconds(run_of(phases, 2, 1000), 300) for phases in (201, 1))
    work, empty = (microseconds(run_of(1, 1, steps, small=True), 5000) for steps in (1000, 1))
    row(
        "a phase of 2 chunks on 2 threads, beside its work",
        *((m - o) / 200 - (w - e) for m, o, w, e in zip(many, one, work, empty, strict=True)),
    )
    for name, pause in (("awake", 0.0), ("asleep", 300e-6)):
        row(f"2 chunks of 95 µs on 2 threads, {name}", *microseconds(run_of(1, 2, 100_000), 200, pause))


def scaling() -> None:
    taken = {}
    for n in (1, 2, 3, 4):
        mt.threads(n)
        taken[n] = microseconds(run_of(20, 16, 5000), 200)
        row(f"20 phases of 16 chunks of 5 µs on {n} threads", *taken[n])
    for few, many in ((1, 2), (2, 4)):
        ratios = (a / b for a, b in zip(taken[few], taken[many], strict=True))
        print(f"  {few} threads / {many} threads: {' '.join(f'{ratio:.2f}' for ratio in ratios)}")


def compiling() -> None:
    machine = host()
    texts = [WALK.replace("1442695040888963407", str(n)) for n in range(1, 51)]

    def each(make: Callable[[int], object]) -> tuple[float, float]:
        count = iter(range(10**6))
        return microseconds(lambda: made.append(make(next(count) % 50)), 40)

    made: list[object] = []
    row("object code of a small kernel", *each(lambda n: native.object_code(texts[n], machine)))
    code = native.object_code(texts[0], machine)
    row(f"linking its {len(code)} bytes", *each(lambda n: native.link(code, ["walk"])))
    row("key of a text", *each(lambda n: native.key_of(texts[n], machine)))
    row("writing an entry", *each(lambda n: cache.write(cache.key_of(str(n)), code)))
    row("reading and verifying an entry", *each(lambda n: cache.read(cache.key_of(str(n)))))


if __name__ == "__main__":
    print(f"{host().cpu}, {os.cpu_count()} cores{'least':>50} {'median':>10}")
    calls()
    scaling()
    compiling()
