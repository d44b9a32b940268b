"""The whole story: train, save, serve in a process that knows nothing of training, upload a picture, read an answer."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import data
from mapsto.server.model import Served
from tests.server.common import best, digit, multipart, running
from tests.structure.source import ROOT

# `mapsto serve`, which says at its end which of our modules it has imported.
TELLING = """
import sys
from mapsto.cli import main
status = main(sys.argv[1:])
print(*(name for name in sys.modules if name.startswith("mapsto")), file=sys.stderr)
sys.exit(status)
"""


def test_from_training_to_an_answer(digits: Path) -> None:
    wanted = {number: digit(number) for number in range(20)}
    with running(digits, program=("-c", TELLING)) as server:
        found = {number: server.ask(file) for number, (file, _) in wanted.items()}
        assert all(status == 200 for status, _ in found.values())
        right = sum(best(answer) == wanted[number][1] for number, (_, answer) in found.items())
        assert right >= 17
        assert server.stop() == 0
    modules = server.lines[-1].split()
    assert "mapsto.server.app" in modules
    assert not [name for name in modules if name.startswith(("mapsto.train", "mapsto.optim", "mapsto.losses"))]


def test_the_answers_are_those_of_the_file(digits: Path) -> None:
    """By each way in: raw bytes, an uploaded file, base64 and numbers in JSON; from the server and its workers."""
    file, _ = digit(3)
    (expected,) = mt.load(digits)([file])
    pixels = data.load("digits", "test").x[3].tolist()
    for workers in (0, 1):
        with running(digits, workers=workers) as server:
            body, kind = multipart(file)
            ways = [
                server.ask(file),
                server.ask(body, Content_Type=kind),
                server.ask(json.dumps({"example": pixels}), Content_Type="application/json"),
            ]
            for status, answer in ways:
                assert status == 200 and answer["model"] == "digits"
                labels = [(one["label"], pytest.approx(one["probability"], abs=1e-6)) for one in answer["answers"][0]]
                assert [label for label, _ in labels] == [label for label, _ in expected]
                assert labels == [(label, p) for label, p in expected]


def test_numbers_in_and_out(tmp_path: Path) -> None:
    net = mt.nn.Dense(3).init(mt.key(0), np.ones((1, 2), np.float32))
    mt.save(net, tmp_path / "plain.mapsto")
    with running(tmp_path / "plain.mapsto") as server:
        body = json.dumps({"examples": [[1, 2], [3, 4.5]]})
        status, answer = server.ask(body, "/v1/plain", Content_Type="application/json")
        assert status == 200
        assert np.allclose(answer["answers"], np.asarray(net(np.array([[1, 2], [3, 4.5]], np.float32))), atol=1e-6)
        assert server.ask(b"picture", "/v1/plain")[0] == 415


def test_two_models_are_listed(digits: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.mapsto"
    second.write_bytes(digits.read_bytes())
    with running(digits, second) as server:
        status, answer = server.get("/v1")
        assert status == 200
        assert [one["name"] for one in answer["models"]] == ["digits", "second"]
        assert answer["models"][0]["input"] == "u8[8,8,1]" and "/v1/digits" in answer["models"][0]["ask"][0]
        assert server.get("/v1/second")[1]["classes"] == list("0123456789")
        assert server.get("/v1/third")[0] == 404
        assert best(server.ask(digit(0)[0], "/v1/second")[1]) == best(server.ask(digit(0)[0])[1])


def test_a_mapping_is_served_from_code(digits: Path) -> None:
    program = f"import mapsto as mt; mt.serve(mt.load({str(digits)!r}), port=0)"
    with running(program=("-c", program)) as server:
        assert best(server.ask(digit(0)[0], "/v1/model")[1])


def test_compiled_sizes(digits: Path) -> None:
    """Batches of any size give what the examples give alone, in runs of compiled sizes and no others."""
    served = Served("digits", mt.load(digits), (1, 4, 16))
    x = data.load("digits", "test").x[:37]
    together = served.run(x)
    assert together.shape == (37, 10)
    assert np.allclose(together, np.concatenate([served.run(x[i : i + 1]) for i in range(37)]), rtol=1e-4, atol=1e-7)
    wanted = {1: 1, 2: 1, 3: 4, 4: 4, 5: 4, 7: 4, 8: 4, 11: 4, 12: 16, 16: 16, 17: 16, 100: 16}
    assert {count: served.size_for(count) for count in wanted} == wanted


def test_without_the_libraries_one_error_says_what_to_install(digits: Path, tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ImportError('No module named fastapi')")
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "mapsto", "serve", str(digits)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert 'pip install "mapsto[serve]"' in done.stderr and "fastapi" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [(["no.mapsto"], "FILE-02"), (["a b.mapsto"], "SERVE-01"), (["--queue", "0", "no.mapsto"], "ARG-01")],
)
def test_what_cannot_be_served_is_told_at_once(words: list[str], code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mapsto", "serve", *words],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and code in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken(digits: Path) -> None:
    with running(digits) as server:
        command = [sys.executable, "-m", "mapsto", "serve", str(digits), "--port", str(server.port)]
        done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
        assert done.returncode == 1 and "SERVE-02" in done.stderr
