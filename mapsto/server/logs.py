"""Structured logs: one JSON object a line, written by a thread of its own, so that a slow reader stops nobody."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections import deque
from typing import Any

MOST = 10_000  # lines that wait to be written; beyond it they are counted and dropped
PAUSE = 0.1  # seconds between two writings


class Log:
    """`log("reload", model="digits")` ↦ `{"time": "…", "event": "reload", "model": "digits"}` on `stream`."""

    def __init__(self, stream: Any = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.lines: deque[tuple[float, str, dict[str, Any]]] = deque()
        self.dropped = 0
        self.ending = threading.Event()
        self.writer = threading.Thread(target=self.keep_writing, name="log", daemon=True)
        self.writer.start()

    def __call__(self, event: str, **facts: Any) -> None:
        if len(self.lines) >= MOST:
            self.dropped += 1
        else:
            self.lines.append((time.time(), event, facts))

    def keep_writing(self) -> None:
        while not self.ending.wait(PAUSE):
            self.write()
        self.write()

    def write(self) -> None:
        """Write what there is; of what a library says again and again, one line with a count."""
        texts = []
        while self.lines:
            moment, event, facts = self.lines.popleft()
            times = 1
            while facts.get("level") and self.lines and self.lines[0][1:] == (event, facts):
                self.lines.popleft()
                times += 1
            texts.append(line(moment, event, {**facts, "times": times} if times > 1 else facts))
        if self.dropped:
            texts.append(line(time.time(), "log", {"dropped": self.dropped}))
            self.dropped = 0
        if texts:
            try:
                self.stream.write("".join(texts))
                self.stream.flush()
            except (OSError, ValueError):  # nobody reads any more
                pass

    def close(self) -> None:
        """Write what is left, and end."""
        self.ending.set()
        self.writer.join(2)


def line(moment: float, event: str, facts: dict[str, Any]) -> str:
    """A moment, an event and facts ↦ a line of JSON.

    >>> print(line(0.25, "ready", {"models": ["digits"]}), end="")
    {"time": "1970-01-01T00:00:00.250Z", "event": "ready", "models": ["digits"]}
    """
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
    return json.dumps({"time": clock, "event": event, **facts}, default=str, ensure_ascii=False) + "\n"


class Forwarding(logging.Handler):
    """What libraries log, as our lines."""

    def __init__(self, log: Log, level: int) -> None:
        super().__init__(level)
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        trace = {"trace": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        self.log(record.name, level=record.levelname.lower(), message=record.getMessage(), **trace)


LIBRARIES = {
    "uvicorn": logging.ERROR,
    "uvicorn.error": logging.ERROR,
    "asyncio": logging.ERROR,
    "concurrent.futures": logging.ERROR,
    "python_multipart": logging.WARNING,
    "py.warnings": logging.WARNING,
}


def forward(log: Log) -> None:
    """From now on, what libraries log and what Python warns of are lines of a log."""
    logging.captureWarnings(True)
    for name, level in LIBRARIES.items():
        logging.getLogger(name).handlers[:] = [Forwarding(log, level)]
        logging.getLogger(name).propagate = False
