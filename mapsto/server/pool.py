"""The processes that compute for a server: started, asked, watched, and started again when one dies."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import mapsto.server.worker as worker_module
from mapsto.server.frames import LENGTHS, Said, as_error, from_items, packed, to_outcomes
from mapsto.server.model import Item, Outcome, Served
from mapsto.target.threads import cores

SLOWEST = 5.0  # seconds between two starts of a process that dies at once


class WorkerDied(Exception):
    """The process that was computing is gone, and what it was computing too."""


class WorkerFailed(Exception):
    """The process that was computing made a mistake, and goes on; the text is its traceback."""


class Worker:
    """One process and the socket to it. It answers one frame after the other."""

    def __init__(self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.process, self.reader, self.writer = process, reader, writer
        self.reply: asyncio.Future[tuple[Said, bytes]] | None = None
        self.listening = asyncio.ensure_future(self.listen())

    @classmethod
    async def start(cls, threads: int) -> Worker:
        """A new process."""
        ours, theirs = socket.socketpair()
        root = str(Path(worker_module.__file__).parents[2])
        paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        environment.pop("MAPSTO_TOKEN", None)  # what has been taken over by a hostile picture shall not know it
        environment.setdefault("MAPSTO_THREADS", str(threads))
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", worker_module.__name__, str(theirs.fileno())],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        return cls(process, *await asyncio.open_connection(sock=ours))

    async def listen(self) -> None:
        """Pass on what it says, until it is gone."""
        try:
            while True:
                text, count = LENGTHS.unpack(await self.reader.readexactly(LENGTHS.size))
                said = json.loads(await self.reader.readexactly(text))
                data = await self.reader.readexactly(count)
                if self.reply is not None and not self.reply.done():
                    self.reply.set_result((said, data))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:  # it is gone, or has been ended while it was asked
            if self.reply is not None and not self.reply.done():
                self.reply.set_exception(WorkerDied(f"process {self.process.pid}"))

    async def ask(self, said: Said, data: bytes = b"", patience: float = 600) -> tuple[Said, bytes]:
        """Say something ↦ its answer. Raises WorkerDied, and WorkerFailed with what went wrong in it.

        One that takes longer than `patience` is ended.
        """
        if self.listening.done():
            raise WorkerDied(f"process {self.process.pid}")
        self.reply = asyncio.get_running_loop().create_future()
        self.writer.write(packed(said, data))
        timer = asyncio.get_running_loop().call_later(patience, self.process.kill)
        try:
            answer, rows = await asyncio.shield(self.reply)
        finally:
            timer.cancel()
        if "failed" in answer:
            raise WorkerFailed(answer["failed"])
        return answer, rows

    async def end(self) -> int:
        """Close the socket, wait a moment, then end it ↦ its exit status."""
        self.listening.cancel()
        self.writer.close()
        try:
            return await asyncio.to_thread(self.process.wait, 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Pool:
    """`count` processes that have the same models loaded, from files that stay as they are.

    A changed model means another pool, and the end of this one when nobody asks it any more: so nobody waits for a
    process that is loading. `changed` is told when a process has died or is there again.
    """

    def __init__(self, count: int, loads: Sequence[Said], patience: float, changed: Callable[[str, int], None]) -> None:
        self.count, self.loads, self.patience, self.changed = count, loads, patience, changed
        self.idle: asyncio.LifoQueue[Worker | None] = asyncio.LifoQueue()  # None once the pool has ended
        self.alive: set[Worker] = set()
        self.keepers: list[asyncio.Task[None]] = []

    @property
    def whole(self) -> bool:
        """Whether every process is there and has its models."""
        return len(self.alive) == self.count

    async def start(self) -> None:
        """Start every process. Raises what loading a model raises; then none is left."""
        started = await asyncio.gather(*(self.loaded() for _ in range(self.count)), return_exceptions=True)
        self.keepers = [asyncio.ensure_future(self.keep(one)) for one in started if isinstance(one, Worker)]
        problems = [one for one in started if isinstance(one, BaseException)]
        if problems:
            await asyncio.sleep(0)
            await self.end()
            raise problems[0]
        while not self.whole:
            await asyncio.sleep(0.01)

    async def loaded(self) -> Worker:
        """A new process that has the models."""
        worker = await Worker.start(max(1, cores() // self.count))
        try:
            for said in self.loads:
                answer, _ = await worker.ask(said)
                if answer["error"]:
                    raise as_error(answer["error"])
        except BaseException:
            await worker.end()
            raise
        return worker

    async def keep(self, worker: Worker | None) -> None:
        """Keep one process: when it dies, start another."""
        loop, pause = asyncio.get_running_loop(), 0.05
        while True:
            began = loop.time()
            try:
                worker = worker or await self.loaded()
                self.alive.add(worker)
                self.idle.put_nowait(worker)
                self.changed("worker started", worker.process.pid)
                await asyncio.shield(worker.listening)
            except asyncio.CancelledError:
                if worker:
                    await worker.end()
                raise
            except Exception as problem:  # the process died while it was loading, or could not be started
                self.changed(f"worker not started: {problem}", 0)
            if worker:
                self.alive.discard(worker)
                self.changed("worker died", worker.process.pid)
                await worker.end()
                worker = None
            pause = 0.05 if loop.time() - began > SLOWEST else min(2 * pause, SLOWEST)
            await asyncio.sleep(pause)

    async def run(self, served: Served, items: Sequence[Item]) -> list[Outcome]:
        """Examples ↦ what became of each. Raises WorkerDied, WorkerFailed."""
        worker = await self.idle.get()
        while worker and worker.listening.done():
            worker = await self.idle.get()
        if worker is None:
            self.idle.put_nowait(None)  # for whoever else waits
            raise WorkerDied("all of them, as their pool has ended")
        kinds, data = from_items(items)
        try:
            said = {"do": "run", "name": served.name, "items": kinds}
            answer, rows = await worker.ask(said, data, self.patience)
        finally:
            self.idle.put_nowait(worker)
        return to_outcomes(answer["errors"], rows, served.output)

    async def end(self) -> None:
        """End every process; whoever waits for one hears of it."""
        self.idle.put_nowait(None)
        for keeper in self.keepers:
            keeper.cancel()
        await asyncio.gather(*self.keepers, return_exceptions=True)
