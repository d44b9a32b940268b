"""A saved mapping that is ready to be served: examples in, answers out, at a few compiled batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from mapsto.compiler.prepared import prepared
from mapsto.core.errors import FormatError, LimitError, MapstoError
from mapsto.core.spec import Spec
from mapsto.files.answer import Answer
from mapsto.files.steps import host_of
from mapsto.image.decode import Decode
from mapsto.image.head import work_of
from mapsto.image.picture import LIMIT_PIXELS, decode_picture
from mapsto.nn.answer import TopK
from mapsto.server.settings import SIZES
from mapsto.text.join import Join

Numbers = np.ndarray[tuple[int, ...], np.dtype[Any]]
# The smallest PNG: one black dot.
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)
LARGE, LARGE_PIXELS = 64 << 10, 1 << 18  # bytes and pixels that take some milliseconds to decode
Item = Numbers | bytes | str  # an example: as the net takes it, or raw, as the first host step does
Outcome = Numbers | MapstoError  # its row of the output, or why there is none


class Served:
    """A model under its name: raw input ↦ example ↦ row of a batch ↦ JSON.

    `sizes` are the batch sizes it is compiled for, ascending; a batch of another size is filled up. `max_pixels` bounds
    the pictures it decodes.
    """

    def __init__(self, name: str, answer: Answer, sizes: Sequence[int] = SIZES, max_pixels: int = LIMIT_PIXELS) -> None:
        self.name, self.answer = name, answer
        self.sizes = tuple(sorted(set(sizes)))
        self.max_pixels = max_pixels
        self.before = [host_of(step) for step in answer.before]
        self.after = answer.after
        self.input, self.output = answer.input, answer.output
        self.runs: dict[int, Callable[[Numbers], Numbers]] = {}  # by size
        last = host_of(answer.after[-1]) if answer.after else None
        self.top = last if isinstance(last, TopK) and len(answer.after) == 1 else None

    input: Spec  # of one example as the net takes it, after the host steps before it
    output: Spec  # of what the net makes of one example, before the host steps that follow

    @property
    def takes(self) -> Literal["picture", "numbers", "text"]:
        """What a client sends."""
        if not self.before:
            return "numbers"
        return "picture" if isinstance(self.before[0], Decode) else "text"

    @property
    def tells(self) -> bool:
        """Whether its answers are texts."""
        return bool(self.after) and isinstance(host_of(self.after[-1]), Join)

    @property
    def labelled(self) -> bool:
        """Whether its answers are labels with probabilities."""
        return bool(self.after) and isinstance(host_of(self.after[-1]), TopK)

    def decode(self, raw: Any) -> Numbers:
        """One raw input, through the host steps before the net ↦ one example. Raises MapstoError."""
        value = text_in(raw) if self.takes == "text" and isinstance(raw, bytes) else raw
        for step in self.before:
            if isinstance(step, Decode):
                value = decode_picture(value, step.size, step.mode, self.max_pixels)  # type: ignore[arg-type]
            else:
                value = step(value)
        return np.asarray(value)

    def keeps_waiting(self, item: Item) -> bool:
        """Whether decoding an example takes so long that the others of its batch shall not wait for it."""
        if not isinstance(item, bytes | str):
            return False
        return len(item) > LARGE or (isinstance(item, bytes) and work_of(item) > LARGE_PIXELS)

    def run(self, batch: Numbers) -> Numbers:
        """A batch ↦ what the net makes of each: `[n, …] ↦ [n, …]`, in runs of compiled sizes."""
        whole = self.runs.get(len(batch))
        if whole is not None:
            return whole(batch)
        parts, begin = [], 0
        while begin < len(batch):
            size = self.size_for(len(batch) - begin)
            part = batch[begin : begin + size]
            parts.append(self.run_of(size)(padded(part, size))[: len(part)])
            begin += size
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def run_of(self, size: int) -> Callable[[Numbers], Numbers]:
        """The net for batches of a compiled size, made when it is first asked for."""
        run = self.runs.get(size)
        if run is None:
            zeros = np.zeros((size, *self.input.shape), self.input.dtype)
            program = self.answer.program
            run = self.runs[size] = prepared(program.on_batch, zeros, list(program.tensors.values()))
        return run

    def size_for(self, count: int) -> int:
        """The compiled size that `count` examples begin with: the next larger one if three quarters of it are full."""
        larger = next((size for size in self.sizes if size >= count), self.sizes[-1])
        if 4 * count >= 3 * larger or larger == self.sizes[0]:
            return larger
        return max(size for size in self.sizes if size <= count)

    def run_each(self, items: Sequence[Item]) -> list[Outcome]:
        """Examples of several clients ↦ for each its row, or why there is none: one that fails does so alone."""
        outcomes = [attempt(self.example, item) for item in items]
        good = [place for place, outcome in enumerate(outcomes) if not isinstance(outcome, MapstoError)]
        if not good:
            return outcomes
        batch = np.stack([outcomes[place] for place in good])  # type: ignore[arg-type]
        rows = attempt(self.run, batch)
        if isinstance(rows, MapstoError) and len(good) > 1:
            rows = [first_of(attempt(self.run, batch[place : place + 1])) for place in range(len(good))]
        for place, row in zip(good, [rows] if isinstance(rows, MapstoError) else rows, strict=True):
            outcomes[place] = row
        return outcomes

    def example(self, item: Item) -> Numbers:
        """An example as the net takes it; what is raw is decoded."""
        return self.decode(item) if isinstance(item, (bytes, str)) else item

    def encode(self, row: Numbers) -> Any:
        """One row of the output, through the host steps after the net ↦ JSON.

        Labels with probabilities become `[{"label": …, "probability": …}, …]`, best first; a text is itself; arrays
        become nested lists, in which null stands for a number that is not finite.
        """
        if self.top:
            return [{"label": label, "probability": finite(p)} for label, p in self.top.best(row)]
        value: Any = row[None]
        for step in self.after:
            value = step(value)
        if self.labelled:
            return [{"label": label, "probability": finite(p)} for label, p in value[0]]
        if self.tells:
            return str(value[0])
        numbers = np.asarray(value)[0]
        listed = numbers.tolist()
        return finite(listed) if numbers.dtype.kind not in "biu" and not np.all(np.isfinite(numbers)) else listed

    def warm(self) -> None:
        """Compile every size, and run everything once."""
        one = np.zeros((1, *self.input.shape), self.input.dtype)
        for size in self.sizes:
            self.run(np.repeat(one, size, axis=0))
        if self.takes == "picture":
            self.decode(DOT)
        elif self.takes == "text":
            self.decode("text")
        self.encode(self.run(one)[0])


def text_in(raw: bytes) -> str:
    """UTF-8 ↦ the text. Raises FormatError (SERVE-05)."""
    try:
        return raw.decode()
    except UnicodeDecodeError as problem:
        raise FormatError("SERVE-05", reason=problem, fix="send text in UTF-8") from problem


def attempt(function: Any, value: Any) -> Any:
    """What a function makes of a value, or the MapstoError that it raised; memory that is not there is a limit."""
    try:
        return function(value)
    except MapstoError as error:
        return error
    except MemoryError:
        return LimitError("SERVE-08", fix="send a smaller one")


def first_of(rows: Any) -> Any:
    """A batch of one ↦ its row; an error stays."""
    return rows if isinstance(rows, MapstoError) else rows[0]


def padded(part: Numbers, size: int) -> Numbers:
    """A batch filled up to a size with copies of its first row, which are as good as any to compute with."""
    if len(part) == size:
        return part
    return np.concatenate([part, np.broadcast_to(part[:1], (size - len(part), *part.shape[1:]))])


def finite(value: Any) -> Any:
    """Numbers as JSON has them: NaN and infinities become null.

    >>> finite([1.0, float("nan")])
    [1.0, None]
    """
    if isinstance(value, list):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
