"""`mt.save`: the evaluation of a mapping, from raw input to answer, as one file."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import safetensors.numpy

from mapsto.array.array import Array
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError
from mapsto.core.version import VERSION as RELEASE
from mapsto.files.capture import Captured, captured, input_spec, parts_of, try_out
from mapsto.files.container import HALF_LETTER, VERSION, Path_, Refusal, packed, refusing, write_whole
from mapsto.files.contents import digest, read
from mapsto.files.steps import record
from mapsto.files.work import check_work
from mapsto.ir.show import show


def save(mapping: Mapping, path: Path_, *, example: Any = None, recipe: dict[str, Any] | None = None) -> None:
    """A mapping ↦ one file that `mt.load` reads anywhere, without the code that made it.

    What is saved is evaluation: the chain's host steps (`mt.each(image.decode(…))`, `nn.top_k(…)`), which stand only at
    its two ends, and between them the graph of one example with its tensors. What one example looks like is known by
    the host step before the net, or as `init` saw it; otherwise give `example`, a batch or its Spec. `recipe` is any
    JSON that is to travel along: settings of the training, metrics.

    The file is written whole or not at all: until then an older one under the same name stays.

    Raises StateError (MAP-02) for a net without parameters; UsageError (SAVE-01 and up) for a host step in the middle
    or one that no file knows, for a net that mixes examples or has several outputs, for a recipe that is no JSON, or if
    an example is needed; LimitError for a net that no file may hold, with a while loop (FILE-33) or beyond the limits
    (FILE-23); FormatError (FILE-03, FILE-04) if the file cannot be written.

    >>> import tempfile
    >>> from mapsto import key, nn, xp
    >>> net = nn.Dense(3).init(key(0), xp.ones((1, 4)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, folder + "/net.mapsto", recipe={"epochs": 0})
    """
    if not isinstance(mapping, Mapping):
        fix = "wrap a function: mt.fn(f); a Learner's net is learner.net"
        raise UsageError("ARG-04", function="mt.save", found=type(mapping).__name__, fix=fix)
    notes = plain_json(recipe)
    parts = parts_of(mapping)
    before = [record(path, step, "before") for path, step in parts.before]
    after = [record(path, step, "after") for path, step in parts.after]
    spec = input_spec(parts, mapping, example)
    found = captured(mapping, spec)
    with refusing(path):
        check_work(found.graph)  # before it runs
    try_out(mapping, spec, found, parts.after)
    blob = blob_of(found)
    header = {
        "format": VERSION,
        "mapsto": RELEASE,
        "input": str(spec),
        "output": str(found.graph.outputs[0].spec),
        "before": before,
        "graph": show(found.graph),
        "hidden": list(found.tensors),
        "after": after,
        "tensors": {name: described(array) for name, array in found.tensors.items()},
        "blob": {"size": len(blob), "sha256": hashlib.sha256(blob).hexdigest()},
        "recipe": notes,
    }
    with refusing(path):
        try:
            content = packed(header, blob)
        except UnicodeEncodeError as problem:
            fix = "change the names of classes and of the net's parts"
            raise Refusal("FILE-13", fix, part="a name", reason=HALF_LETTER) from problem
        write_whole(path, content, check=read)


def blob_of(found: Captured) -> bytes:
    return safetensors.numpy.save({name: rows(array) for name, array in found.tensors.items()})


def rows(array: Array) -> np.ndarray[Any, Any]:
    """The numbers in row order, which the tensor library demands without saying so."""
    return np.asarray(array.data, order="C")


def described(array: Array) -> dict[str, str]:
    return {"spec": str(array.spec), "sha256": digest(array.data)}


def plain_json(recipe: Any) -> Any:
    """The recipe as it will be read: dicts with strings as keys, lists, strings, numbers.

    Single numbers of NumPy and of ours count as Python's. Raises UsageError for anything else.
    """
    try:
        text = json.dumps(recipe, ensure_ascii=False, allow_nan=False, default=single_number)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as problem:
        fix = "give dicts, lists, strings, finite numbers, True, False and None"
        # Python's own words for a number that is not finite differ from release to release.
        reason = "a number is not finite" if "not JSON compliant" in str(problem) else problem
        raise UsageError("SAVE-13", reason=reason, fix=fix) from problem
    if not (recipe is None or isinstance(recipe, dict)):
        raise UsageError("SAVE-13", reason=f"a {type(recipe).__name__}", fix="give a dict")
    return json.loads(text)


def single_number(value: Any) -> Any:
    if isinstance(value, (Array, np.generic)) and value.ndim == 0:
        return value.item()
    raise TypeError(f"a {type(value).__name__} in it")
