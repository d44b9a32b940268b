"""What hostile or unusual requests are told, and what the log has of them (faults 63, 64, 71)."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto.server.frames import from_items, to_items
from mapsto.server.pool import Pool, WorkerFailed
from mapsto.server.settings import Settings
from tests.server.common import Running, head, multipart, one_answer, read_all, running, until


@pytest.fixture(scope="module")
def server(digits: Path) -> Iterator[Running]:
    with running(digits, deadline=1.5) as one:
        yield one
        one.stop()
        assert all(isinstance(json.loads(line), dict) for line in one.lines)


def told(server: Running, content: bytes) -> tuple[int, bytes]:
    with server.connect() as place:
        place.sendall(content)
        answer = one_answer(place)
    return int(answer.split()[1]), answer


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/digits/config", 404),
        ("GET", "/v2/nothing", 404),
        ("PUT", "/v2/models/digits/infer", 405),
        ("GET", "/v2/models/none", 404),
    ],
)
def test_errors_of_the_protocol_are_one_text(server: Running, method: str, path: str, status: int) -> None:
    found, answer = server.ask(None, path, method)
    assert found == status and list(answer) == ["error"] and isinstance(answer["error"], str)


def test_its_client_raises_its_own_error(server: Running) -> None:
    client: Any = pytest.importorskip("tritonclient.http")
    one = client.InferenceServerClient(f"127.0.0.1:{server.port}")
    with pytest.raises(pytest.importorskip("tritonclient.utils").InferenceServerException, match="nothing here"):
        one.get_model_config("digits")
    one.close()


def test_an_origin_that_does_not_read(server: Running) -> None:
    assert told(server, head(3, "/v1/digits", "Origin: http://[") + b"abc")[0] == 403


def test_two_lengths_of_one_body(server: Running) -> None:
    content = head(3, "/v1/digits", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n"
    with server.connect() as place:
        place.sendall(content * 2)
        answer = read_all(place)
    assert answer.startswith(b"HTTP/1.1 400") and answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("address", "status"),
    [("http://localhost/v1", 200), ("HTTP://127.0.0.1:80", 200), ("http://evil.example/v1", 421), ("http:///v1", 400)],
)
def test_whole_addresses(server: Running, address: str, status: int) -> None:
    assert told(server, head(None, address, method="GET"))[0] == status


def test_what_came_too_late_is_noted(server: Running) -> None:
    for begins in (b"POST /v1/digits HTTP/1.1\r\nHost: x", head(1000)):
        with server.connect() as place:
            place.sendall(begins)
            assert b" 408 " in read_all(place)
    until(lambda: [one.get("status") for one in server.log].count(408) >= 2)
    assert server.metric('mapsto_requests_total{model="digits",status="408"}') == 1
    assert server.metric('mapsto_requests_total{model="",status="408"}') == 1
    assert server.metric('mapsto_requests_total{model="digits",status="499"}') == 0


@pytest.mark.parametrize("body", ['{"example": [1], "example": [2]}', '{"examples": [{"a": 1, "a": 2}]}'])
def test_a_key_twice(server: Running, body: str) -> None:
    status, answer = server.ask(body, Content_Type="application/json")
    assert status == 400 and "twice" in answer["error"]["message"]
    assert server.ask('{"id": "a", "id": "b"}', "/v2/models/digits/infer", Content_Type="application/json")[0] == 400


def test_what_libraries_warn_of_is_json(server: Running) -> None:
    _, kind = multipart(b"")
    assert server.ask(b"--other--\r\n", Content_Type=kind)[0] == 400
    server.event("python_multipart.multipart")


def test_the_token_of_the_environment(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the end at SIGHUP, as at SIGTERM."""
    monkeypatch.setenv("MAPSTO_TOKEN", "secret")
    with running(digits) as server:
        statuses = [server.get("/v1", Authorization=f"{word} secret")[0] for word in ("Bearer", "bearer", "Basic")]
        assert statuses == [200, 200, 401]
        assert server.get("/v1", Authorization="Bearer other")[0] == 401
        worker = Path(f"/proc/{server.event('worker started')['process']}/environ")
        assert b"secret" not in worker.read_bytes()
        server.process.send_signal(signal.SIGHUP)
        assert server.process.wait(10) == 0
        server.reader.join(5)
        assert server.log[-1]["event"] == "stopped"


def test_a_mistake_in_a_process_that_computes_is_told(digits: Path) -> None:
    """With its cause; and the process goes on."""
    load = {"do": "load", "name": "digits", "path": str(digits), "sizes": [1], "max_pixels": Settings.max_pixels}

    async def asked() -> str:
        pool = Pool(1, [load], 60, lambda event, process: None)
        await pool.start()
        (worker,) = pool.alive
        try:
            await worker.ask({"do": "run", "name": "none", "items": []})
        except WorkerFailed as problem:
            assert not (await worker.ask(load))[0]["error"]
            return str(problem)
        finally:
            await pool.end()
        return ""

    assert "KeyError: 'none'" in asyncio.run(asked())


def test_half_a_sign_of_utf16_passes_between_processes() -> None:
    """JSON may have such text; what it means is for the model to say."""
    spec = mt.Spec(np.dtype(np.float32), ())
    assert to_items(*from_items(["a\ud800"]), spec) == ["a\ud800"]
