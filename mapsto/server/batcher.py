"""Examples of many clients ↦ batches: what waits while a batch runs goes together in the next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np

from mapsto.server.model import Numbers


class QueueFull(Exception):
    """So many examples wait already that one more would wait too long."""


class Batcher:
    """One example ↦ its row of the output, `await batcher.infer(example)`, computed together with those of others.

    `run` maps a batch in a thread of `executor`, one batch at a time. A batch has `size` examples at most.
    """

    def __init__(
        self, run: Callable[[Numbers], Numbers], executor: Executor, size: int, queue: int = 256, wait: float = 0.002
    ) -> None:
        self.run, self.executor = run, executor
        self.size, self.queue, self.wait = size, queue, wait
        self.waiting: deque[tuple[Numbers, asyncio.Future[Numbers]]] = deque()
        self.task: asyncio.Task[None] | None = None

    async def infer(self, example: Numbers) -> Numbers:
        """One example ↦ its row of the output. Raises QueueFull; and what the net raises for this example."""
        if len(self.waiting) >= self.queue:
            raise QueueFull
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((example, future))
        if self.task is None:
            self.task = asyncio.ensure_future(self.work())
        return await future

    async def work(self) -> None:
        """Run batches until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self.waiting:
                taken = [self.waiting.popleft() for _ in range(min(self.size, len(self.waiting)))]
                taken = [one for one in taken if not one[1].done()]
                if taken:
                    rows = await loop.run_in_executor(self.executor, self.run, np.stack([x for x, _ in taken]))
                    for (_, future), row in zip(taken, rows, strict=True):
                        if not future.done():
                            future.set_result(row)
        finally:
            self.task = None
