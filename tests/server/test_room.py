"""A server that has no room: for copies of files, or for connections (faults 68, 71)."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.common import ROOT, digit, running


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
