"""Too much, malformed, too slow: refused before anything is decoded, to nobody else's harm (faults 63, 64, 65, 71)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.common import Running, best, digit, head, multipart, one_answer, read_all, running
from tests.server.pictures import bomb


@pytest.fixture(scope="module")
def server(digits: Path) -> Iterator[Running]:
    options = {"max_bytes": 20_000, "max_pixels": 1_000_000, "max_examples": 4, "deadline": 1.5}
    with running(digits, **options) as one:
        yield one
        assert best(one.ask(digit(0)[0])[1])  # whatever came before
        assert one.process.poll() is None
        assert not [line for line in one.log if line["event"] in ("failure", "uvicorn.error", "asyncio")]


def status_of(answer: bytes) -> int:
    return int(answer.split()[1])


def test_a_long_body_is_refused_by_its_length(server: Running) -> None:
    with server.connect() as place:
        place.sendall(head(10**12))  # of which nothing is sent
        answer = one_answer(place)
    assert status_of(answer) == 413 and b'"BODY"' in answer


def test_a_long_body_in_chunks_is_refused_on_the_way(server: Running) -> None:
    with server.connect() as place:
        place.sendall(head(None, "/v1/digits", "Transfer-Encoding: chunked"))
        for _ in range(11):
            place.sendall(b"800\r\n" + bytes(2048) + b"\r\n")
        answer = one_answer(place)
    assert status_of(answer) == 413 and b'"BODY"' in answer


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json", "multipart/form-data"])
def test_of_any_kind(server: Running, kind: str) -> None:
    status, answer = server.ask(b"a=" + bytes(30_000), Content_Type=kind)
    assert (status, answer["error"]["code"]) == (413, "BODY")


def test_forms_and_compressed_bodies_are_not_decoded(server: Running) -> None:
    status, answer = server.ask(b"a=1", Content_Type="application/x-www-form-urlencoded")
    assert (status, answer["error"]["code"]) == (415, "SERVE-04")
    assert server.ask(b"x", Content_Encoding="gzip")[0] == 415


def test_a_picture_of_many_pixels_is_refused_by_its_header(server: Running) -> None:
    began = time.monotonic()
    status, answer = server.ask(bomb(30_000, 30_000))
    assert (status, answer["error"]["code"]) == (413, "IMAGE-02")
    assert time.monotonic() - began < 1


def test_many_examples_are_refused(server: Running) -> None:
    body, kind = multipart(*[b"x"] * 5)
    assert server.ask(body, Content_Type=kind)[1]["error"]["code"] == "SERVE-07"
    body = json.dumps({"examples": ["aaaa"] * 5})
    assert server.ask(body, Content_Type="application/json")[1]["error"]["code"] == "SERVE-07"


MALFORMED = [
    (b"--edge\r\nContent-Dis", "multipart/form-data; boundary=edge"),
    (b"--other--\r\n", "multipart/form-data; boundary=edge"),
    (b"--edge--\r\n", "multipart/form-data; boundary=edge"),
    (b"--edge\r\n" + b"A: b\r\n" * 500 + b"\r\nx\r\n--edge--\r\n", "multipart/form-data; boundary=edge"),
    (b"anything", "multipart/form-data"),
    (b"{", "application/json"),
    (b'{"example": NaN}', "application/json"),
    (b"[" * 9_000, "application/json"),
    (b"\xff\xfe", "application/json"),
    (b'{"example": ' + b"9" * 5000 + b"}", "application/json"),
    (b"no picture", "image/png"),
    (b"", "image/png"),
]


@pytest.mark.parametrize(("body", "kind"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_bodies(server: Running, body: bytes, kind: str) -> None:
    status, answer = server.ask(body, Content_Type=kind)
    assert status == 400, answer
    assert answer["error"]["message"] and "Traceback" not in str(answer)


WRONG = [
    "{}",
    "[]",
    '{"example": null}',
    '{"example": [[1]]}',
    '{"examples": []}',
    '{"example": 1, "examples": [1]}',
    json.dumps({"example": [[[0.5]] * 8] * 8}),
    json.dumps({"example": [[[256]] * 8] * 8}),
    json.dumps({"example": [[[True]] * 8] * 8}),
    json.dumps({"example": "no base64!"}),
    '{"example": ' + json.dumps([[[0]] * 8] * 8).replace("0", "1e999") + "}",
]


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_json_of_other_shapes_and_numbers(server: Running, body: str) -> None:
    status, answer = server.ask(body, Content_Type="application/json")
    assert (status, answer["error"]["code"]) == (422, "SERVE-09"), answer


HEADS = [
    (b"nonsense\r\n\r\n", 400),
    (b"POST /v1/digits HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST /v1/digits HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
    (b"GET /v1 HTTP/1.1\r\n\r\n", 400),
    (b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nA: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    (b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nA: " + b"x" * 20_000, 431),
    (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
    (b"GET /v1 HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    (b"GET /v1 HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    (head(3, "/v1/digits", "Origin: http://evil.example") + b"abc", 403),
    (head(3, "/v1/../../etc/passwd") + b"abc", 404),
    (head(3, "/v1/%2e%2e%2f%00") + b"abc", 404),
]


@pytest.mark.parametrize(("content", "status"), HEADS, ids=range(len(HEADS)))
def test_heads(server: Running, content: bytes, status: int) -> None:
    with server.connect() as place:
        place.sendall(content)
        answer = one_answer(place)
    assert status_of(answer) == status, answer


def test_a_body_in_tiny_chunks_is_refused(server: Running) -> None:
    began = time.monotonic()
    with server.connect() as place:
        place.sendall(head(None, "/v1/digits", "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 19_000 + b"0\r\n\r\n")
        answer = read_all(place)
    assert status_of(answer) == 400
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "begins", [b"", b"POST /v1/digits HTTP/1.1\r\nHost: local", head(1000)], ids=["all", "head", "body"]
)
def test_what_drips_has_a_deadline(server: Running, begins: bytes) -> None:
    """However steadily it drips; and others are answered meanwhile."""
    began = time.monotonic()
    with server.connect() as place:
        place.sendall(begins)
        place.settimeout(0.2)
        answer = b""
        while time.monotonic() - began < 6:
            try:
                if begins:
                    place.sendall(b"x")
                piece = place.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if not piece:
                break
            answer += piece
        took = time.monotonic() - began
    assert 1.3 < took < 4
    assert not begins or status_of(answer) == 408
    assert server.ask(digit(0)[0])[0] == 200


def test_many_slow_clients_hold_nobody_up(server: Running) -> None:
    places = [server.connect() for _ in range(200)]
    try:
        for place in places:
            place.sendall(b"POST /v1/digits HTTP/1.1\r\nHost: x")
        began = time.monotonic()
        assert server.ask(digit(0)[0])[0] == 200
        assert time.monotonic() - began < 1
        assert all(b" 408 " in read_all(place) for place in places)
    finally:
        for place in places:
            place.close()


def test_a_token(digits: Path) -> None:
    file, _ = digit(0)
    with running(digits, token="secret") as server:
        assert server.ask(file)[0] == 401
        assert server.ask(file, Authorization="Bearer other")[0] == 401
        assert server.get("/v1")[0] == 401
        assert server.get("/metrics")[0] == 401
        assert server.ask(file, Authorization="Bearer secret")[0] == 200
        assert "secret" not in "".join(server.lines)


def test_only_this_machine_reaches_it(server: Running) -> None:
    table = Path("/proc/net/tcp").read_text().splitlines()
    (address,) = {
        line.split()[1] for line in table if line.split()[1].endswith(f":{server.port:04X}") and " 0A " in line
    }
    assert address.startswith("0100007F")
