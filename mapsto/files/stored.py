"""What a file of weights holds, by name: specs that are known at once, and numbers that are read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Numbers = np.ndarray[Any, Any]
Layout = Literal["mapsto", "pytorch", "keras"]


@dataclass(frozen=True)
class Stored:
    """An array in a file: its element type and shape, and how it is read.

    `own` is what the file itself calls it, if that may be another name, with its shape there and, if turned, here.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    read: Callable[[], Numbers]
    own: str = ""

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Module:
    """A layer as a file has it: its path, other names that it goes by, its arrays by the names they have in it.

    `kind` is its class as Keras writes it, if that is known.
    """

    path: str
    arrays: dict[str, Stored]
    also: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True)
class Weights:
    """All arrays of a file. `modules` has them layer by layer for the layouts of others, and is empty for ours.

    `ordered` says that the modules come in the order in which they stand in the net.
    """

    layout: Layout
    arrays: dict[str, Stored]
    modules: tuple[Module, ...] = ()
    ordered: bool = False
