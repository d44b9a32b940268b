"""A server under load: what it answers at most, and what becomes of that when three times as much is asked.

`python -m bench.serving FILE PICTURE [--seconds 60] [--workers N] [--json FILE]` starts `mapsto serve FILE` and asks
it from another process. Closed loop: so many connections, each asking again when it has its answer. Open loop: requests
leave at a fixed rate, whatever comes back. Claimed: at three times the capacity at least 90 % of the peak is answered,
refusals take at most 50 ms at the 99th percentile, and 5 seconds after the flood everything is as before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import machine

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Tally:
    """What came back: seconds by status, and what could not be sent or broke."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    unsent: int = 0
    broken: int = 0

    def add(self, status: int, took: float) -> None:
        self.seconds.setdefault(status, []).append(took)

    def told(self, duration: float) -> dict[str, Any]:
        """Rate and percentiles in ms for each status."""
        lines: dict[str, Any] = {"unsent": self.unsent, "broken": self.broken}
        for status, took in sorted(self.seconds.items()):
            p50, p99 = np.percentile(took, [50, 99]) * 1000
            lines[str(status)] = {"rate": round(len(took) / duration), "p50": round(p50, 2), "p99": round(p99, 2)}
        return lines


class Client(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, tally: Tally, idle: deque[Client], request: bytes, again: bool) -> None:
        self.tally, self.idle, self.request, self.again = tally, idle, request, again
        self.found, self.sent, self.whole = b"", 0.0, 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.rest()

    def rest(self) -> None:
        if self.again:
            self.ask()
        else:
            self.idle.append(self)

    def ask(self) -> None:
        self.found, self.whole, self.sent = b"", 0, time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.found += data
        if not self.whole:
            end = self.found.find(b"\r\n\r\n")
            if end < 0:
                return
            length = LENGTH.search(self.found, 0, end)
            self.whole = end + 4 + (int(length[1]) if length else 0)
        if len(self.found) >= self.whole and self.sent:
            self.tally.add(int(self.found[9:12]), time.perf_counter() - self.sent)
            self.sent = 0.0
            self.rest()

    def connection_lost(self, problem: Exception | None) -> None:
        if self.sent:
            self.tally.broken += 1
        self.sent, self.again = 0.0, False
        if self in self.idle:
            self.idle.remove(self)


async def closed(port: int, request: bytes, connections: int, seconds: float) -> dict[str, Any]:
    """So many connections that ask without pause."""
    tally, loop = Tally(), asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(tally, deque(), request, True), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    found = tally.told(seconds)
    for client in clients:
        client.again = False
    await asyncio.sleep(0.3)
    for client in clients:
        client.transport.close()
    return found


async def opened(port: int, request: bytes, connections: int, rate: float, seconds: float) -> dict[str, Any]:
    """Requests at a fixed rate, over as many connections as it takes up to a limit."""
    tally, loop, idle = Tally(), asyncio.get_running_loop(), deque[Client]()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(tally, idle, request, False), "127.0.0.1", port)
    began, sent = time.perf_counter(), 0
    while (now := time.perf_counter() - began) < seconds:
        due = int(now * rate)
        for _ in range(due - sent):
            if idle:
                idle.popleft().ask()
            else:
                tally.unsent += 1
        sent = due
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.5)
    found = tally.told(seconds)
    for client in list(idle):
        client.transport.close()
    return {"asked": round(rate), **found}


def request_of(model: str, picture: bytes) -> bytes:
    lines = [f"POST /v1/{model} HTTP/1.1", "Host: localhost", "Content-Type: image/png"]
    return "\r\n".join([*lines, f"Content-Length: {len(picture)}", "", ""]).encode() + picture


def client(words: list[str]) -> dict[str, Any]:
    """Run one load in a process of its own ↦ what it tells."""
    done = subprocess.run([sys.executable, "-m", "bench.serving", "--client", *words], capture_output=True, check=True)
    return json.loads(done.stdout)


def as_client(words: list[str]) -> None:
    kind, port, model, picture, connections, seconds, rate = words
    request = request_of(model, Path(picture).read_bytes())
    if kind == "closed":
        work = closed(int(port), request, int(connections), float(seconds))
    else:
        work = opened(int(port), request, int(connections), float(rate), float(seconds))
    print(json.dumps(asyncio.run(work)))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """A server, and the loads one after the other."""
    command = [sys.executable, "-m", "mapsto", "serve", str(options.file), "--port", "0", "--queue", str(options.queue)]
    server = subprocess.Popen(
        [*command, "--workers", str(options.workers)], stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert server.stderr is not None
    try:
        address = next(line for line in map(json.loads, server.stderr) if line["event"] == "ready")["address"]
        port = address.rpartition(":")[2]
        reader = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
        common = [port, options.file.stem, str(options.picture)]
        found: dict[str, Any] = {}
        for connections in (1, 8, 32, 64):
            found[f"closed, {connections}"] = client(["closed", *common, str(connections), str(options.others), "0"])
        peak = max(one["200"]["rate"] for one in found.values())
        for name, times, seconds in (("0.5", 0.5, options.others), ("3", 3, options.seconds), ("after", 0.5, 5)):
            found[f"open, {name}"] = client(["open", *common, "512", str(seconds), str(times * peak)])
        flood = found["open, 3"]
        found["goodput kept"] = round(flood["200"]["rate"] / peak, 3)
        found["refusal p99 ms"] = flood.get("503", {}).get("p99")
        reader.terminate()
        return found
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    if sys.argv[1:2] == ["--client"]:
        as_client(sys.argv[2:])
        return
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
