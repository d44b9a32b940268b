"""Who asks a server: connections without any library, in a process of their own, so that asking costs little.

The client shares the server's cores, and what it takes is missing there. A request is bytes made beforehand, and an
answer's head is read once for all that are the same: 8 µs for both instead of 27 with asyncio. In an open loop it looks
for answers once a millisecond: waiting for each one, it would be woken by whoever sends it, at the server's cost, which
a client on another machine is not.
"""

from __future__ import annotations

import json
import re
import select
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TICK = 0.001
AFTER = 0.5  # seconds that the last answers of an open loop are waited for


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


class Line:
    """One connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.sent, self.found = 0.0, b""


class Lines:
    """Connections to a server, and the tally of what comes back on them."""

    def __init__(self, port: int, request: bytes, count: int) -> None:
        self.request, self.tally = request, Tally()
        self.poll = select.epoll()
        self.lines = {line.socket.fileno(): line for line in (Line(port) for _ in range(count))}
        for number in self.lines:
            self.poll.register(number, select.EPOLLIN)
        self.buffer = memoryview(bytearray(1 << 16))
        self.heads: dict[bytes, tuple[int, int]] = {}

    def ask(self, line: Line) -> None:
        line.sent = time.perf_counter()
        if line.socket.send(self.request) < len(self.request):
            raise RuntimeError("a request that is too large for the bench")

    def answered(self, wait: float) -> list[Line]:
        """The connections whose answer is whole, of those on which something comes within `wait` seconds."""
        whole: list[Line] = []
        for number, _ in self.poll.poll(wait):
            line = self.lines[number]
            try:
                count = line.socket.recv_into(self.buffer)
            except ConnectionError:
                count = 0
            if not count:
                self.tally.broken += bool(line.sent)
                self.poll.unregister(number)
                continue
            line.found += self.buffer[:count]
            status = self.status_of(line.found)
            if status and line.sent:
                self.tally.add(status, time.perf_counter() - line.sent)
                line.sent, line.found = 0.0, b""
                whole.append(line)
        return whole

    def status_of(self, found: bytes) -> int:
        """What has come of an answer ↦ its status if it is whole, else 0."""
        end = found.find(b"\r\n\r\n")
        if end < 0:
            return 0
        head = found[:end]
        if head not in self.heads:
            length = LENGTH.search(head)
            self.heads[head] = int(head[9:12]), end + 4 + (int(length[1]) if length else 0)
        status, size = self.heads[head]
        return status if len(found) >= size else 0

    def close(self) -> None:
        for line in self.lines.values():
            line.socket.close()


def closed(lines: Lines, seconds: float) -> dict[str, Any]:
    """All connections ask without pause."""
    end = time.perf_counter() + seconds
    for line in lines.lines.values():
        lines.ask(line)
    while time.perf_counter() < end:
        for line in lines.answered(0.1):
            lines.ask(line)
    return lines.tally.told(seconds)


def opened(lines: Lines, rate: float, seconds: float) -> dict[str, Any]:
    """Requests at a fixed rate, over as many of the connections as it takes, each in its turn."""
    idle, sent = deque(lines.lines.values()), 0
    began = time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        due = int(now * rate)
        for _ in range(due - sent):
            if idle:
                lines.ask(idle.popleft())
            else:
                lines.tally.unsent += 1
        sent = due
        time.sleep(TICK)
        idle.extend(lines.answered(0))
    while time.perf_counter() - began < seconds + AFTER:
        time.sleep(TICK)
        lines.answered(0)
    lines.tally.broken += sum(bool(line.sent) for line in lines.lines.values())
    return {"asked": round(rate), **lines.tally.told(seconds)}


def request_of(model: str, picture: bytes) -> bytes:
    lines = [f"POST /v1/{model} HTTP/1.1", "Host: localhost", "Content-Type: image/png"]
    return "\r\n".join([*lines, f"Content-Length: {len(picture)}", "", ""]).encode() + picture


def client(words: list[str]) -> dict[str, Any]:
    """Run one load in a process of its own ↦ what it tells."""
    done = subprocess.run([sys.executable, "-m", "bench.serving_client", *words], capture_output=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    kind, port, model, picture, connections, seconds, rate = sys.argv[1:]
    lines = Lines(int(port), request_of(model, Path(picture).read_bytes()), int(connections))
    begun = time.process_time(), time.perf_counter()
    found = closed(lines, float(seconds)) if kind == "closed" else opened(lines, float(rate), float(seconds))
    cores = (time.process_time() - begun[0]) / (time.perf_counter() - begun[1])
    lines.close()
    print(json.dumps({**found, "cores": {"client": round(cores, 2)}}))


if __name__ == "__main__":
    main()
