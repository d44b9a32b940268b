"""One connection's requests as h11 reads them, with bounds on what is read."""

from __future__ import annotations

import re
from typing import Any

import h11

from mapsto.server.load import Load, Place

MOST_HEADERS = 100
FREE_PIECES, LEAST_PIECE = 1000, 64  # a body in more pieces than that has pieces of 64 bytes on average
ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)


class Connection(h11.Connection):
    """h11's state machine, with bounds on heads and on the pieces of bodies."""

    def __init__(self, load: Load, max_header: int) -> None:
        super().__init__(h11.SERVER, max_header)
        self.load, self.max_header = load, max_header
        self.pieces = self.bytes = 0
        self.hint = 400
        self.place: Place | None = None  # of the request that came last
        self.shut = False  # whether the client sends no more

    def send(self, event: Any) -> bytes | None:  # type: ignore[override]
        """An event ↦ its bytes. An answer that is the connection's last one says so (RFC 9112, section 9.6)."""
        if type(event) is h11.Response and (self.load.ending or self.their_state is h11.CLOSED):
            headers = [*event.headers, (b"connection", b"close")]
            event = h11.Response(status_code=event.status_code, headers=headers, reason=event.reason)
        return super().send(event)

    def end_of_theirs(self) -> bool:
        """Take in that the client sends no more ↦ whether there is a whole request that has no answer yet."""
        self.shut = True
        self.receive_data(b"")
        if self.their_state is h11.DONE:
            self.next_event()
        return self.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    def next_event(self) -> Any:
        try:
            event: Any = super().next_event()
            kind = type(event)
            if kind is h11.Request:
                self.pieces = self.bytes = 0
                size = len(event.target) + sum(len(name) + len(value) + 4 for name, value in event.headers)
                if size > self.max_header or len(event.headers) > MOST_HEADERS:
                    raise h11.RemoteProtocolError("the head is too large", 431)
                event = in_origin_form(event)
                if {b"transfer-encoding", b"content-length"} <= {name for name, _ in event.headers}:
                    raise h11.RemoteProtocolError("two lengths of one body", 400)
                self.place = Place(self.load)
            elif kind is h11.EndOfMessage and self.place:
                self.place.complete()
            elif kind is h11.Data:
                self.pieces += 1
                self.bytes += len(event.data)
                if self.place:
                    self.place.add(len(event.data))
                if self.pieces > FREE_PIECES and self.bytes < LEAST_PIECE * self.pieces:
                    raise h11.RemoteProtocolError("the body is cut too finely", 400)
            return h11.NEED_DATA if kind is h11.ConnectionClosed else event  # uvicorn would ask again, for ever
        except h11.RemoteProtocolError as problem:
            self.hint = problem.error_status_hint
            raise


def in_origin_form(request: h11.Request) -> h11.Request:
    """`GET http://host/path` ↦ `GET /path` with that Host; others as they are (RFC 9112, section 3.2.2).

    >>> plain = in_origin_form(h11.Request(method="GET", target="http://a:1/v1", headers=[("Host", "b")]))
    >>> plain.target, list(plain.headers)
    (b'/v1', [(b'host', b'a:1')])
    """
    found = ABSOLUTE.match(request.target)
    if not found:
        return request
    host, path = found[1], found[2]
    if not host:
        raise h11.RemoteProtocolError("an address without a host", 400)
    headers = [(name, host if name == b"host" else value) for name, value in request.headers]
    target = path if path.startswith(b"/") else b"/" + path
    return h11.Request(method=request.method, headers=headers, target=target, http_version=request.http_version)
