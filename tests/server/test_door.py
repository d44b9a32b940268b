"""What is refused before the event loop hears of it, and connections on which nothing comes any more (fault 66)."""

import contextlib
import json
import selectors
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mapsto.server.door import Door, Guest
from mapsto.server.load import Load
from mapsto.server.protocol import REFUSED
from tests.server.common import Running, digit, head, one_answer, read_all, running, until

BODY = json.dumps({"example": [1, 2, 3, 4]}).encode()
HEAD = head(len(BODY), "/v1/slow").replace(b"image/png", b"application/json")
LIST = head(None, "/v1", method="GET")


@contextmanager
def kept_full(server: Running, clients: int) -> Iterator[Counter[int]]:
    """So many clients that ask without pause, each on one connection ↦ the statuses that they see."""
    found: Counter[int] = Counter()
    ending = threading.Event()

    def ask() -> None:
        with server.connect() as place:
            while not ending.is_set():
                place.sendall(HEAD + BODY)
                found[int(one_answer(place).split()[1])] += 1

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def statuses(place: socket.socket, count: int) -> list[int]:
    """The statuses of so many answers, which may come together."""
    text = b""
    while text.count(b"HTTP/1.1 ") < count:
        text += one_answer(place)
    assert text.count(b"HTTP/1.1 ") == count
    return [int(part.split()[0]) for part in text.split(b"HTTP/1.1 ")[1:]]


def test_a_connection_that_was_refused_goes_on(slower: Path) -> None:
    """With the same request again, in one piece or two, with two at once, and with another."""
    with running(slower, queue=2) as server, server.connect() as place, kept_full(server, 6) as others:
        until(lambda: others[503] > 50)
        before = server.metric("mapsto_refused_unread")
        seen: Counter[int] = Counter()
        for _ in range(25):
            place.sendall(HEAD + BODY)
            seen.update(statuses(place, 1))
            place.sendall(HEAD)
            time.sleep(0.002)
            place.sendall(BODY)
            seen.update(statuses(place, 1))
            place.sendall((HEAD + BODY) * 2)
            seen.update(statuses(place, 2))
            place.sendall(LIST)
            assert statuses(place, 1) == [200]
        assert set(seen) <= {200, 503} and sum(seen.values()) == 100 and seen[503] > 10
        assert server.metric("mapsto_refused_unread") > before + 10
        assert set(others) == {200, 503}
    assert not [line for line in server.log if line["event"] == "failure"]


class Kept:
    """What the door hands to a connection."""

    def __init__(self) -> None:
        self.came_in: list[bytes] = []
        self.unsent_yet = b""

    def came(self, data: bytes) -> None:
        self.came_in.append(data)

    def unsent(self, data: bytes) -> None:
        self.unsent_yet += data


@pytest.mark.skipif(sys.platform != "linux", reason="the door refuses by epoll")
def test_what_the_door_cannot_send_or_does_not_know() -> None:
    """Goes to the connection, whole and in order; and the end of a connection to the loop."""
    load, kept = Load(limit=1, count=1), Kept()
    ours, theirs = socket.socketpair()
    door = Door(load, REFUSED)
    with ours, theirs, contextlib.closing(door):
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        key = door.register(ours, selectors.EVENT_READ)
        door.guests[ours.fileno()] = guest = Guest(kept)
        guest.head, guest.size = HEAD, len(HEAD + BODY)
        count = 0
        while not kept.unsent_yet and count < 10_000:
            theirs.sendall(HEAD + BODY)
            assert door.select(1) == []
            count += 1
        theirs.setblocking(False)
        assert theirs.recv(1 << 22) + kept.unsent_yet == REFUSED * count
        assert load.refused == count > 1 and not kept.came_in
        for other in (LIST, HEAD + BODY[:3], HEAD + BODY + HEAD[:1]):
            theirs.sendall(other)
            assert door.select(1) == [] and kept.came_in.pop() == other
        load.count = 0
        theirs.sendall(HEAD + BODY)
        assert door.select(1) == [(key, selectors.EVENT_READ)] and ours.recv(1 << 16) == HEAD + BODY
        load.count = 1
        theirs.shutdown(socket.SHUT_WR)
        assert [one for one, _ in door.select(1)] == [key]
        door.unregister(ours)
        assert door.select(0.01) == [] and load.refused == count


def test_who_rests_for_long_is_let_go(slower: Path) -> None:
    """After an answer, and after a refusal: 5 s."""
    with running(slower, queue=1) as server, server.connect() as answered, server.connect() as refused:
        with kept_full(server, 4) as others:
            until(lambda: others[503] > 20)
            status = 0
            while status != 503:
                refused.sendall(HEAD + BODY)
                (status,) = statuses(refused, 1)
        answered.sendall(LIST)
        assert statuses(answered, 1) == [200]
        began = time.monotonic()
        assert read_all(answered) == read_all(refused) == b""
        assert 4 < time.monotonic() - began < 8


@pytest.mark.parametrize("deadline", [1.5])
def test_a_second_request_has_a_deadline_too(digits: Path, deadline: float) -> None:
    """One whose beginning comes along with the first, and goes no further."""
    file, _ = digit(0)
    with running(digits, deadline=deadline) as server, server.connect() as place:
        place.sendall(head(len(file)) + file + head(len(file)) + file[:10])
        assert b" 200 " in one_answer(place)
        began = time.monotonic()
        assert b" 408 " in read_all(place)
        assert time.monotonic() - began < 4


def test_a_body_that_goes_on_after_the_answer(digits: Path) -> None:
    """It is passed over, and the next request is answered."""
    file, _ = digit(0)
    with running(digits, token="secret") as server, server.connect() as place:
        place.sendall(head(len(file)) + file[:10])
        assert b" 401 " in one_answer(place)
        place.sendall(file[10:])
        time.sleep(0.05)
        for _ in range(2):
            place.sendall(head(len(file), "/v1/digits", "Authorization: Bearer secret") + file)
            assert b" 200 " in one_answer(place)
