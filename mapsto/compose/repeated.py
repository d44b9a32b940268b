"""Calling the copies of a repeated block (`mt.repeat`), of which only the first is traced.

What a copy has of its own is its leaves, and the streams from which its layers draw keys. Both are a port, so one copy
can stand for all: it is traced with variables in the place of its arrays, and the others are called with theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

from mapsto.array.array import Array
from mapsto.compose.frame import current_frame, private_copy
from mapsto.compose.states import Places, arrays_of
from mapsto.core import where
from mapsto.core.lazy import optional
from mapsto.core.tree import flatten

if TYPE_CHECKING:
    from mapsto.compose.modes import TrainingFrame

block_cache = optional("mapsto.transform.block_cache", extra="")  # for repeated blocks alone


def apply_copies(repeat: Any, x: Any) -> Any:
    """x ↦ what the copies of a block make of it, one after another; those that are alike are traced once."""
    frame = current_frame()
    training = cast("TrainingFrame", frame) if frame is not None and frame.private else None
    owner, cache = repeat, None
    with ExitStack() as entered:
        for place, copy in enumerate(repeat.copies):
            if block_cache.is_known(x):
                x = copy(x)
                continue
            if cache is None:
                cache = block_cache.BlockCache()
                if training is None:  # the user's own tree, which others may read now
                    owner, _ = private_copy(repeat)
                    entered.enter_context(where.entered(owner))
            own = owner.copies[place]
            x = cache.call(own, block_cache.path_of(own), CopyArrays(own, training), x)
    return x


class CopyArrays:
    """A copy of a block, in a private copy of the tree: its arrays in the order of the tree, then its streams."""

    def __init__(self, copy: Any, frame: TrainingFrame | None) -> None:
        self.copy = copy
        self.own = Places(arrays_of(copy))
        self.frame = frame
        self.drawing = [] if frame is None else list(frame.drawing(copy))

    def form(self) -> Any:
        """Equal for copies that do the same on other arrays; what is not one of ours must be the same object."""
        leaves, structure = flatten(self.copy)
        values = [leaf.value for leaf in leaves]
        specs = tuple((x.dtype, x.shape) if isinstance(x, Array) else id(x) for x in values)
        return structure, specs, self.uses()

    def read(self) -> list[Array]:
        own = self.own.read()
        return own if self.frame is None else [*own, *map(self.frame.stream, self.drawing)]

    def write(self, arrays: Sequence[Array]) -> None:
        count = len(self.own.places)
        self.own.write(arrays[:count])
        if self.frame is not None:
            for mapping, stream in zip(self.drawing, arrays[count:], strict=True):
                self.frame.set_stream(mapping, stream)

    def uses(self) -> Any:
        return None if self.frame is None else tuple(map(self.frame.used, self.drawing))

    def set_uses(self, uses: Any) -> None:
        if self.frame is not None:
            for mapping, count in zip(self.drawing, uses, strict=True):
                self.frame.set_used(mapping, count)
