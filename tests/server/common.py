"""Real servers in processes of their own, asked over real sockets."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import mapsto as mt
from mapsto import data, nn, xp
from tests.server.pictures import picture

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """A server that runs: its process, its port, and the lines of its log as they come."""

    def __init__(self, files: list[Path], options: dict[str, Any], wait_for: str, program: tuple[str, ...]) -> None:
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        command = [sys.executable, *program, "serve", *map(str, files), "--port", "0", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.port = int(self.event("listening")["address"].rpartition(":")[2])
        self.event(wait_for)

    def read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    def event(self, name: str, count: int = 1, seconds: float = 60) -> dict[str, Any]:
        """Wait for an event of that name in the log, the so-many-th."""
        until(lambda: len([one for one in self.log if one["event"] == name]) >= count, seconds, lambda: self.lines)
        return [one for one in self.log if one["event"] == name][count - 1]

    def ask(self, body: Any, path: str = "/v1/digits", method: str = "POST", **headers: str) -> tuple[int, Any]:
        """Status and JSON (or text) of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Content-Type": "image/png", **named})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if "json" in answer.headers.get_content_type() else text.decode()
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self.ask(None, path, "GET", **headers)

    def metric(self, name: str) -> float:
        """The sum of all figures of that name (with the labels given, if any) at /metrics."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.reader.join(5)
        if self.process.stderr:
            self.process.stderr.close()
        return status


@contextmanager
def running(
    *files: Path, wait_for: str = "ready", program: tuple[str, ...] = ("-m", "mapsto"), **options: Any
) -> Iterator[Running]:
    server = Running(list(files), options, wait_for, program)
    try:
        yield server
    finally:
        server.stop()


def until(condition: Callable[[], Any], seconds: float = 30, shown: Callable[[], Any] = lambda: "") -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, shown()
        time.sleep(0.01)


def read_all(place: socket.socket) -> bytes:
    """What comes until the other end closes."""
    pieces = []
    while True:
        try:
            piece = place.recv(65536)
        except ConnectionError:
            piece = b""
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def one_answer(place: socket.socket) -> bytes:
    """One whole answer, from a connection that stays open."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += place.recv(65536) or b"\r\n\r\n"
    start = found.index(b"\r\n\r\n") + 4
    length = next((int(line[15:]) for line in found[:start].split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(found) < start + length:
        found += place.recv(65536) or bytes(length)
    return found


def head(length: int | None, path: str = "/v1/digits", *lines: str, method: str = "POST") -> bytes:
    """The head of a request with a picture of so many bytes."""
    more = [*lines, *([f"Content-Length: {length}"] if length is not None else [])]
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: image/png", *more, "", ""]
    ).encode()


def multipart(*parts: bytes) -> tuple[bytes, str]:
    """Files as a browser sends them: the body and its Content-Type."""
    opening = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return b"".join(opening + part + b"\r\n" for part in parts) + b"--edge--\r\n", "multipart/form-data; boundary=edge"


def best(answer: Any) -> str:
    """The first label of the first answer."""
    return answer["answers"][0][0]["label"]


def slow_net(depth: int = 5, side: int = 160) -> mt.Mapping:
    """f32[n, 4] ↦ f32[n, 2], in some 4 ms an example and layer: what queues are tested with."""

    def spread(x: Any) -> Any:
        return xp.broadcast_to(xp.reshape(x, (-1, 1, 1, 4)), (x.shape[0], side, side, 4))

    layers = [nn.Conv2D(32, 3) >> nn.relu for _ in range(depth)]
    net = mt.fn(spread) >> mt.chain(*layers) >> nn.GlobalAvgPool() >> nn.Dense(2)
    return net.init(mt.key(0), np.ones((1, 4), np.float32))


def digit(number: int) -> tuple[bytes, str]:
    """A picture of the test set, and what it shows."""
    test = data.load("digits", "test")
    return picture(test.x[number]), test.classes[int(test.y[number])]
