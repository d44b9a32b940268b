"""A server from its socket to its end: warm, ready, reload, drain."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from mapsto.core.errors import MapstoError
from mapsto.server.app import make_app
from mapsto.server.door import Door
from mapsto.server.files import Watch, no_room, temporary_folder
from mapsto.server.frames import Said
from mapsto.server.load import Load
from mapsto.server.logs import Log, forward
from mapsto.server.metrics import Metrics
from mapsto.server.model import Served
from mapsto.server.models import Models, served_from
from mapsto.server.pool import Pool
from mapsto.server.protocol import REFUSED, keep_deadlines, protocol_for
from mapsto.server.settings import Settings
from mapsto.server.sockets import listener, room

# So many objects more than there were are looked through for garbage. The requests of a full queue are as many, and no
# garbage; to look at every 700, as Python does, took 5 % of the time.
YOUNG = 20_000
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Host:
    """Files and settings ↦ a server. `run` returns when it has been told to stop and has answered what it had begun."""

    def __init__(self, files: dict[str, Path], settings: Settings, log: Log) -> None:
        self.files, self.settings, self.log = files, settings, log
        connections, self.backlog = room()
        self.load = Load(settings.queue, 16 * settings.max_bytes, connections)
        self.metrics = Metrics(self.load)
        self.load.late = self.note_late
        self.door = Door(self.load, REFUSED)
        self.models = Models(settings, self.load, self.metrics)
        self.watch = Watch(files, self.reload, settings.watch, log, self.metrics)
        self.pool: Pool | None = None
        self.paths: dict[str, Path] = {}
        self.copies = 0
        self.failed = False

    def run(self) -> None:
        """Listen, and answer until a signal says stop."""
        with temporary_folder() as self.folder:
            for name, path in self.files.items():  # a file that cannot be served is told before anything is opened
                self.models.put(self.read(name, path))
            self.listen(listener(self.settings, self.backlog))

    def listen(self, listening: socket.socket) -> None:
        host, port = listening.getsockname()[:2]
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        app = make_app(self.models, self.settings, self.log, [self.compute, self.keep_watch, self.keep_time])
        forward(self.log)
        config = uvicorn.Config(
            app,
            http=protocol_for(self.load, self.settings, self.door),
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=self.backlog,
            timeout_graceful_shutdown=max(1, round(self.settings.drain)),
            h11_max_incomplete_event_size=self.settings.max_header,
        )
        self.server = Server(config, app, self)
        self.models.started = False
        try:
            self.server.run([listening])
        finally:
            logging.captureWarnings(False)
        self.log("stopped")
        if self.failed:
            raise SystemExit(1)

    async def compute(self, app: FastAPI) -> None:
        """Begin; and end the processes that compute when the server ends."""
        try:
            await self.begin(app)
            await asyncio.Event().wait()
        finally:
            if self.pool:
                await self.pool.end()

    async def begin(self, app: FastAPI) -> None:
        """Make every model warm; then the server is ready."""
        self.app = app
        self.log("listening", address=self.address, models=list(self.files))
        if not self.settings.token and self.settings.host not in ("127.0.0.1", "::1", "localhost"):
            self.log("open", message="everyone who reaches this server may ask it; --token TOKEN changes that")
        try:
            await self.take_in({name: live.served for name, live in self.models.items()})
        except Exception as problem:
            self.log("failure", message=f"the models do not run: {type(problem).__name__}: {problem}")
            self.server.should_exit = self.failed = True
            return
        self.models.started = True
        # What there is now stays: to look through it for garbage again and again would stop everything for 50 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG)
        self.note_workers("")
        self.log("ready", address=self.address)

    async def reload(self, name: str, path: Path) -> None:
        """Take in a changed file, and replace the model when the new one is warm."""
        before = dict(self.paths)
        try:
            served = await asyncio.to_thread(self.read, name, path)
            await self.take_in({name: served})
        except BaseException:
            self.paths = before
            self.clear()
            raise

    def read(self, name: str, path: Path) -> Served:
        """A file ↦ its model. Processes that compute get a copy of the file: it may be gone when one starts again."""
        if not self.settings.workers:
            return served_from(path, name, self.settings)
        self.copies += 1
        copy = self.folder / f"{self.copies}-{name}.mapsto"
        try:
            shutil.copyfile(path, copy)
        except OSError as problem:
            served_from(path, name, self.settings)  # which says in our words what is wrong with the file
            raise no_room(path, problem) from problem  # it was the copy
        try:
            served = served_from(copy, name, self.settings)
        except MapstoError as error:
            error.path = str(path)  # the user knows of no copy
            raise
        self.paths[name] = copy
        return served

    async def take_in(self, new: dict[str, Served]) -> None:
        """Serve new models, once they are warm, beside those that stay. Who waits for an old one is still answered."""
        if not self.settings.workers:
            for served in new.values():
                await asyncio.to_thread(served.warm)
                self.models.put(served)
            return
        pool = Pool(
            self.settings.workers, list(map(self.load_words, self.files)), self.settings.patience, self.note_workers
        )
        await pool.start()
        before, self.pool = self.pool, pool
        replaced = list(self.models.values())
        for name in self.files:
            served = new.get(name) or self.models[name].served
            self.models.put(served, partial(pool.run, served))
        if before:
            while any(live.busy for live in replaced):
                await asyncio.sleep(0.02)
            await before.end()
        self.clear()

    def clear(self) -> None:
        """Remove the copies of files that are not served."""
        kept = set(self.paths.values())
        for path in self.folder.iterdir():
            if path not in kept:
                path.unlink()

    def load_words(self, name: str) -> Said:
        """What makes a process that computes load a model."""
        settings = self.settings
        said = {"do": "load", "name": name, "path": str(self.paths[name])}
        return {**said, "sizes": settings.sizes, "max_pixels": settings.max_pixels}

    def note_workers(self, event: str, process: int = 0) -> None:
        """A process died or is there again: the server is ready while all of them are."""
        if event:
            self.log(event, process=process)
        if "died" in event:
            self.metrics.deaths.inc()
        whole = self.pool is None or self.pool.whole
        self.app.state.ready = self.models.started and whole and not self.server.should_exit

    def note_late(self, client: str) -> None:
        """A request's head did not arrive in time."""
        self.metrics.answered("", 408, self.settings.deadline)
        self.log("request", method="", path="", status=408, ms=round(self.settings.deadline * 1000), client=client)

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

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer, in an event loop that waits at our door."""
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(self.host.door)) as runner:
            runner.run(self.serve(sockets))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Not ready; a moment later deaf to new connections; then the end of those that there are.

        What comes in that moment is answered, and every answer ends its connection; so clients that ask without pause
        have left before those that rest are closed.
        """
        self.app.state.ready = False
        self.host.load.ending = True
        self.host.log("stopping", under_way=self.host.load.count)
        if self.host.models.started and not self.force_exit:
            await asyncio.sleep(self.host.settings.linger)  # whoever sends requests here looks whether we are ready
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        deaf = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()  # under nohup
        before = {one: signal.signal(one, self.stop) for one in SIGNALS if one not in deaf}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def stop(self, number: int, frame: FrameType | None) -> Any:
        self.force_exit = self.should_exit  # the second time
        self.should_exit = self.host.load.ending = True
