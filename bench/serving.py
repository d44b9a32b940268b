"""A server under load: what it answers at most, and what becomes of that when three times as much is asked.

`python -m bench.serving FILE PICTURE [--seconds 60] [--workers N] [--json FILE]` starts `mapsto serve FILE` and asks
it from another process (`bench.serving_client`). Closed loop: so many connections, each asking again when it has its
answer. Open loop: requests leave at a fixed rate, whatever comes back. Short runs look for the load under which most is
answered; what that gets is the capacity. What the best of either kind get in the long run is the peak: each is held
for half as long as the flood before it, and once more behind it, since the machine's speed changes from minute to
minute. Claimed: at three times the capacity at least 90 % of the peak is answered, refusals take at most 50 ms at the
99th percentile, and 5 seconds after the flood everything is as before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import machine
from bench.serving_client import client

PEAK = (1, 8, 32, 64, 128)  # connections of the closed loops
LINES = 512  # connections of the open loops
NEAR = (0.9, 1.0, 1.1, 1.25)  # open loops, by what the best closed one got: the peak may be among these


def cores(pid: int) -> float:
    """Seconds that a process, with its threads, has had a core (Linux tells)."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


@dataclass(frozen=True)
class Load:
    """What a client does: a closed loop over so many connections, or an open one over them at a rate."""

    kind: str
    connections: int
    rate: float = 0


class Server:
    """`mapsto serve` in a process of its own, and the loads that it is under."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        command = [
            sys.executable,
            "-m",
            "mapsto",
            "serve",
            str(options.file),
            "--port",
            "0",
            "--queue",
            str(options.queue),
        ]
        self.process = subprocess.Popen(
            [*command, "--workers", str(options.workers)], stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        assert self.process.stderr is not None
        address = next(line for line in map(json.loads, self.process.stderr) if line["event"] == "ready")["address"]
        self.port = address.rpartition(":")[2]
        self.reader = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.pids = {"server": self.process.pid, **{f"worker {i}": int(pid) for i, pid in enumerate(children, 1)}}

    def under_all(self, loads: dict[str, Load], seconds: float) -> dict[str, Any]:
        """Some loads, one after the other."""
        return {name: self.under(load, seconds) for name, load in loads.items()}

    def under(self, load: Load, seconds: float) -> dict[str, Any]:
        """One load ↦ what came back, and how many cores who had."""
        before = {name: cores(pid) for name, pid in self.pids.items()}
        about = [self.options.file.stem, self.options.picture]
        words = [load.kind, self.port, *about, load.connections, seconds, load.rate]
        found = client(list(map(str, words)))
        for name, pid in self.pids.items():
            found["cores"][name] = round((cores(pid) - before[name]) / seconds, 2)
        return found

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.reader.terminate()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """A server, and the loads one after the other."""
    server = Server(options)
    try:
        closed = {f"closed, {count}": Load("closed", count) for count in PEAK}
        found = server.under_all(closed, options.others)
        most = answered(found[best(found)])
        opened = {f"open, {times} of that": Load("open", LINES, times * most) for times in NEAR}
        found |= server.under_all(opened, options.others)
        capacity = answered(found[best(found)])
        longest = [best({name: found[name] for name in loads}) for loads in (closed, opened)]
        peaks = {name: {**closed, **opened}[name] for name in longest}
        half = Load("open", LINES, 0.5 * capacity)
        found["open, 0.5"] = server.under(half, options.others)
        before = server.under_all(peaks, options.seconds / 2)
        found["open, 3"] = flood = server.under(Load("open", LINES, 3 * capacity), options.seconds)
        found["open, after"] = server.under(half, 5)
        again = server.under_all(peaks, options.seconds / 2)
        found |= {f"{name}, long": before[name] for name in peaks} | {f"{name}, again": again[name] for name in peaks}
        found["capacity"] = capacity
        found["peak"] = peak = max((answered(before[name]) + answered(again[name])) / 2 for name in peaks)
        found["goodput kept"] = round(answered(flood) / peak, 3)
        found["refusal p99 ms"] = flood.get("503", {}).get("p99")
        return found
    finally:
        server.end()


def answered(one: dict[str, Any]) -> float:
    """Answers a second."""
    return one["200"]["rate"]


def best(found: dict[str, Any]) -> str:
    """The load with most answers."""
    return max(found, key=lambda name: answered(found[name]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="of the flood (%(default)s)")
    parser.add_argument("--others", type=float, default=3, help="of every other load (%(default)s)")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--queue", type=int, default=128)
    parser.add_argument("--json", type=Path, help="where the figures go, beside those of other nets")
    options = parser.parse_args()
    found = measure(options)
    for name, value in found.items():
        print(f"{name:<16} {json.dumps(value)}")
    if options.json:
        stored = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
        about = {"when": time.strftime("%Y-%m-%d %H:%M"), "machine": machine.facts(), "seconds": options.seconds}
        stored[options.file.stem] = {**about, "workers": options.workers, "queue": options.queue, **found}
        options.json.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
