"""The schema says what the server does: schemathesis asks by it, well and badly, and finds nothing."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import mapsto as mt
from mapsto import nn
from tests.server.common import ROOT, running

TOOL = Path(sys.executable).with_name("schemathesis")


def test_schemathesis_finds_nothing(digits: Path, tmp_path: Path) -> None:
    net = nn.Dense(3).init(mt.key(0), np.ones((1, 2), np.float32))
    mt.save(net, tmp_path / "plain.mapsto")
    with running(digits, tmp_path / "plain.mapsto") as server:
        words = [f"http://127.0.0.1:{server.port}/openapi.json", "--max-examples", "25", "--seed", "1"]
        words += ["--include-path-regex", "^/v[12]", "--no-color"]
        given = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.server.schema_formats", "PYTHONPATH": str(ROOT)}
        done = subprocess.run([TOOL, "run", *words], capture_output=True, text=True, cwd=tmp_path, env=given)
        assert done.returncode == 0, done.stdout[-6000:]
        assert not [line for line in server.log if line["event"] == "failure"]


def test_every_path_of_the_protocol_is_in_the_schema(digits: Path, tmp_path: Path) -> None:
    """Those of each model with its own types, and which of them need no token."""
    mt.save(nn.Dense(3).init(mt.key(0), np.ones((1, 2), np.float32)), tmp_path / "plain.mapsto")
    with running(digits, tmp_path / "plain.mapsto", token="sesame") as server:
        schema = server.get("/openapi.json", Authorization="Bearer sesame")[1]
    told = {path: list(of) for path, of in schema["paths"].items() if path.startswith("/v2")}
    models = [f"/v2/models/{name}{version}" for name in ("digits", "plain") for version in ("", "/versions/1")]
    assert told == {
        **{path: ["get"] for path in ("/v2", "/v2/health/live", "/v2/health/ready")},
        **{model + end: ["get"] for model in models for end in ("", "/ready")},
        **{f"{model}/infer": ["post"] for model in models},
    }
    open_ones = [path for path, of in schema["paths"].items() for one in of.values() if one.get("security") == []]
    assert sorted(open_ones) == ["/v2/health/live", "/v2/health/ready"]
    known = [one["operationId"] for of in schema["paths"].values() for one in of.values()]
    assert len(set(known)) == len(known)
