"""A saved mapping that is ready to be served: examples in, answers out, at a few compiled batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mapsto.core.errors import ShapeError
from mapsto.core.spec import Spec
from mapsto.files.answer import Answer, load
from mapsto.files.steps import host_of
from mapsto.image.decode import Decode
from mapsto.nn.answer import TopK

Numbers = np.ndarray[tuple[int, ...], np.dtype[Any]]


class Served:
    """A model under its name: raw input ↦ example ↦ row of a batch ↦ JSON.

    `sizes` are the batch sizes it is compiled for, ascending; a batch of another size is filled up with its own rows.
    """

    def __init__(self, name: str, answer: Answer, sizes: Sequence[int] = (1, 4, 16, 64)) -> None:
        self.name, self.answer = name, answer
        self.sizes = tuple(sorted(set(sizes)))
        self.before = [host_of(step) for step in answer.before]
        self.after = answer.after

    @property
    def input(self) -> Spec:
        """The spec of one example as the net takes it, after the host steps before it."""
        return self.answer.input

    @property
    def output(self) -> Spec:
        """The spec of what the net makes of one example, before the host steps that follow."""
        return self.answer.output

    @property
    def takes(self) -> Literal["picture", "numbers", "text"]:
        """What a client sends."""
        if not self.before:
            return "numbers"
        return "picture" if isinstance(self.before[0], Decode) else "text"

    @property
    def labelled(self) -> bool:
        """Whether its answers are labels with probabilities."""
        return bool(self.after) and isinstance(host_of(self.after[-1]), TopK)

    def decode(self, raw: Any) -> Numbers:
        """One raw input, through the host steps before the net ↦ one example. Raises MapstoError."""
        value = raw
        for step in self.before:
            value = step(value)
        return np.asarray(value)

    def run(self, batch: Numbers) -> Numbers:
        """A batch ↦ what the net makes of each: `[n, …] ↦ [n, …]`, in runs of compiled sizes."""
        parts, begin = [], 0
        while begin < len(batch):
            size = self.size_for(len(batch) - begin)
            part = batch[begin : begin + size]
            parts.append(np.asarray(self.answer.program(padded(part, size)))[: len(part)])
            begin += size
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def size_for(self, count: int) -> int:
        """The compiled size that `count` examples begin with: the next larger if it is at least half full."""
        larger = next((size for size in self.sizes if size >= count), None)
        if larger is not None and (2 * count >= larger or larger == self.sizes[0]):
            return larger
        return max(size for size in self.sizes if size <= count)

    def encode(self, row: Numbers) -> Any:
        """One row of the output, through the host steps after the net ↦ JSON.

        Labels with probabilities become `[{"label": …, "probability": …}, …]`, best first; arrays nested lists, in
        which null stands for a number that is not finite.
        """
        value: Any = row[None]
        for step in self.after:
            value = step(value)
        if self.labelled:
            return [{"label": label, "probability": finite(p)} for label, p in value[0]]
        return finite(np.asarray(value)[0].tolist())

    def warm(self) -> None:
        """Compile every size, and run it once."""
        for size in self.sizes:
            self.run(np.zeros((size, *self.input.shape), self.input.dtype))


def padded(part: Numbers, size: int) -> Numbers:
    """A batch filled up to a size with copies of its first row, which are as good as any to compute with."""
    if len(part) == size:
        return part
    return np.concatenate([part, np.broadcast_to(part[:1], (size - len(part), *part.shape[1:]))])


def finite(value: Any) -> Any:
    """Numbers as JSON has them: NaN and infinities become null."""
    if isinstance(value, list):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def example_of(served: Served, value: Any) -> Numbers:
    """Nested lists of numbers from JSON ↦ one example. Raises ShapeError (SAVE-14) for other shapes."""
    spec = served.input
    array = np.asarray(value)
    if array.shape != spec.shape or array.dtype == object:
        raise ShapeError("SAVE-14", operands=(("x", array.shape, ""), ("answer", spec, "what it takes")))
    return array.astype(spec.dtype)


def served_from(path: Path, sizes: Sequence[int]) -> Served:
    """A file ↦ its model, under the file's name without the ending, not warm yet."""
    return Served(path.stem, load(path), sizes)
