"""What every mapping within a net yields and costs, found by tracing the net once at batch 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mapsto.array.array import Array
from mapsto.array.trace import Frame, Traced, tracing
from mapsto.compose.combine import Chain, Each, Host
from mapsto.compose.declare import Declared
from mapsto.compose.edge import float_type
from mapsto.compose.frame import CallFrame, calling, private_copy
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import MapstoError
from mapsto.core.spec import Spec, is_float
from mapsto.core.tree import Tree, containers, flatten, join, map_leaves
from mapsto.ir.graph import Graph
from mapsto.transform.simplify import simplify
from mapsto.view.turns import worked

Output = Any  # a Spec without batch axis, or a tuple, list or dict of them; None if it is not known
HOST = "on host"  # what a step on the host takes or yields that is no array: bytes, names of classes


@dataclass(frozen=True)
class Survey:
    """By path: what a mapping takes and yields, and the operations on floats of itself, its parts left out.

    All for one example. The path of the net itself is empty. A mapping that could not be traced is in `unknown`, not in
    `flops`.
    """

    inputs: dict[str, tuple[Output, ...]] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    flops: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)


class Recorder(CallFrame):
    """Notes what every mapping within the net yields."""

    sees_every_call = True

    def __init__(self, trace: Frame, paths: dict[int, str]) -> None:
        self.trace, self.paths = trace, paths
        self.outputs: dict[str, Output] = {}

    def call(
        self, mapping: Mapping, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        result = function(mapping, *args, **kwargs)
        if id(mapping) in self.paths:
            self.outputs[self.paths[id(mapping)]] = self.one_example(result)
        return result

    def one_example(self, result: Any) -> Output:
        """Specs without the batch axis; within `vmap` it is hidden already, within a loop or a block it is not."""

        def spec(array: Any) -> Output:
            if not isinstance(array, Array):
                return None
            frame = array.frame if isinstance(array, Traced) else None
            while frame is not None and frame is not self.trace and not frame.hides_batch:
                frame = frame.parent
            return array.spec if frame is not None and frame.hides_batch else Spec(array.dtype, array.shape[1:])

        return map_leaves(lambda leaf: spec(leaf.value), result)


def parts(value: Any) -> Iterator[tuple[str, Mapping]]:
    """The mappings directly within a mapping, also those in its tuples, lists and dicts: `copies.0`."""
    for name, part in containers(value) or ():
        if isinstance(part, Mapping):
            yield name, part
        elif not isinstance(part, Tree):
            yield from ((join(name, inner), one) for inner, one in parts(part))


def survey(net: Mapping) -> Survey:
    """A net ↦ what its mappings yield and cost, from the input that `init` recorded or a leading host step yields.

    What cannot be traced as a whole (host steps at the ends, a new layer in a trained net) is traced in its parts.
    """
    found = Survey()
    explore(net, "", None, found)
    return found


def explore(mapping: Mapping, path: str, given: Spec | None, found: Survey) -> Spec | None:
    """Enter what is known of a mapping at a path, given what the step before it yields. Returns what it yields."""
    if isinstance(mapping, Each) and isinstance(mapping.mapping, Host):
        output = explore(mapping.mapping, join(path, "mapping"), given, found)
        found.inputs[path], found.outputs[path] = (given or HOST,), output or HOST
        return output
    if isinstance(mapping, Host):
        found.inputs[path], found.outputs[path], found.flops[path] = (given or HOST,), mapping.output or HOST, 0
        return mapping.output
    recorded = mapping._meta.specs  # pyright: ignore[reportPrivateUsage]
    inputs = (given,) if given is not None else recorded[0] if recorded else ()
    if inputs:
        found.inputs[path] = inputs
    if inputs and traceable(mapping) and trace_at(mapping, path, inputs, found):
        output = found.outputs.get(path)
        return output if isinstance(output, Spec) else None
    if isinstance(mapping, Chain):
        return explore_chain(mapping, path, given, found)
    found.unknown.add(path)
    for name, part in parts(mapping):
        explore(part, join(path, name), None, found)
    found.outputs[path] = recorded[1] if recorded else None
    return found.outputs[path]


def explore_chain(chain: Chain, path: str, given: Spec | None, found: Survey) -> Spec | None:
    """The steps one after another, each given what the one before yields; a chain itself costs nothing."""
    output = given
    steps = [join(path, name) for name, _ in parts(chain)]
    for inner, (_, part) in zip(steps, parts(chain), strict=True):
        output = explore(part, inner, output, found)
    if steps:
        found.inputs.setdefault(path, found.inputs.get(steps[0], ()))
        found.outputs[path] = found.outputs.get(steps[-1])
    return output


def traceable(mapping: Any) -> bool:
    """Whether all parameters are made and no part runs on the host."""
    if isinstance(mapping, Host):
        return False
    declared = any(isinstance(leaf.value, Declared) for leaf in flatten(mapping)[0])
    return not declared and all(traceable(part) for _, part in parts(mapping))


def trace_at(mapping: Mapping, path: str, inputs: tuple[Spec, ...], found: Survey) -> bool:
    """Trace a mapping at batch 1 and enter what it and its parts yield and cost. False if its inputs are others."""
    copy, paths = private_copy(mapping)  # every object once, so that equal activations are told apart
    try:
        with tracing(keeps_values=False) as trace:
            recorder = Recorder(trace, paths)
            arrays = [trace.input(one_batch(spec, mapping), None) for spec in inputs]
            with calling(recorder):
                leaves, _ = flatten(copy(*arrays))
            outputs = [trace.var_of(leaf.value) for leaf in leaves if isinstance(leaf.value, Array)]
        graph = simplify(trace.graph([array.variable for array in arrays], outputs))
    except (MapstoError, TypeError):  # it takes more than the arrays that init recorded
        return False
    for relative, output in recorder.outputs.items():
        found.outputs[under(path, relative)] = output
    for relative in paths.values():
        found.flops.setdefault(under(path, relative), 0)
    for relative, flops in flops_by_path(graph).items():
        found.flops[under(path, relative)] = found.flops.get(under(path, relative), 0) + flops
    return True


def one_batch(spec: Spec, mapping: Mapping) -> Spec:
    """The spec of one example as a batch, in the type the net computes in: `cast` may have changed it after `init`."""
    wanted = float_type(mapping)
    dtype = wanted if wanted is not None and is_float(spec.dtype) else spec.dtype
    return Spec(dtype, (1, *spec.shape))


def under(path: str, relative: str) -> str:
    return join(path, relative) if relative else path


def flops_by_path(graph: Graph) -> dict[str, int]:
    """Operations on floats by the path of the mapping that asked for them, a loop's in every turn.

    A multiply-add counts as 2.
    """
    counts: dict[str, int] = {}
    for node, turns in worked(graph):
        path = node.path.removeprefix("net").removeprefix(".")
        counts[path] = counts.get(path, 0) + turns * node.flops
    return counts
