"""A mapping ↦ what a file can hold of it: host steps at the ends, and the graph of one example between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.manipulate import reshape
from mapsto.compose.combine import Chain, Each, Host
from mapsto.compose.declare import Declared, declared
from mapsto.compose.edge import float_type
from mapsto.compose.frame import CallFrame
from mapsto.compose.initialise import example_spec
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import StateError, UsageError
from mapsto.core.spec import DType, Spec, is_float
from mapsto.core.tree import containers, fields, flatten, join
from mapsto.files.answer import Answer, Program
from mapsto.files.batch_invariance import EXAMPLES, check_batch_invariance
from mapsto.files.batches import random_batch
from mapsto.files.recorded import recorded
from mapsto.files.steps import host_of, is_host
from mapsto.ir.graph import Graph, Var
from mapsto.transform.simplify import simplify

Step = tuple[str, Mapping]  # path, mapping
UNINITIALISED = "call net = net.init(mt.key(0), example), or save learner.net: fit leaves the net you gave it as it was"


@dataclass(frozen=True)
class Parts:
    """A flattened chain: host steps, the net, host steps."""

    before: list[Step]
    net: list[Step]
    after: list[Step]


@dataclass(frozen=True)
class Captured:
    """The graph of one example, and the arrays it takes besides the example, by name and in order."""

    graph: Graph
    tensors: dict[str, Array]


def flat(mapping: Mapping, path: str = "") -> Iterator[Step]:
    """The steps of a chain and of the chains within it, and of loaded answers, with their paths."""
    if isinstance(mapping, Chain):
        for name, step in fields(mapping).items():
            if name != "_given":
                yield from flat(step, join(path, name))
    elif isinstance(mapping, Answer):
        for name in ("before", "after"):
            steps = [(join(path, f"{name}.{i}"), step) for i, step in enumerate(getattr(mapping, name))]
            yield from steps if name == "before" else [(join(path, "program"), mapping.program), *steps]
    else:
        yield path or mapping.label, mapping


def parts_of(mapping: Mapping) -> Parts:
    """Cut a mapping into its three parts. Raises UsageError for a host step anywhere else than at the ends."""
    steps = list(flat(mapping))
    net = [i for i, (_, step) in enumerate(steps) if not is_host(step)]
    if not net:
        fix = "save the whole way: mt.each(image.decode(…)) >> net >> nn.softmax >> nn.top_k(…)"
        raise UsageError("SAVE-01", fix=fix)
    first, last = net[0], net[-1] + 1
    for path, step in steps[first:last]:
        inner = next(hosts_in(step, path), None)
        if inner is not None:
            fix = "host steps stand only at the two ends of the chain that is saved"
            raise UsageError("SAVE-02", step=inner, fix=fix)
    return Parts(steps[:first], steps[first:last], steps[last:])


def hosts_in(value: Any, path: str) -> Iterator[str]:
    """The paths of the host steps in a mapping."""
    if isinstance(value, Host):
        yield path
    for name, part in containers(value) or ():
        yield from hosts_in(part, join(path, name))


class WithoutHosts(CallFrame):
    """Calls a mapping as if its host steps were not there."""

    def call(self, mapping: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if is_host(mapping):
            return args[0]
        if any(declared(mapping)):
            raise StateError("MAP-02", fix=UNINITIALISED)
        return function(mapping, *args, **kwargs)


def input_spec(parts: Parts, mapping: Mapping, example: Any) -> Spec:
    """The spec of one example as the net gets it: by the last host step before it, by `example`, or by its `init`."""
    parts_given = list(example.values()) if isinstance(example, dict) else example
    if isinstance(parts_given, tuple | list) and any(isinstance(part, Array | np.ndarray) for part in parts_given):
        raise several_inputs(len(parts_given))
    given = None if example is None else example_spec(example)
    if given is not None and not given.shape:
        raise UsageError("INIT-03", function="save", spec=given, fix="give a batch: x[:1]")
    one = None if given is None else Spec(given.dtype, given.shape[1:])
    if parts.before:
        return host_spec(*parts.before[-1], one)
    if one is None:
        recorded = parts.net[0][1]._meta.specs  # pyright: ignore[reportPrivateUsage]
        if isinstance(parts.net[0][1], Program):
            recorded = ((parts.net[0][1].graph.inputs[0].spec,), None)
        if recorded is not None and len(recorded[0]) > 1:
            raise several_inputs(len(recorded[0]))
        if recorded is None or len(recorded[0]) != 1:
            if any(isinstance(leaf.value, Declared) for leaf in flatten(mapping)[0]):
                raise StateError("MAP-02", fix=UNINITIALISED)
            raise UsageError("SAVE-03", fix="give it: mt.save(mapping, path, example=x[:1])")
        one = recorded[0][0]
    # `net.cast` changes the floats that a net takes after `init` recorded them.
    wanted: DType | None = float_type(mapping)
    return Spec(wanted, one.shape) if wanted is not None and is_float(one.dtype) else Spec(one.dtype, one.shape)


def several_inputs(count: int) -> UsageError:
    fix = "let the net take one array and cut it up, x[:, :4] and x[:, 4:]; or save its parts, each in a file"
    return UsageError("SAVE-15", count=count, fix=fix)


def host_spec(path: str, step: Mapping, example: Spec | None) -> Spec:
    """What the last host step before the net makes of one example."""
    output = host_of(step).output
    if not isinstance(step, Each):
        raise UsageError("SAVE-04", step=path, fix=f"lift it: mt.each({path}) >> net")
    if not isinstance(output, Spec):
        raise UsageError("SAVE-05", step=path, fix="let a step that makes an array come last before the net")
    if example not in (None, output):
        rows = ((path, output, "one example"), ("example", example, "without its batch axis"))
        raise UsageError("SAVE-06", operands=rows, fix="leave example out: the host step says what it makes")
    return output


def captured(mapping: Mapping, spec: Spec) -> Captured:
    """The net between the host steps, in evaluation mode, as the graph of one example: x ↦ net(x[None])[0]."""
    found = recorded(mapping, WithoutHosts(), spec, one_example)
    made = simplify(found.graph)
    names = leaf_names(mapping)
    known = [(names[number], array) for number, array in found.leaves]
    known += [(f"hidden_{i}", array) for i, array in enumerate(found.hidden)]
    used = {var for node in made.nodes for var in node.inputs} | set(made.outputs)
    tensors: dict[str, Array] = {}
    hidden: list[Var] = []
    x, *inputs = made.inputs
    for var, (name, array) in zip(inputs, known, strict=True):
        if var in used:
            while name in tensors:  # a leaf of that very name
                name += "_"
            tensors[name] = array
            hidden.append(var)
    return Captured(Graph((x, *hidden), made.nodes, made.outputs), tensors)


def one_example(net: Mapping, x: Array) -> Array:
    """x ↦ net(x[None])[0]."""
    y = one_output(net(reshape(x, (1, *x.shape))))
    return reshape(y, y.shape[1:])


def leaf_names(mapping: Mapping) -> list[str]:
    """The path of every leaf; those of a loaded net by the names that they had in their file."""
    leaves = flatten(mapping)[0]
    stored = [f"{path}.tensors." for path, step in flat(mapping) if isinstance(step, Program)]
    if len(stored) != 1:
        return [leaf.path for leaf in leaves]
    return [leaf.path.removeprefix(stored[0]) for leaf in leaves]


def one_output(y: Any) -> Array:
    """What the net made of a batch of one, as an array with a batch axis."""
    found = y.spec if isinstance(y, Array) else type(y).__name__
    if not isinstance(y, Array) or y.shape[:1] != (1,):
        fix = "it is to make one array with a batch axis, [n, …]"
        if isinstance(y, tuple | list):
            found = f"{len(y)} outputs"  # pyright: ignore[reportUnknownArgumentType]
            fix = "make one array of them: net >> mt.star(lambda a, b: xp.concat([a, b], axis=-1))"
        raise UsageError("SAVE-07", found=found, fix=fix)
    return asarray(y)


def try_out(mapping: Mapping, spec: Spec, found: Captured, after: list[Step]) -> None:
    """The graph must treat examples apart, as the mapping does, and the last steps must take what it makes.

    Raises UsageError if examples mix (`check_batch_invariance`), and what a host step raises.
    """
    check_batch_invariance(mapping, WithoutHosts(), spec, found.graph, found.tensors.values())
    answer: Any = Program(found.graph, found.tensors)(asarray(random_batch(spec, EXAMPLES)))
    for _, step in after:
        answer = step(answer)
