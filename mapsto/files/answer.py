"""A loaded file as a mapping: `mt.load(path)`. It needs none of the code that made the net."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, astype
from mapsto.array.manipulate import reshape
from mapsto.array.trace import evaluate_on
from mapsto.compiler.compile import compile
from mapsto.compose.edge import edge_cast
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import DTypeError, ShapeError, UsageError
from mapsto.core.spec import Spec, is_float
from mapsto.files.container import Path_, Refusal, refusing
from mapsto.files.contents import Contents, batch_text, note_nan, read
from mapsto.files.steps import host_of, steps_from
from mapsto.ir.graph import Graph
from mapsto.nn.answer import TopK
from mapsto.transform.batch import batch_graph


class Program(Mapping):
    """A batch ↦ what a graph of one example makes of each: the net between the host steps.

    `tensors` are the graph's inputs after the first, by name. A program is made for every batch size when it first
    comes, and kept.
    """

    def __init__(self, graph: Graph, tensors: dict[str, Array]) -> None:
        self.graph = graph
        self.tensors = tensors
        self.on_batch = compile(partial(on_batch, graph))

    def __call__(self, x: Any) -> Array:
        return self.on_batch(fitted(x, self.graph.inputs[0].spec), list(self.tensors.values()))


def on_batch(graph: Graph, x: Array, tensors: list[Array]) -> Array:
    """The graph of one example, applied to each of a batch."""
    extent = x.shape[0]
    if extent == 1:  # the very nodes that were saved
        (y,) = evaluate_on(graph, [reshape(x, x.shape[1:]), *tensors])
        return reshape(y, (1, *y.shape))
    batched = batch_graph(graph, [True] + [False] * len(tensors), extent)
    return evaluate_on(batched, [x, *tensors])[0]


def fitted(x: Any, one: Spec) -> Array:
    """A batch in the element type of the program. Raises ShapeError, DTypeError, and UsageError for files (SAVE-16)."""
    inside: Any = x[0] if isinstance(x, list | tuple) and x else x
    if isinstance(inside, bytes | str | os.PathLike):
        kind = "pictures or texts" if isinstance(inside, str) else "pictures"
        fix = f"save it with a step that reads {kind}: mt.each(image.decode((28, 28), 'L')) >> net"
        fix += ", mt.each(text.characters(…)) >> net" if isinstance(inside, str) else ""
        raise UsageError("SAVE-16", wanted=batch_text(one), found=type(inside).__name__, kind=kind, fix=fix)
    x = edge_cast(x, one.dtype) if is_float(one.dtype) and isinstance(x, (np.ndarray, Array)) else asarray(x)
    rows = (("x", x.spec, ""), ("answer", batch_text(one), "what it takes"))
    if x.shape[1:] != one.shape or not x.shape:
        fix = "x[None] makes a batch of one example" if x.shape == one.shape else f"give a batch, {batch_text(one)}"
        raise ShapeError("SAVE-14", operands=rows, fix=fix)
    if x.dtype == one.dtype:
        return x
    # Integers go to a net of floats as they do to its layers; otherwise only where no number can change.
    if not (is_float(one.dtype) and not is_float(x.dtype)) and not np.can_cast(x.dtype, one.dtype):
        fix = f"xp.astype(x, xp.{one.dtype.name})"
        raise DTypeError("DTYPE-03", function="the answer", operands=rows, fix=fix)
    return astype(x, one.dtype)


class Answer(Mapping):
    """Raw inputs ↦ answers: the mapping that `mt.save` wrote, from the first host step to the last."""

    def __init__(self, contents: Contents, program: Program) -> None:
        self.before, self.after = steps_from(contents.before, "before"), steps_from(contents.after, "after")
        self.program = program
        self.contents = contents

    def __call__(self, x: Any) -> Any:
        for step in (*self.before, self.program, *self.after):
            x = step(x)
        return x

    @property
    def recipe(self) -> dict[str, Any] | None:
        """How the net was trained and how well it did, if the file says so."""
        return self.contents.recipe

    @property
    def input(self) -> Spec:
        """The spec of one example, as the net gets it after the host steps: no batch axis."""
        return self.contents.input

    @property
    def output(self) -> Spec:
        """The spec of what the net makes of one example, before the host steps that follow."""
        return self.contents.output

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, if the last step gives names; otherwise empty."""
        named = (host_of(step) for step in self.after)
        return next((host.classes for host in named if isinstance(host, TopK)), ())

    def __repr__(self) -> str:
        contents = self.contents
        steps = "\n".join(f"  {line}" for line in contents.pipeline)
        tensors = f"{len(contents.tensors)} tensors of {contents.numbers:,} numbers"
        return f"Answer({tensors}, {contents.size:,} bytes, written by mapsto {contents.mapsto})\n{steps}"


def load(path: Path_) -> Answer:
    """The path of a file that `mt.save` wrote ↦ its mapping, from raw input to answer.

    Needs none of the code that made the net, and runs none: a file holds text, numbers and checksums, and names its
    host steps from a closed list. Everything is checked before anything is built; a file is loaded whole or not at all.
    A note names tensors that hold NaN.

    Raises FormatError for what is no such file, of another version, cut off or damaged; LimitError for one that would
    need absurd amounts of memory; every cause has a code of its own, FILE-02 and up.

    >>> import tempfile
    >>> from mapsto import key, nn, xp
    >>> from mapsto.files.write import save
    >>> net = (nn.Dense(3) >> nn.softmax).init(key(0), xp.ones((1, 4)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, folder + "/net.mapsto")
    ...     answer = load(folder + "/net.mapsto")
    >>> answer(xp.ones((5, 4))).shape
    (5, 3)
    """
    with refusing(path):
        contents, graph, arrays = read(path)
        note_nan(path, dict(zip(contents.hidden, arrays, strict=True)))
        program = Program(graph, dict(zip(contents.hidden, map(asarray, arrays), strict=True)))
        answer = Answer(contents, program)
        if answer.before and host_of(answer.before[-1]).output != contents.input:
            raise Refusal("FILE-17", spec=contents.input)
        return answer
