"""Models of text before a real server: text/plain, JSON, multipart, the Open Inference Protocol, and its schema."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from tests.files.common import backwards, opinion
from tests.server.common import Running, best, multipart, running

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # gevent, which the client is built on, has some of its own
    triton = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")

TOOL = Path(sys.executable).with_name("schemathesis")
PLAIN, JSON = "text/plain; charset=utf-8", "application/json"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("texts")
    mt.save(opinion(), folder / "opinion.mapsto")
    mt.save(backwards(), folder / "backwards.mapsto")
    return [folder / "opinion.mapsto", folder / "backwards.mapsto"]


@pytest.fixture(scope="module")
def server(files: list[Path]) -> Iterator[Running]:
    with running(*files, max_examples=100) as server:
        yield server


def asked(server: Running, body: Any, kind: str = JSON, model: str = "opinion") -> tuple[int, Any]:
    content = json.dumps(body) if kind == JSON else body.encode() if isinstance(body, str) else body
    return server.ask(content, f"/v1/{model}", Content_Type=kind)


def test_plain_text_and_json(server: Running) -> None:
    status, answer = asked(server, "A very GOOD film!", PLAIN)
    assert status == 200 and best(answer) == "positive" and answer["answers"][0][0]["probability"] > 0.8
    assert best(asked(server, "so bad", "text/plain")[1]) == "negative"
    assert best(asked(server, {"example": "真坏"})[1]) == "negative"
    status, answer = asked(server, {"examples": ["good", "bad", "很好"]})
    assert [one[0]["label"] for one in answer["answers"]] == ["positive", "negative", "positive"]
    assert asked(server, {"example": "abc 好"}, model="backwards")[1]["answers"] == ["好 cba"]
    assert asked(server, "dog?", PLAIN, model="backwards")[1]["answers"] == ["\ufffdgod"]
    body, kind = multipart(b"good", "真坏".encode())
    answer = asked(server, body, kind)[1]
    assert [one[0]["label"] for one in answer["answers"]] == ["positive", "negative"]


def test_the_numbers_of_words(server: Running, files: list[Path]) -> None:
    """As the net takes them, for who has cut the text already; a number that no word has is refused."""
    step = mt.load(files[0]).before[0]
    row = np.asarray(step(["very good"]))[0].tolist()
    assert asked(server, {"example": row})[1] == asked(server, {"example": "very good"})[1]
    status, answer = asked(server, {"examples": [row, "so bad"]})
    assert [one[0]["label"] for one in answer["answers"]] == ["positive", "negative"]
    for wrong in ([99] * 8, [-1] * 8, [0.5] * 8, row[1:]):
        status, answer = asked(server, {"example": wrong})
        assert status == 422 and answer["error"]["code"] == "SERVE-09"


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        ("", PLAIN, 422, "TEXT-03"),
        (" \n", PLAIN, 422, "TEXT-03"),
        (b"\xff\xfe", PLAIN, 400, "SERVE-05"),
        ("a" * (2**20 + 1), PLAIN, 413, "TEXT-04"),
        ("a" + "\u0301" * 100_000, PLAIN, 413, "TEXT-05"),
        ({"example": "a\ud800"}, JSON, 422, "TEXT-02"),
        ({"example": 3}, JSON, 422, "SERVE-09"),
        ({"example": ["good"]}, JSON, 422, "SERVE-09"),
        ({"example": None}, JSON, 422, "SERVE-09"),
        ("good", "image/png", 415, "SERVE-04"),
        ("x" * (16 << 20), PLAIN, 413, "TEXT-04"),
        ("x" * (17 << 20), PLAIN, 413, "BODY"),
    ],
)
def test_what_is_refused(server: Running, body: Any, kind: str, status: int, code: str) -> None:
    found, answer = asked(server, body, kind)
    assert (found, answer["error"]["code"]) == (status, code)
    assert answer["error"]["fix"] and len(json.dumps(answer)) < 1000


def test_one_bad_text_fails_alone(server: Running) -> None:
    answers = asked(server, {"examples": ["good", "", "bad", "a\ud800", "a" * 2_000_000]})[1]["answers"]
    assert [one[0]["label"] for one in (answers[0], answers[2])] == ["positive", "negative"]
    assert [answers[place]["error"]["code"] for place in (1, 3, 4)] == ["TEXT-03", "TEXT-02", "TEXT-04"]


def test_what_the_server_tells(server: Running) -> None:
    about = server.get("/v1/opinion")[1]
    assert about["takes"] == "text" and about["content_types"][0] == "text/plain"
    assert "labels" in about["answers"] and server.get("/v1/backwards")[1]["answers"] == "a text"
    paths = server.get("/openapi.json")[1]["paths"]
    body = paths["/v1/opinion"]["post"]["requestBody"]["content"]
    assert set(body) == {"text/plain", "multipart/form-data", JSON}
    assert body["text/plain"]["schema"]["minLength"] == 1 and "pattern" in body["text/plain"]["schema"]
    told = paths["/v1/backwards"]["post"]["responses"]["200"]["content"][JSON]["schema"]
    assert {"type": "string"} in told["properties"]["answers"]["items"]["anyOf"]


@pytest.fixture
def client(server: Running) -> Iterator[Any]:
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    yield client
    client.close()


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_texts_as_bytes(client: Any, binary: bool, shape: tuple[int, ...]) -> None:
    """Triton's own client, with tensors of BYTES in the body and in its JSON."""
    texts = np.array([b"good", "真坏".encode(), b"bad dog"], object).reshape(shape)
    given = triton.InferInput("input", list(shape), "BYTES").set_data_from_numpy(texts, binary_data=binary)
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "output")]
    found = client.infer("opinion", [given], outputs=wanted)
    labels = [one if isinstance(one, str) else one.decode() for one in found.as_numpy("label")[:, 0]]
    assert labels == ["positive", "negative", "negative"] and found.as_numpy("output").shape == (3, 2)
    found = client.infer("backwards", [given], outputs=[triton.InferRequestedOutput("text", binary_data=binary)])
    answers = [one if isinstance(one, str) else one.decode() for one in found.as_numpy("text")]
    assert answers[0] == "doog" and answers[2] == "god dab"


def test_metadata_and_refusals(client: Any) -> None:
    assert client.get_model_metadata("opinion")["inputs"] == [{"name": "input", "datatype": "BYTES", "shape": [-1]}]
    outputs = client.get_model_metadata("backwards")["outputs"]
    assert outputs == [
        {"name": "output", "datatype": "INT32", "shape": [-1, 12]},
        {"name": "text", "datatype": "BYTES", "shape": [-1]},
    ]
    found = client.infer("backwards", [tensor([b"abc"])])  # all outputs
    assert found.as_numpy("text")[0].decode() == "cba" and found.as_numpy("output").shape == (1, 12)
    for texts, words in (([b""], "no character"), ([b"\xff"], "UTF-8"), ([b"a" * 2_000_000], "limit of 1048576")):
        with pytest.raises(triton.InferenceServerException, match=words):
            client.infer("backwards", [tensor(texts)])


def tensor(texts: list[bytes]) -> Any:
    return triton.InferInput("input", [len(texts)], "BYTES").set_data_from_numpy(np.array(texts, object))


def test_schemathesis_finds_nothing(server: Running, tmp_path: Path) -> None:
    words = [f"http://127.0.0.1:{server.port}/openapi.json", "--max-examples", "25", "--seed", "1"]
    words += ["--include-path-regex", "^/v[12]", "--no-color"]
    done = subprocess.run([TOOL, "run", *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:]
    assert not [line for line in server.log if line["event"] == "failure"]
