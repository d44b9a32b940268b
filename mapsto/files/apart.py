"""Whether a net treats every example by itself, as a file promises: found out by numbers, and which layer does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compose.frame import CallFrame, calling
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import MapstoError, UsageError
from mapsto.core.spec import Spec, float_info, is_float
from mapsto.core.where import current_path

MIXING = "a file maps each example by itself, in batches of any size; leave out the step that mixes them"
EXAMPLES = 3
OTHERS = (1, 2, 5)  # counts that the net itself is tried with, too; the program treats all counts alike
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


def check_apart(mapping: Mapping, frame: CallFrame, spec: Spec, program: Callable[[Array], Array]) -> Array:
    """A net called through `frame` and the program of its graph ↦ what the program makes of three examples.

    The program must give for three together what it gives for each alone, and what the net gives for them; and the net
    must give the same for one, two and five. Raises UsageError (SAVE-08, SAVE-09, SAVE-10), which names the first layer
    that mixes examples.
    """
    together = asarray([])
    for scale in SCALES:
        x = asarray(random_batch(spec, EXAMPLES, scale))
        wanted = made_of(mapping, frame, x)
        together = program(x)
        if wanted.shape != together.shape:
            shapes = {"together": list(wanted.shape), "apart": list(together.shape)}
            count = NAMES[EXAMPLES]
            raise UsageError("SAVE-09", path=mixing_layer(mapping, frame, x), count=count, **shapes, fix=MIXING)
        alone = np.concatenate([np.asarray(program(x[i : i + 1])) for i in range(EXAMPLES)])
        if not (close(np.asarray(together), wanted) and close(alone, wanted)):
            raise UsageError("SAVE-10", path=mixing_layer(mapping, frame, x), count=NAMES[EXAMPLES], fix=MIXING)
    check_other_counts(mapping, frame, spec, program)
    return together


def made_of(mapping: Mapping, frame: CallFrame, x: Array) -> np.ndarray[Any, Any]:
    """What the net makes of a batch. Raises UsageError (SAVE-08) if it refuses it."""
    try:
        with calling(frame):
            return np.asarray(mapping(x))
    except MapstoError as problem:
        count = NAMES[x.shape[0]]
        raise UsageError("SAVE-08", path=problem.path, count=count, reason=problem.headline, fix=MIXING) from problem


def check_other_counts(mapping: Mapping, frame: CallFrame, spec: Spec, program: Callable[[Array], Array]) -> None:
    """The net makes of one, two and five examples what the program makes of each. Raises as `check_apart` does."""
    x = asarray(random_batch(spec, max(OTHERS)))
    apart = np.concatenate([np.asarray(program(x[i : i + 1])) for i in range(max(OTHERS))])
    for extent in OTHERS:
        part, wanted, count = x[:extent], apart[:extent], NAMES[extent]
        found = made_of(mapping, frame, part)
        if found.shape != wanted.shape:
            shapes: dict[str, Any] = {"together": list(found.shape), "apart": list(wanted.shape)}
            raise UsageError("SAVE-09", path=mixing_layer(mapping, frame, part), count=count, **shapes, fix=MIXING)
        if not close(found, wanted):
            raise UsageError("SAVE-10", path=mixing_layer(mapping, frame, part), count=count, fix=MIXING)


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
