"""What every request passes: limits, token, Host and Origin before; count, log and plain words for failures after."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import traceback
from typing import Any
from urllib.parse import urlsplit

from mapsto.core.errors import MapstoError
from mapsto.server.batcher import Lost, QueueFull
from mapsto.server.load import Place
from mapsto.server.logs import Log
from mapsto.server.models import Models
from mapsto.server.replies import in_one_text, said, told
from mapsto.server.settings import Settings

# What needs no token: it tells no more than that we are here.
OPEN = ("/v2/health/live", "/v2/health/ready", "/", "/page.css", "/page.js", "/page.svg")
UNTOLD = ("/metrics", "/v2/health/live", "/v2/health/ready")  # asked every few seconds, and not worth a line
LEFT = 499  # in the log: the client left before the answer
KIND = (b"content-type", b"application/json")


class TooLong(Exception):
    """The body has more bytes than it may."""


class Exchange:
    """One request and its answer, as they pass: counts the body's bytes, and notes the status."""

    def __init__(self, receive: Any, send: Any, most: int, path: str, place: Place) -> None:
        self.take, self.give, self.most, self.path = receive, send, most, path
        self.place, self.awaited = place, place.arriving
        self.bytes, self.status, self.too_long = 0, 0, False

    async def receive(self) -> Any:
        message = await self.take()
        self.bytes += len(message.get("body", b""))
        if self.bytes > self.most:
            self.too_long = True
            raise TooLong
        if self.awaited and message["type"] == "http.request":
            load, self.awaited = self.place.load, message.get("more_body", False)
            if load.crowded if self.awaited else load.count > load.limit:
                raise QueueFull
        return message

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            if self.too_long:  # whoever caught the exception has an answer of its own
                raise TooLong
            self.status = message["status"]
        await self.give(message)

    async def reply(self, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        """Answer, if nothing has been answered yet."""
        if self.status:
            return
        self.status = status
        if self.path.startswith("/v2"):
            body = json.dumps(in_one_text(json.loads(body))).encode()
        length = (b"content-length", str(len(body)).encode())
        await self.give({"type": "http.response.start", "status": status, "headers": [KIND, length, *headers]})
        await self.give({"type": "http.response.body", "body": body})

    async def say(self, code: str) -> None:
        wait = [(b"retry-after", b"1")]
        headers = {"FULL": wait, "STARTING": wait, "TOKEN": [(b"www-authenticate", b"Bearer")]}
        await self.reply(*said(code), *headers.get(code, []))


class Gate:
    """The outermost part of the application."""

    def __init__(self, app: Any, models: Models, log: Log) -> None:
        self.app, self.models, self.log = app, models, log
        self.settings, self.load, self.metrics = models.settings, models.load, models.metrics
        self.hosts = names_of(self.settings)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        scope["mapsto.task"] = asyncio.current_task()  # for the protocol to end it if the client leaves
        place: Place = scope.get("mapsto.place") or Place(self.load)
        exchange = Exchange(receive, send, self.settings.max_bytes, scope["path"], place)
        try:
            code = self.refusal(scope, place)
            if code:
                await exchange.say(code)
            else:
                await self.app(scope, exchange.receive, exchange.send)
        except BaseException as problem:
            await self.explain(exchange, scope, problem)
        finally:
            place.end()
            self.note(scope, exchange, time.perf_counter() - began)

    def refusal(self, scope: Any, place: Place) -> str:
        """A code of `replies.WORDS` for what is refused by its head alone, else nothing."""
        headers = dict(scope["headers"])
        posted = scope["method"] == "POST"
        host = headers.get(b"host", b"").decode("latin-1")
        if self.hosts and host and name_in(host) not in self.hosts:
            return "HOST"
        origin = headers.get(b"origin")
        if posted and origin is not None and host_of(origin.decode("latin-1")) != host.lower():
            return "ORIGIN"
        if self.settings.token and scope["path"] not in OPEN and not self.known(headers.get(b"authorization", b"")):
            return "TOKEN"
        if int(headers.get(b"content-length", b"0")) > self.settings.max_bytes:
            return "BODY"
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            return "ENCODING"
        if posted and not self.models.started:
            return "STARTING"
        full = self.load.count > self.load.limit - place.arriving or (place.arriving and self.load.crowded)
        return "FULL" if posted and full else ""

    def known(self, authorization: bytes) -> bool:
        scheme, _, token = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self.settings.token.encode())

    async def explain(self, exchange: Exchange, scope: Any, problem: BaseException) -> None:
        """Answer what failed, without a traceback; that goes to the log."""
        if isinstance(problem, TooLong) or exchange.too_long:
            await exchange.say("BODY")
        elif isinstance(problem, QueueFull):
            await exchange.say("FULL")
        elif isinstance(problem, MapstoError):
            status, words = told(problem)
            await exchange.reply(status, json.dumps(words).encode())
        elif isinstance(problem, asyncio.CancelledError):
            if scope.get("mapsto.left"):
                exchange.status = scope.get("mapsto.status", LEFT)  # unless the protocol answered
            else:
                await exchange.say("FULL")  # the server ends, and has waited long enough
        else:
            cause = problem.cause if isinstance(problem, Lost) else problem
            self.log("failure", path=scope["path"], trace="".join(traceback.format_exception(cause)))
            await exchange.say("INTERNAL")
            if not isinstance(problem, Exception):
                raise problem

    def note(self, scope: Any, exchange: Exchange, seconds: float) -> None:
        """Count the request, and write a line about it."""
        path: str = scope["path"]
        model = next((part for part in path.split("/")[2:4] if part in self.models), "")
        self.metrics.answered(model, exchange.status, seconds)
        if path in UNTOLD or exchange.status == 503:
            return
        took = round(seconds * 1000, 2)
        facts = {"method": scope["method"], "path": path[:200], "status": exchange.status, "ms": took}
        self.log("request", **facts, bytes=exchange.bytes, client=(scope.get("client") or ("",))[0])


def names_of(settings: Settings) -> frozenset[str]:
    """The names that a server answers to in Host; none if it answers to all.

    One that only this machine reaches answers to this machine's names, so that no page of a stranger's can make its
    own name point here and read the answers ("DNS rebinding").
    """
    loopback = ("localhost", "127.0.0.1", "::1")
    if settings.host in loopback or settings.allow_hosts:
        return frozenset((*loopback, settings.host, *(name.lower() for name in settings.allow_hosts)))
    return frozenset()


def host_of(origin: str) -> str | None:
    """An Origin header ↦ the name and port in it; None if it does not read.

    >>> host_of("http://Localhost:8000"), host_of("http://[")
    ('localhost:8000', None)
    """
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def name_in(host: str) -> str:
    """A Host header ↦ the name in it.

    >>> name_in("Localhost:8000"), name_in("[::1]:8000"), name_in("[::1]")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
