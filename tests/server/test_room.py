"""Copies of files, connections and answers that a server may have no room for (faults 68, 71)."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp
from tests.server.common import ROOT, digit, head, read_all, running, until


def test_refused_files_leave_no_copies(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    served = tmp_path / "digits.mapsto"
    shutil.copy(digits, served)
    with running(served, watch=0.1) as server:
        for count in (1, 2, 3):
            served.write_bytes(digits.read_bytes()[: -100 * count])
            server.event("reload refused", count)
        assert len(list((tmp_path / "temporary").glob("mapsto-*/*"))) == 1
        assert server.ask(digit(0)[0])[0] == 200


def test_a_good_file_that_had_no_room_is_tried_again(digits: Path, tmp_path: Path) -> None:
    served = tmp_path / "digits.mapsto"
    shutil.copy(digits, served)
    with running(served, watch=0.1) as server:
        before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        shutil.copy(digits, served)
        assert "takes no copy" in server.event("reload refused")["reason"]
        assert server.ask(digit(0)[0])[0] == 200
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
        server.event("reload")


@pytest.mark.parametrize("blocks", [0, 1])
def test_no_room_at_the_start(digits: Path, blocks: int) -> None:
    """Blocks of 512 or 1024 bytes: not even the folder can be used, or the copy does not fit."""
    words = [sys.executable, "-m", "mapsto", "serve", str(digits), "--port", "0"]
    found = subprocess.run(
        ["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode not in (0, -25) and "SERVE-10" in found.stderr and "Traceback" not in found.stderr


def large_net(count: int = 2_000_000) -> mt.Mapping:
    """f32[n, 4] ↦ f32[n, count]: an answer of ten megabytes."""

    def spread(x: Any) -> Any:
        return xp.broadcast_to(xp.sum(x, axis=1, keepdims=True), (x.shape[0], count))

    return mt.fn(spread).init(mt.key(0), np.ones((1, 4), np.float32))


@pytest.mark.parametrize("line", ["Connection: close", "Accept: */*"])
def test_a_large_answer_is_read_to_its_end(tmp_path: Path, line: str) -> None:
    """By a client that takes seven seconds for it."""
    mt.save(large_net(), tmp_path / "large.mapsto")
    body = b'{"example": [1, 2, 3, 4]}'
    with running(tmp_path / "large.mapsto", workers=0) as server, socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        place.settimeout(10)
        place.connect(("127.0.0.1", server.port))
        place.sendall(head(len(body), "/v1/large", line).replace(b"image/png", b"application/json") + body)
        began, found = time.monotonic(), b""
        pieces: list[bytes] = []
        size, whole = 0, 1 << 62
        while size < whole and (piece := place.recv(65536)):
            pieces.append(piece)
            size += len(piece)
            if whole == 1 << 62:
                found = b"".join(pieces)
                start = found.index(b"\r\n\r\n") + 4
                whole = start + int(found[:start].lower().partition(b"content-length: ")[2].split()[0])
            time.sleep(max(0.0, began + 7 * size / whole - time.monotonic()))
        assert size == whole > 6_000_000


def test_few_file_descriptors(digits: Path) -> None:
    """Connections beyond them are refused; nothing floods the log, and those that there are go on."""
    program = (
        "-c",
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (80, 80)); from mapsto.cli import main; main()",
    )
    with running(digits, program=program) as server:
        places = [server.connect() for _ in range(150)]
        assert b" 503 " in read_all(places[-1])
        time.sleep(1)
        assert len(server.lines) < 20
        for place in places:
            place.close()
        until(lambda: server.ask(digit(0)[0])[0] == 200)
