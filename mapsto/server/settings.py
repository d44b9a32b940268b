"""What can be set about a server, with the bounds of each setting."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from mapsto.core.check import real_number, whole_number

SIZES = (1, 2, 4, 8, 16, 32, 64)  # any batch is a few of them, with a quarter of one filled up at most


@dataclass(frozen=True)
class Settings:
    """How a server behaves. Every limit holds before anything is decoded.

    `workers` processes compute; with 0 the server's own does. `token` is what clients must send as `Authorization:
    Bearer …`, by default what the environment has as MAPSTO_TOKEN; `allow_hosts` are further names of this server.
    `max_bytes` bounds a request's body, `max_pixels` a picture and all pictures of a request together, `max_examples`
    the examples of a request, `max_header` the bytes of its head. JSON has no more values than the model has use for.
    `deadline` is how many seconds a request may take to arrive. When told to stop, the server
    says for `linger` seconds that it is not ready before it is deaf, and then gives the answers under way `drain`
    seconds.

    A batch waits `wait` seconds at most for examples that are on their way, and has as many as the largest of `sizes`,
    for which the net is compiled. `queue` examples of a model may wait. A batch that takes more than `patience` seconds
    ends the process that computes it. `watch` is how many seconds lie between two looks at the files; 0 for never.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token: str = field(default="", repr=False)
    allow_hosts: tuple[str, ...] = ()
    max_bytes: int = 16 << 20
    max_pixels: int = 50_000_000
    max_examples: int = 128
    max_header: int = 16 << 10
    deadline: float = 20.0
    drain: float = 20.0
    linger: float = 0.5
    wait: float = 0.001
    queue: int = 128
    patience: float = 60.0
    sizes: tuple[int, ...] = SIZES
    watch: float = 1.0

    @property
    def most_examples(self) -> int:
        """How many examples one request may have: they all wait at once."""
        return min(self.max_examples, self.queue)

    def __post_init__(self) -> None:
        if not self.token:
            object.__setattr__(self, "token", os.environ.get("MAPSTO_TOKEN", ""))
        for name in ("workers", "port"):
            whole_number("serve", name, getattr(self, name), 0, most=65535)
        for name in ("max_bytes", "max_pixels", "max_examples", "max_header", "queue"):
            whole_number("serve", name, getattr(self, name))
        for name in ("wait", "watch", "linger"):
            real_number("serve", name, getattr(self, name), least=0)
        for name in ("deadline", "drain", "patience"):
            real_number("serve", name, getattr(self, name), above=0)
        for size in self.sizes:
            whole_number("serve", "sizes", size, most=4096)
