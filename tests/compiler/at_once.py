"""Several Python threads that do something at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work(n)` gives on several threads that begin together."""
    barrier = threading.Barrier(count)

    def begin(n: int) -> Any:
        barrier.wait()
        return work(n)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))
