"""Floods, clients that leave, and one bad example among good ones (faults 66, 67, 69)."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.server.common import best, digit, head, multipart, one_answer, read_all, running, until

EXAMPLE = json.dumps({"example": [1, 2, 3, 4]})
BUSY = 16  # examples of a request that takes 0.2 s and more


def at_once(count: int, ask: Callable[[int], Any]) -> list[Any]:
    """The answers to so many requests, asked at the same time."""
    ready = threading.Barrier(count)

    def one(number: int) -> Any:
        ready.wait()
        return ask(number)

    with ThreadPoolExecutor(count) as executor:
        return list(executor.map(one, range(count)))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_flood_is_refused_with_a_word_when_to_come_back(slow: Path, workers: int) -> None:
    with running(slow, queue=8, workers=workers) as server:
        found = at_once(60, lambda _: server.ask(EXAMPLE, "/v1/slow", Content_Type="application/json"))
        counts = Counter(status for status, _ in found)
        assert set(counts) == {200, 503} and counts[200] >= 8
        assert {answer["error"]["code"] for status, answer in found if status == 503} == {"FULL"}
        assert server.ask(EXAMPLE, "/v1/slow", Content_Type="application/json")[0] == 200
        assert server.metric("mapsto_queue_length") == 0


def test_a_refusal_says_when(slower: Path) -> None:
    """Also to a connection that goes on, in which the refused body is passed over."""
    body = EXAMPLE.encode()
    request = head(len(body), "/v1/slow").replace(b"image/png", b"application/json")
    with running(slower, queue=1) as server, server.connect() as first, server.connect() as second:
        first.sendall(request + body)
        time.sleep(0.005)
        second.sendall(request)
        time.sleep(0.005)
        second.sendall(body)
        assert b"retry-after: 1" in one_answer(second)
        assert b" 200 " in one_answer(first)
        second.sendall(request + body)
        assert b" 200 " in one_answer(second)


@pytest.mark.parametrize("workers", [0, 1])
def test_nobody_computes_for_those_who_left(slower: Path, workers: int) -> None:
    several = json.dumps({"examples": [[1, 2, 3, 4]] * BUSY})  # what is computed while others come and leave
    long, request = (
        head(len(body), "/v1/slow").replace(b"image/png", b"application/json") + body.encode()
        for body in (several, EXAMPLE)
    )
    with running(slower, workers=workers, wait=0.0) as server:
        warm = server.metric("mapsto_batch_size_sum")
        with server.connect() as first:
            first.sendall(long)
            until(lambda: server.metric("mapsto_batch_size_sum") == warm + BUSY)
            leaving = [server.connect() for _ in range(20)]
            for place in leaving:
                place.sendall(request)
            for place in leaving:
                place.close()
            assert b" 200 " in one_answer(first)
        until(lambda: server.metric("mapsto_requests_under_way") == 1)
        computed = server.metric("mapsto_batch_size_sum") - warm - BUSY
        assert computed <= 5  # a few may have begun before they left
        assert server.ask(EXAMPLE, "/v1/slow", Content_Type="application/json")[0] == 200


@pytest.mark.parametrize("workers", [0, 1])
def test_one_bad_picture_fails_alone(digits: Path, workers: int) -> None:
    files = [digit(number) for number in range(12)]
    cut = files[0][0][:-20]
    with running(digits, workers=workers, wait=0.05) as server:
        found = at_once(12, lambda number: server.ask(cut if number == 5 else files[number][0]))
        assert found[5][0] == 400 and found[5][1]["error"]["code"] == "IMAGE-03"
        assert all(found[number][0] == 200 for number in range(12) if number != 5)
        alone = [best(server.ask(file)[1]) for file, _ in files]
        assert [best(answer) for number, (_, answer) in enumerate(found) if number != 5] == alone[:5] + alone[6:]
        assert server.metric("mapsto_batch_size_count") < 24  # they did go together

        body, kind = multipart(files[0][0], cut, files[2][0])
        status, answer = server.ask(body, Content_Type=kind)
        assert status == 200
        assert [next(iter(one)) if isinstance(one, dict) else one[0]["label"] for one in answer["answers"]] == [
            alone[0],
            "error",
            alone[2],
        ]


def test_requests_one_after_the_other_on_one_connection(digits: Path) -> None:
    file, _ = digit(0)
    with running(digits) as server, server.connect() as place:
        place.sendall((head(len(file)) + file) * 5 + head(None, "/v1", "Connection: close", method="GET"))
        answer = read_all(place)
    assert answer.count(b"HTTP/1.1 200") == 6
