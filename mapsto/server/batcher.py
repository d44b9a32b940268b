"""Examples of many clients ↦ batches: what comes while a batch runs goes together in the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from mapsto.core.errors import MapstoError
from mapsto.server.model import Item, Numbers, Outcome

Run = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]]


class QueueFull(Exception):
    """So many examples wait already that one more would wait too long."""


class Waiting(NamedTuple):
    """An example whose row is awaited."""

    item: Item
    row: asyncio.Future[Numbers]


class Batcher:
    """One example ↦ its row of the output, `await batcher.infer(example)`, computed together with those of others.

    `run` maps a batch, of `size` examples at most; `parallel` batches may be under way at once. As long as one can
    begin, nobody waits, but for `wait` seconds while `arriving()` says that more examples are on their way. Not more
    than `queue` examples wait. An example whose client has left, so that nobody awaits its row, is not computed.
    `seen` is told the size of every batch.
    """

    def __init__(
        self,
        run: Run,
        size: int,
        queue: int = 128,
        wait: float = 0.0,
        parallel: int = 1,
        arriving: Callable[[], bool] = lambda: False,
        seen: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.run, self.size, self.queue, self.wait, self.parallel = run, size, queue, wait, parallel
        self.arriving, self.seen = arriving, seen
        self.waiting: deque[Waiting] = deque()
        self.under_way: set[asyncio.Task[Any] | None] = set()

    def __len__(self) -> int:
        """How many examples wait."""
        return len(self.waiting)

    @property
    def busy(self) -> bool:
        """Whether anybody awaits a row."""
        return bool(self.waiting or self.under_way)

    async def infer(self, item: Item) -> Numbers:
        """One example, as the net takes it or raw ↦ its row of the output.

        Raises QueueFull, and the MapstoError that decoding or computing this one raises.
        """
        if len(self.waiting) >= self.queue:
            self.forget_those_who_left()
            if len(self.waiting) >= self.queue:
                raise QueueFull
        row: asyncio.Future[Numbers] = asyncio.get_running_loop().create_future()
        self.waiting.append(Waiting(item, row))
        if len(self.under_way) < self.parallel:
            self.under_way.add(asyncio.ensure_future(self.work()))
        return await row

    def forget_those_who_left(self) -> None:
        self.waiting = deque(one for one in self.waiting if not one.row.done())

    async def work(self) -> None:
        """Compute batches until nobody waits."""
        try:
            while self.waiting:
                await asyncio.sleep(0)  # whatever has been received by now comes along
                if self.wait and len(self.waiting) < self.size and self.arriving():
                    await asyncio.sleep(self.wait)
                if batch := self.next_batch():
                    self.seen(len(batch))
                    await self.compute(batch)
        finally:  # at once, not in a callback: who begins to wait in between would wait for nobody
            self.under_way.discard(asyncio.current_task())

    def next_batch(self) -> list[Waiting]:
        """Those that have waited longest and are still awaited."""
        batch: list[Waiting] = []
        while self.waiting and len(batch) < self.size:
            one = self.waiting.popleft()
            if not one.row.done():
                batch.append(one)
        return batch

    async def compute(self, batch: list[Waiting]) -> None:
        """Run a batch, and tell everybody what became of theirs."""
        try:
            outcomes = await self.run([one.item for one in batch])
        except BaseException as problem:  # all of them must hear of it
            for one in batch:
                if not one.row.done():
                    one.row.set_exception(Lost(problem))
            if not isinstance(problem, Exception):
                raise
            return
        for one, outcome in zip(batch, outcomes, strict=True):
            if one.row.done():
                continue
            if isinstance(outcome, MapstoError):
                one.row.set_exception(outcome)
            else:
                one.row.set_result(outcome)


class Lost(Exception):
    """A batch that could not be computed through no fault of its examples: a process died, or there is a mistake."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.cause = cause
