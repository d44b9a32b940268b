"""The check of batch invariance: whether a net treats every example by itself, as a file promises.

A file holds the graph of one example, traced at batch 1. That the net makes the same of three together is found out by
numbers; no proof compares these two, for a batch of one is traced with layouts of its own. That the net, which is a
Python function and may do something else for each count, makes the same of two and of five as of three is proved
(`compiler/batch_proof.py`), or where there is no proof, found out by numbers, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compiler.batch_axis import BatchAxis, BatchSizes
from mapsto.compiler.batch_proof import proved_for
from mapsto.compose.frame import CallFrame, calling
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import MapstoError, UsageError
from mapsto.core.spec import Spec, float_info, is_float
from mapsto.core.where import current_path

MIXING = "a file maps each example by itself, in batches of any size; leave out the step that mixes them"
EXAMPLES = 3
PROVED = ((3, 2), (5, 3))  # counts for which a proof is looked for: with the trial, all of 2, 3 and 5 are alike
OTHERS = (1, 2, 5)  # counts that the net is tried with where there is none; the program treats all counts alike
NAMES = {1: "one", 2: "two", 3: "three", 5: "five"}
# Normal floats, then larger ones: what is mixed may vanish behind a relu or a softmax that is sure of itself.
SCALES = (1.0, 20.0)


class Recording(CallFrame):
    """Calls through another frame, and keeps the path and output of every mapping, innermost first."""

    def __init__(self, frame: CallFrame) -> None:
        self.frame = frame
        self.outputs: list[tuple[str, Any]] = []

    def call(self, mapping: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = self.frame.call(mapping, function, args, kwargs)
        self.outputs.append((current_path(), result))
        return result


def check_batch_invariance(mapping: Mapping, frame: CallFrame, spec: Spec, program: Callable[[Array], Array]) -> Array:
    """A net called through `frame` and the program of its graph ↦ what the program makes of three examples.

    The program must give for three together what it gives for each alone, and what the net gives for them; and the net
    must do the same for one, two and five, by proof or by numbers. Raises UsageError (SAVE-08, SAVE-09, SAVE-10), which
    names the first layer that mixes examples.
    """
    trial = Trial(mapping, frame)
    together = asarray([])
    for scale in SCALES:
        x = asarray(random_batch(spec, EXAMPLES, scale))
        found = trial.output(x)  # before the program: what the net refuses is to be told as its refusal
        together = program(x)
        trial.compare(x, found, np.asarray(together), one_by_one(program, x))
    if all(is_proved(mapping, frame, spec, BatchSizes(*sizes)) for sizes in PROVED):
        return together
    x = asarray(random_batch(spec, max(OTHERS)))
    alone = one_by_one(program, x)
    for extent in OTHERS:
        part = x[:extent]
        trial.compare(part, trial.output(part), alone[:extent])
    return together


def is_proved(mapping: Mapping, frame: CallFrame, spec: Spec, sizes: BatchSizes) -> bool:
    """Whether it is proved that the net does the same for each example of a batch of either size."""

    def net_of(x: Array, net: Mapping) -> Any:
        with calling(frame):
            return net(x)

    def arguments(count: int) -> tuple[Any, Mapping]:
        return random_batch(spec, count), mapping

    try:
        return proved_for(net_of, arguments, sizes, [BatchAxis(0)]) == [BatchAxis(0)]
    except MapstoError:
        return False  # no graph of it: the numbers are to tell


def one_by_one(program: Callable[[Array], Array], x: Array) -> np.ndarray[Any, Any]:
    """What a program makes of the examples of a batch, given one at a time."""
    return np.concatenate([np.asarray(program(x[i : i + 1])) for i in range(x.shape[0])])


@dataclass(frozen=True)
class Trial:
    """A net that is tried on batches."""

    mapping: Mapping
    frame: CallFrame

    def output(self, x: Array) -> np.ndarray[Any, Any]:
        """What the net makes of a batch. Raises UsageError (SAVE-08) if it refuses it."""
        try:
            with calling(self.frame):
                return np.asarray(self.mapping(x))
        except MapstoError as problem:
            count, reason = NAMES[x.shape[0]], problem.headline
            raise UsageError("SAVE-08", path=problem.path, count=count, reason=reason, fix=MIXING) from problem

    def compare(self, x: Array, found: np.ndarray[Any, Any], *wanted: np.ndarray[Any, Any]) -> None:
        """What the net made of a batch must be what the program made of it, which keeps examples apart.

        Raises UsageError (SAVE-09, SAVE-10).
        """
        count = NAMES[x.shape[0]]
        for one in wanted:
            if found.shape != one.shape:
                path = mixing_layer(self.mapping, self.frame, x)
                shapes: dict[str, Any] = {"together": list(found.shape), "apart": list(one.shape)}
                raise UsageError("SAVE-09", path=path, count=count, **shapes, fix=MIXING)
            if not close(found, one):
                path = mixing_layer(self.mapping, self.frame, x)
                raise UsageError("SAVE-10", path=path, count=count, fix=MIXING)


def mixing_layer(mapping: Mapping, frame: CallFrame, x: Array) -> str:
    """The path of the first mapping whose output for a batch is not that for each example; empty if none shows it."""

    def recorded(x: Array) -> list[tuple[str, Any]]:
        recording = Recording(frame)
        with calling(recording):
            mapping(x)
        return recording.outputs

    batch, ones = recorded(x), [recorded(x[i : i + 1]) for i in range(x.shape[0])]
    for (path, together), *apart in zip(batch, *ones, strict=False):
        outputs = [together, *(one for _, one in apart)]
        if all(isinstance(y, Array) and y.ndim for y in outputs):
            whole, *parts = map(np.asarray, outputs)
            fits = all(part.shape[1:] == whole.shape[1:] for part in parts)
            if not fits or sum(map(len, parts)) != len(whole) or not close(np.concatenate(parts), whole):
                return path
    return ""


def random_batch(spec: Spec, extent: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
    """Normal floats times `scale`; bytes from 0 to 255; other integers 0 and 1, which are indices of anything."""
    random = np.random.default_rng(0)
    shape = (extent, *spec.shape)
    if is_float(spec.dtype):
        return (scale * random.normal(size=shape)).astype(spec.dtype)
    return random.integers(0, 256 if spec.dtype == np.uint8 else 2, shape).astype(spec.dtype)


def close(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> bool:
    """Equal up to rounding, measured by the largest finite number; infinities and NaN at the same places."""
    if not is_float(wanted.dtype):
        return bool((found == wanted).all())
    # Sums run in another order: 10,000 units of rounding (1.2e-3 of the largest for float32) leave room for deep nets,
    # and for sums over large pictures: of 24,000 equal numbers, added up one by one, 1,200 were seen.
    part = min(10_000 * float(float_info(wanted.dtype).eps), 0.05)
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    finite = np.isfinite(wanted)
    tolerance = float(part * np.abs(wanted[finite]).max(initial=0.0))
    return bool(np.allclose(found, wanted, rtol=0.0, atol=tolerance, equal_nan=True))
