"""Who waits for whom in a queue."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.server.batcher import Batcher, QueueFull


def batcher(**settings: Any) -> Batcher:
    """One that answers the example itself."""

    async def run(items: Sequence[Any]) -> Sequence[Any]:
        return items

    return Batcher(run, 4, **settings)


def test_an_example_that_comes_just_when_a_batch_has_ended_is_computed() -> None:
    """Its client goes on before anything else runs, and the queue must not take the ended batch for one under way."""

    async def one_after_another() -> list[float]:
        queue = batcher()
        async with asyncio.timeout(5):
            return [(await queue.infer(np.float32([number]))).item() for number in range(3)]

    assert asyncio.run(one_after_another()) == [0, 1, 2]


def test_all_that_wait_are_computed_in_batches_of_the_size() -> None:
    sizes: list[int] = []

    async def at_once() -> list[float]:
        queue = batcher(seen=sizes.append)
        async with asyncio.timeout(5):
            found = await asyncio.gather(*(queue.infer(np.float32([number])) for number in range(10)))
        assert not queue.busy
        return [one.item() for one in found]

    assert asyncio.run(at_once()) == list(range(10))
    assert sizes == [4, 4, 2]


def test_a_full_queue_refuses_and_goes_on() -> None:
    async def flood() -> None:
        queue = batcher(queue=2)
        found = await asyncio.gather(*(queue.infer(np.float32([1])) for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in found[2:]] == [QueueFull] * 3
        async with asyncio.timeout(5):
            await queue.infer(np.float32([1]))

    asyncio.run(flood())
