"""What the figures were taken on, and how a process is held to two cores and watched."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")
STATUS = Path("/proc/self/status")


def cpu_name() -> str:
    """The processor as Linux names it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.replace("\t", "").split(": ", 1) for line in lines[:30] if ": " in line)
    name = facts.get("model name", platform.machine())
    numbers = [facts.get(key) for key in ("cpu family", "model")]
    return f"{name} (family {numbers[0]}, model {numbers[1]})" if all(numbers) else name


def vectors() -> str:
    """The widest vectors that Linux reports: avx512, avx2, neon, or nothing known."""
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return "unknown"
    known = {"avx512f": "avx512", "avx2": "avx2", "asimd": "neon"}
    return next((name for flag, name in known.items() if flag in words), "sse")


def facts() -> dict[str, object]:
    """The machine, for the file of results."""
    return {
        "cpu": cpu_name(),
        "vectors": vectors(),
        "cores": len(distinct_cores(sorted(allowed()))),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()),
    }


def allowed() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def distinct_cores(numbers: list[int]) -> list[int]:
    """Of logical processors, one for each physical core: two threads on one core are not two cores."""
    seen: set[str] = set()
    chosen = []
    for number in numbers:
        path = CPUS / f"cpu{number}" / "topology" / "thread_siblings_list"
        siblings = path.read_text().strip() if path.exists() else str(number)
        if siblings not in seen:
            seen.add(siblings)
            chosen.append(number)
    return chosen


def hold_to(cores: list[int]) -> None:
    """This process and the threads it will start run on these cores only, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _status(field: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def memory_now() -> int:
    """Bytes of this process in memory now; where the system does not tell, the most there have been."""
    return _status("VmRSS") if STATUS.exists() else memory_peak()


def memory_peak() -> int:
    """The most bytes there have been in memory since `forget_peak`, or since the start where that is not possible.

    `ru_maxrss` cannot be set back, and a child inherits its parent's; Linux's VmHWM can.
    """
    if STATUS.exists():
        return _status("VmHWM")
    scale = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def forget_peak() -> None:
    """From here on, `memory_peak` counts anew, if the system allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def busy_seconds(cores: list[int]) -> float:
    """Processor seconds that these cores have spent on anything so far, other guests' included; 0 if nobody tells."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0.0
    names = {f"cpu{core}" for core in cores}
    lines = [line.split() for line in path.read_text().splitlines()]
    # user nice system idle iowait irq softirq steal
    ticks = sum(sum(map(int, words[1:4] + words[6:9])) for words in lines if words[0] in names)
    return ticks / os.sysconf("SC_CLK_TCK")


def page_faults() -> int:
    """Pages that this process has been given so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
