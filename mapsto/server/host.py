"""A server from its socket to its end: warm, ready, reload, drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from mapsto.core.errors import UsageError
from mapsto.server.app import make_app
from mapsto.server.files import Watch
from mapsto.server.load import Load
from mapsto.server.logs import Forwarding, Log
from mapsto.server.metrics import Metrics
from mapsto.server.model import Served
from mapsto.server.models import Models, served_from
from mapsto.server.protocol import keep_deadlines, protocol_for
from mapsto.server.settings import Settings

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Host:
    """Files and settings ↦ a server. `run` returns when it has been told to stop and has answered what it had begun."""

    def __init__(self, files: dict[str, Path], settings: Settings, log: Log) -> None:
        self.files, self.settings, self.log = files, settings, log
        self.load = Load(settings.queue)
        self.metrics = Metrics(self.load)
        self.models = Models(settings, self.load, self.metrics)
        self.watch = Watch(files, self.reload, settings.watch, log, self.metrics)
        for name, path in files.items():  # a file that cannot be served is told before anything is opened
            self.models.put(served_from(path, name, settings))

    def run(self) -> None:
        """Listen, and answer until a signal says stop."""
        listening = listener(self.settings)
        host, port = listening.getsockname()[:2]
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        app = make_app(self.models, self.settings, self.log, [self.begin, self.keep_watch, self.keep_time])
        for name in ("uvicorn", "uvicorn.error", "asyncio"):
            logging.getLogger(name).handlers[:] = [Forwarding(self.log)]
            logging.getLogger(name).propagate = False
        config = uvicorn.Config(
            app,
            http=protocol_for(self.load, self.settings),
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(self.settings.drain)),
            h11_max_incomplete_event_size=self.settings.max_header,
        )
        self.server = Server(config, app, self)
        self.models.started = False
        self.server.run([listening])
        self.log("stopped")

    async def begin(self, app: FastAPI) -> None:
        """Make every model warm; then the server is ready."""
        self.log("listening", address=self.address, models=list(self.files))
        if not self.settings.token and self.settings.host not in ("127.0.0.1", "::1", "localhost"):
            self.log("open", message="everyone who reaches this server may ask it; --token TOKEN changes that")
        for live in self.models.values():
            await asyncio.to_thread(live.served.warm)
        self.models.started = app.state.ready = True
        self.log("ready", address=self.address)

    async def reload(self, name: str, path: Path) -> None:
        """Take in a changed file, and replace the model when the new one is warm."""
        served = await asyncio.to_thread(self.warmed, path, name)
        self.models.put(served)

    def warmed(self, path: Path, name: str) -> Served:
        served = served_from(path, name, self.settings)
        served.warm()
        return served

    async def keep_watch(self, app: FastAPI) -> None:
        if self.settings.watch:
            await self.watch.keep()

    async def keep_time(self, app: FastAPI) -> None:
        await keep_deadlines(self.server.server_state.connections, self.settings)


class Server(uvicorn.Server):
    """uvicorn's server, which when told to stop says so before it does, and whose end is no death by signal."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, host: Host) -> None:
        super().__init__(config)
        self.app, self.host = app, host

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Not ready; a moment later deaf to new connections; then the end of those that there are."""
        self.app.state.ready = False
        self.host.log("stopping", under_way=self.host.load.count)
        if self.host.models.started and not self.force_exit:
            await asyncio.sleep(self.host.settings.linger)  # whoever sends requests here looks whether we are ready
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.stop) for one in SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def stop(self, number: int, frame: FrameType | None) -> Any:
        self.force_exit = self.should_exit  # the second time
        self.should_exit = True


def listener(settings: Settings) -> socket.socket:
    """A socket that listens. Raises UsageError (SERVE-02)."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(1024)
    except OSError as problem:
        listening.close()
        fix = "give --port another number; 0 takes one that is free"
        place = f"{settings.host}:{settings.port}"
        raise UsageError("SERVE-02", place=place, reason=problem.strerror or problem, fix=fix) from problem
    return listening
