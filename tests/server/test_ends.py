"""How connections end: at SIGTERM, when a client sends no more, and answers without a body (faults 67, 72)."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server.common import Running, digit, head, one_answer, read_all, running, until

FILE = digit(0)[0]
REQUEST = head(len(FILE)) + FILE
GET = head(None, "/v1", method="GET")


def last(answer: bytes) -> bool:
    return b"\r\nconnection: close\r\n" in answer.lower()


@pytest.fixture(scope="module")
def server(digits: Path) -> Iterator[Running]:
    with running(digits) as one:
        yield one


def test_at_sigterm_no_request_of_a_kept_connection_is_broken(digits: Path) -> None:
    """Of eight that ask without pause, one that asks after a while, one that never does."""
    with running(digits) as server:
        told: list[list[bytes]] = []
        begun = threading.Barrier(9)

        def ask() -> None:
            with server.connect() as place:
                place.sendall(REQUEST)
                answers = [one_answer(place)]
                begun.wait()
                while answers[-1].startswith(b"HTTP/1.1 200") and not last(answers[-1]):
                    place.sendall(REQUEST)
                    answers.append(one_answer(place))
                told.append([*answers, read_all(place)])

        clients = [threading.Thread(target=ask) for _ in range(8)]
        with server.connect() as later, server.connect() as never:
            for place in (later, never):
                place.sendall(REQUEST)
                assert not last(one_answer(place))
            for client in clients:
                client.start()
            begun.wait()
            server.process.send_signal(signal.SIGTERM)
            server.event("stopping")
            later.sendall(REQUEST + GET)
            answer = one_answer(later)
            assert answer.startswith(b"HTTP/1.1 200") and last(answer) and read_all(later) == b""
            with server.connect() as new:
                new.sendall(GET)
                assert last(one_answer(new)) and read_all(new) == b""
            assert read_all(never) == b""
        for client in clients:
            client.join()
        assert server.process.wait(5) == 0
        assert len(told) == 8
        for *answers, after in told:
            assert all(one.startswith(b"HTTP/1.1 200") for one in answers) and last(answers[-1]) and after == b""


@contextmanager
def answering_slowly(digits: Path, queue: int = 128) -> Iterator[Running]:
    """A server that takes a second for each batch, as one more example is always on its way."""
    with running(digits, wait=1.0, queue=queue) as server, server.connect() as place:
        place.sendall(head(1000, "/v1/digits", "Expect: 100-continue"))
        assert b" 100 " in one_answer(place)
        yield server


def test_at_sigterm_what_is_under_way_and_what_is_refused_ends_too(digits: Path) -> None:
    with answering_slowly(digits, queue=1) as server, server.connect() as first, server.connect() as second:
        first.sendall(REQUEST)
        time.sleep(0.1)  # to ask for the metrics would be one request too many
        for _ in range(2):  # the second time at the door
            second.sendall(REQUEST)
            refusal = one_answer(second)
            assert b" 503 " in refusal and not last(refusal)
        server.process.send_signal(signal.SIGTERM)
        second.sendall(REQUEST)
        refusal, answer = one_answer(second), one_answer(first)
        assert b" 503 " in refusal and last(refusal) and read_all(second) == b""
        assert b" 200 " in answer and last(answer) and read_all(first) == b""


@pytest.mark.parametrize(
    ("content", "count", "end"),
    [
        (REQUEST, 1, b""),
        (GET, 1, b""),
        (REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"), 1, b""),
        (REQUEST.replace(b"Host", b"Connection: close\r\nHost"), 1, b""),
        (3 * REQUEST, 3, b""),
        (REQUEST + GET[:-2], 1, b"400"),  # of the second only a beginning came
        (REQUEST + REQUEST[:-1], 1, b"400"),
        (REQUEST[:-1], 0, b""),
        (GET[:-2], 0, b""),
        (b"", 0, b""),
    ],
    ids=range(10),
)
def test_who_shuts_its_side_is_still_answered(server: Running, content: bytes, count: int, end: bytes) -> None:
    """What had come whole; also when the end comes by itself."""
    for pause in (0, 0.001, 0.02):
        with server.connect() as place:
            place.settimeout(3)
            place.sendall(content)
            time.sleep(pause)
            place.shutdown(socket.SHUT_WR)
            answers = read_all(place).split(b"HTTP/1.1 ")
        good = [one for one in answers[1:] if one.startswith(b"200")]
        rest = [one[:3] for one in answers[1:] if one not in good]
        assert len(good) == count and set(rest) <= {end}, answers  # as it came in time or not
    until(lambda: server.metric("mapsto_requests_under_way") == 1)


def test_who_shuts_its_side_may_wait_for_long(digits: Path) -> None:
    """It is asked meanwhile whether it is still there, by what clients pass over (RFC 9110, section 15.2.1)."""
    with answering_slowly(digits) as server, server.connect() as stays, server.connect() as leaves:
        for place in (stays, leaves):
            place.sendall(REQUEST)
        stays.shutdown(socket.SHUT_WR)
        leaves.close()
        answer = read_all(stays)
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") and last(answer)
        until(lambda: sorted(one["status"] for one in server.log if one["event"] == "request") == [200, 499])


@pytest.mark.parametrize(
    "path", ["/", "/page.js", "/v1", "/v1/digits", "/openapi.json", "/metrics"]
    + ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/digits", "/v2/models/digits/versions/1/ready"],
)  # fmt: skip
def test_head_where_get_is_allowed(server: Running, path: str) -> None:
    """The same head as GET's and no body (RFC 9110, section 9.3.2); and 405 tells of both."""
    found = []
    for method in ("HEAD", "GET"):
        with server.connect() as place:
            place.sendall(head(None, path, "Connection: close", method=method))
            found.append(read_all(place).partition(b"\r\n\r\n"))
    (told, _, body), (told_by_get, _, body_of_get) = found
    assert told.startswith(b"HTTP/1.1 200") and body == b"" and body_of_get
    varying = path == "/metrics"
    assert varying or [one for one in told.split(b"\r\n") if b"date" not in one] == [
        one for one in told_by_get.split(b"\r\n") if b"date" not in one
    ]
    with server.connect() as place:
        place.sendall(head(None, path, "Connection: close", method="PUT"))
        refusal = read_all(place)
    allowed = next(line for line in refusal.lower().split(b"\r\n") if line.startswith(b"allow:"))
    assert b" 405 " in refusal and b"head" in allowed and b"get" in allowed
