"""The models that a server has, each with its queue; a reload replaces one of them at once."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mapsto.core.errors import UsageError
from mapsto.files.answer import load
from mapsto.server.batcher import Batcher, Run
from mapsto.server.load import Load
from mapsto.server.metrics import Metrics
from mapsto.server.model import Item, Outcome, Served
from mapsto.server.settings import Settings

T = TypeVar("T")


@dataclass
class Live:
    """A model as it is served now: `with live:` as long as a request is answered with it."""

    served: Served
    batcher: Batcher
    users: int = 0

    def __enter__(self) -> Live:
        self.users += 1
        return self

    def __exit__(self, *problem: object) -> None:
        self.users -= 1

    @property
    def busy(self) -> bool:
        """Whether a request is being answered with it, so that it may still ask for a row."""
        return self.users > 0 or self.batcher.busy


class Models(Mapping[str, Live]):
    """Name ↦ the model as it is served now.

    `computing` threads run nets, `decoding` threads read large bodies and pictures; the event loop does neither.
    """

    def __init__(self, settings: Settings, load: Load, metrics: Metrics) -> None:
        self.settings, self.load, self.metrics = settings, load, metrics
        self.computing = ThreadPoolExecutor(1, "compute")
        self.decoding = ThreadPoolExecutor(2, "decode")
        self.live: dict[str, Live] = {}
        self.started = True  # whether they are warm

    def __getitem__(self, name: str) -> Live:
        return self.live[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.live)

    def __len__(self) -> int:
        return len(self.live)

    def put(self, served: Served, run: Run | None = None) -> None:
        """Serve a model from now on, in place of the one of that name. What waits for the old one is still answered."""
        settings = self.settings
        batcher = Batcher(
            run or in_thread(self.computing, served),
            served.sizes[-1],
            settings.queue,
            settings.wait,
            max(1, settings.workers),
            self.arriving,
            self.metrics.batch_seen(served.name),
        )
        self.live = {**self.live, served.name: Live(served, batcher)}
        self.metrics.watch_queue(served.name, lambda: len(self.live[served.name].batcher))

    def arriving(self) -> bool:
        """Whether requests have begun to arrive that do not wait in any queue yet."""
        return self.load.count + self.load.arriving > sum(len(live.batcher) for live in self.live.values())

    def close(self) -> None:
        self.computing.shutdown(wait=False, cancel_futures=True)
        self.decoding.shutdown(wait=False, cancel_futures=True)


def live_of(models: Mapping[str, Live], name: str) -> Live:
    """The model of a name. Raises UsageError (SERVE-03)."""
    live = models.get(name)
    if live is None:
        fix = f"GET /v1 lists those that there are: {', '.join(models) or 'none'}"
        raise UsageError("SERVE-03", name=name[:80], fix=fix[:500])
    return live


def in_thread(executor: ThreadPoolExecutor, served: Served) -> Run:
    """A model ↦ the run of its batches in a thread; the native code lets go of Python's lock."""

    def run(items: Sequence[Item]) -> asyncio.Future[list[Outcome]]:
        return asyncio.get_running_loop().run_in_executor(executor, served.run_each, items)

    return run


def served_from(path: Path, name: str, settings: Settings) -> Served:
    """A file ↦ its model, not warm yet. Raises what `mt.load` raises."""
    return Served(name, load(path), settings.sizes, settings.max_pixels)


async def in_background(executor: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
    """Run a function in a thread ↦ its result."""
    return await asyncio.get_running_loop().run_in_executor(executor, functools.partial(function, *arguments))
