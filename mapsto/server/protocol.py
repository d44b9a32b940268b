"""HTTP/1.1 on one connection: uvicorn's protocol, with the limits that hold before a request reaches the application.

A request has to arrive within an absolute deadline, however steadily its bytes drip. Heads are bounded in bytes and in
number of headers, bodies in how finely they may be cut. And when the server is full, a request is refused by its first
bytes, or at the door (door.py), for about a twentieth of what it costs to answer one: the time that refusals take is
missing where answers are made.
"""

from __future__ import annotations

import asyncio
import re
import socket
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mapsto.server.connection import Connection
from mapsto.server.door import Door, Guest
from mapsto.server.load import Load
from mapsto.server.replies import said
from mapsto.server.settings import Settings

READING, LEAST_READ = 30.0, 16 << 10  # an answer's reader takes so many bytes in so many seconds, or is given up
KNOCK = 0.02  # seconds from a client's last byte until we ask whether it is there; at once if others wait

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
OTHER = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade|connection|content-length)[ \t]*:", re.IGNORECASE)


def reply_bytes(code: str, *headers: str) -> bytes:
    """A code of `replies.WORDS` ↦ a whole answer of HTTP/1.1."""
    status, body = said(code)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "content-type: application/json", *headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


REFUSED = reply_bytes("FULL", "retry-after: 1")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CROWDED = reply_bytes("FULL", "retry-after: 1", "connection: close")
LATE = reply_bytes("DEADLINE", "connection: close")


class Together:
    """A transport on which the head of an answer leaves with the beginning of its body: one packet instead of two."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport, self.head = transport, b""
        self.is_closing, self.close, self.abort = transport.is_closing, transport.close, transport.abort

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self.head = data
        elif self.head or data:
            self.transport.write(self.head + data)
            self.head = b""


class Protocol(H11Protocol, asyncio.BufferedProtocol):
    """One connection. `protocol_for` binds it to a server's load and settings."""

    load: Load
    settings: Settings
    door: Door

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.conn = Connection(self.load, self.settings.max_header)
        self.due = 0.0  # when what is arriving is to have arrived, by the loop's clock; 0 while it is answered
        self.resting = False  # whether `due` is when the next request is to begin
        # Bytes of answers that are not read yet, and when it was last seen that some were.
        self.left, self.taken = 0, 0.0
        self.skip = 0  # bytes of a refused body that are still to come
        self.guest = Guest(self)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.transport: Any = Together(transport)
        self.wire: asyncio.Transport = transport
        self.number: int = transport.get_extra_info("socket").fileno()
        self.await_rest()
        if len(self.connections) > self.load.most_connections:
            self.load.refused += 1
            transport.write(CROWDED)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.guests.pop(self.number, None)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.scope["mapsto.left"] = True  # type: ignore[typeddict-unknown-key]
            task: asyncio.Task[None] | None = cycle.scope.get("mapsto.task")  # type: ignore[assignment]
            if task is not None:
                task.cancel()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to stay when the client has shut its side: for the answer to a request that had arrived whole."""
        stays = self.conn.end_of_theirs()
        if stays:
            self.loop.call_later(KNOCK if self.load.count == 1 else 0, self.knock)
        return stays

    def knock(self) -> None:
        """Tell who left from who only shut its side: the former's system sends back what any client passes over."""
        if not self.transport.is_closing() and self.conn.our_state is h11.SEND_RESPONSE:
            if self.conn.their_http_version == b"1.1":
                self.wire.write(CONTINUE)
            self.end_if_left()

    def end_if_left(self) -> None:
        """Give up the request of a client that is gone. Of who has shut its side the loop does not hear any more."""
        if self.conn.shut and not self.transport.is_closing():
            connected = self.wire.get_extra_info("socket")
            if connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.wire.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.door.arrived

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self.door.arrived[:nbytes]))

    def data_received(self, data: bytes) -> None:
        if self.skip:
            data = self.passed_over(data)
        if data and not (self.load.full and self.idle and self.refused(data)):
            if self.resting:
                self.await_rest()
            super().data_received(data)
            self.look()

    def handle_events(self) -> None:
        """Take what has arrived; a request that begins with it carries its share of the load along."""
        super().handle_events()
        if self.cycle is not None:
            self.cycle.scope.setdefault("mapsto.place", self.conn.place)  # type: ignore[typeddict-item]

    def look(self) -> None:
        """See whether the request that was arriving has arrived."""
        theirs = self.conn.their_state
        if theirs in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
            self.due = 0.0
        elif theirs is h11.IDLE and self.cycle is None and not self.conn.trailing_data[0]:
            self.rest()  # it had been answered before its end

    def await_rest(self) -> None:
        """What has begun to arrive is to have arrived in time."""
        self.door.guests.pop(self.number, None)
        self.resting, self.due = False, self.loop.time() + self.settings.deadline

    def rest(self) -> None:
        """Another request may begin for a while. It takes no timer: those of many connections cost more than a look."""
        self.resting, self.due = True, self.loop.time() + self.timeout_keep_alive
        if self.guest.size and not self.wire.get_write_buffer_size():
            self.door.guests[self.number] = self.guest

    def on_response_complete(self) -> None:
        """Nothing of the request stays in memory: what hundreds of connections keep, no cache of a processor holds."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.cycle = self.scope = self.headers = None  # type: ignore[assignment]
        self.flow.resume_reading()
        if self.conn.our_state is h11.DONE and self.conn.their_state is h11.DONE:
            self.conn.start_next_cycle()
            self.await_rest()
            self.handle_events()  # the next one, or its beginning, may be there already
            self.look()
            if self.conn.shut and self.cycle is None:  # of the next one only a beginning had come
                self.transport.close()

    def passed_over(self, data: bytes) -> bytes:
        """Drop what belongs to a refused body ↦ what follows it."""
        count = min(self.skip, len(data))
        self.skip -= count
        if not self.skip:
            self.rest()
        return data[count:]

    @property
    def idle(self) -> bool:
        """Whether no request has begun to arrive or is being answered."""
        return self.cycle is None and self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def came(self, data: bytes) -> None:
        """Something else than before has been read at the door."""
        self.loop.call_soon(self.read, data)

    def unsent(self, data: bytes) -> None:
        """A refusal, or its end, could not be sent at the door; what comes next is not to overtake it."""
        self.door.guests.pop(self.number, None)
        self.wire.write(data)

    def read(self, data: bytes) -> None:
        """Take what was read at the door, as the loop would have."""
        try:
            if not self.wire.is_closing():
                self.data_received(data)
        except BaseException:
            self.wire.abort()
            raise

    def refused(self, data: bytes) -> bool:
        """Whether these bytes begin a plain POST, which is then refused; the rest of its body is passed over."""
        guest = self.guest
        if not data.startswith(guest.head) or not guest.size:  # who asks again mostly asks with the same head
            guest.head, guest.size = plain_post(data, self.settings.max_header)
        if not guest.size or guest.size < len(data) or self.load.ending:  # another request follows, or none may
            return False
        self.load.refused += 1
        self.wire.write(REFUSED)
        self.skip = guest.size - len(data)
        if self.skip:
            self.await_rest()
        else:
            self.rest()
        return True

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and close; what has begun to be answered is cut off."""
        self.load.malformed += 1
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            code = {431: "HEADERS", 413: "BODY"}.get(self.conn.hint, "SYNTAX")
            self.wire.write(reply_bytes(code, "connection: close"))
        self.transport.close()

    def late(self, now: float) -> None:
        """End a connection on which something has been arriving for too long, or whose answers are not read.

        One that is closing may still have its last answer read, if slowly.
        """
        self.end_if_left()
        due = max(self.due, self.guest.seen + self.timeout_keep_alive) if self.resting else self.due
        if self.unread(now):
            self.transport.abort()
        elif not self.transport.is_closing() and due and now > due:
            waits = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.skip
            begun = self.cycle is not None and not self.cycle.response_complete
            if begun:
                self.cycle.scope["mapsto.status"] = 408  # type: ignore[typeddict-unknown-key]
            if (waits and self.conn.their_state is not h11.IDLE) or self.conn.trailing_data[0]:
                self.wire.write(LATE)
                if not begun:
                    self.load.late((self.client or ("",))[0])
            self.due = now
            self.transport.close()

    def unread(self, now: float) -> bool:
        """Whether answers wait of which hardly anything has been taken for a while."""
        left = self.wire.get_write_buffer_size()
        if not left or left > self.left or left <= self.left - LEAST_READ:
            self.left, self.taken = left, now
        return left > 0 and now - self.taken > READING


def plain_post(data: bytes, max_header: int) -> tuple[bytes, int]:
    """What begins with a POST's head ↦ that head, and how many bytes it has with its body; (b"", 0) if it is not plain.

    >>> head = b"POST / HTTP/1.1\\r\\nContent-Length: 9\\r\\n\\r\\n"
    >>> plain_post(head + b"begin", 100) == (head, len(head) + 9)
    True
    """
    end = data.find(b"\r\n\r\n", 0, max_header)
    head = data[: end + 2]
    length = LENGTH.search(head)
    if end < 0 or length is None or not head.startswith(b"POST ") or b" HTTP/1.1\r\n" not in head:
        return b"", 0
    if len(OTHER.findall(head)) != 1:
        return b"", 0
    return data[: end + 4], end + 4 + int(length[1])


def protocol_for(load: Load, settings: Settings, door: Door) -> type[Protocol]:
    """A server's own class of connections."""
    return type("Protocol", (Protocol,), {"load": load, "settings": settings, "door": door})


async def keep_deadlines(connections: set[Any], settings: Settings) -> None:
    """Look at every connection a few times a deadline; cheaper than a timer for each request."""
    while True:
        await asyncio.sleep(min(0.25, settings.deadline / 8))
        now = asyncio.get_running_loop().time()
        for connection in list(connections):
            connection.late(now)
