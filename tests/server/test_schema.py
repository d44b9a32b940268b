"""The schema says what the server does: schemathesis asks by it, well and badly, and finds nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np

import mapsto as mt
from mapsto import nn
from tests.server.common import running

TOOL = Path(sys.executable).with_name("schemathesis")


def test_schemathesis_finds_nothing(digits: Path, tmp_path: Path) -> None:
    net = nn.Dense(3).init(mt.key(0), np.ones((1, 2), np.float32))
    mt.save(net, tmp_path / "plain.mapsto")
    with running(digits, tmp_path / "plain.mapsto") as server:
        words = [f"http://127.0.0.1:{server.port}/openapi.json", "--max-examples", "25", "--seed", "1"]
        words += ["--include-path-regex", "^/v1", "--no-color"]
        done = subprocess.run([TOOL, "run", *words], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-6000:]
        assert not [line for line in server.log if line["event"] == "failure"]
