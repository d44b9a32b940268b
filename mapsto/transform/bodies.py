"""What primitives with bodies share: checks of what goes in, bodies of derivatives, and what of a body varies."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.core.errors import ShapeError
from mapsto.core.spec import Spec, is_float
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Node, Var, bind_all
from mapsto.ir.parse import parse
from mapsto.ir.primitive import Primitive
from mapsto.prims.elementwise import constant_like
from mapsto.prims.layout import Layout
from mapsto.prims.literal import Nullary
from mapsto.transform.derive import varying


def check_specs(name: str, wanted: Sequence[Spec], found: Sequence[Spec]) -> None:
    """Raise ShapeError (PRIM-16) unless what a body is given, or hands on, is what it takes."""
    if [(one.dtype, one.shape) for one in wanted] != [(one.dtype, one.shape) for one in found]:
        listed = [", ".join(map(str, specs)) or "nothing" for specs in (wanted, found)]
        raise ShapeError(
            "PRIM-16", function=name, wanted=listed[0], found=listed[1], fix="mt.scan and mt.cond see to it"
        )


def floats_among(variables: Sequence[Var]) -> list[int]:
    """The positions of the variables that have derivatives."""
    return [i for i, var in enumerate(variables) if is_float(var.spec.dtype)]


def zeros_for(var: Var, given: Var | None) -> Var:
    """A derivative, or the zeros that it stands for."""
    return constant_like(var, 0.0) if given is None else given


def is_light(primitive: Primitive) -> bool:
    """Whether its result is cheaper to make again than to keep: a number, or a layout of another array."""
    return isinstance(primitive, (Layout, Nullary))


def second_half(
    graph: Graph, derived: Sequence[Node], results: Sequence[Var], constants: int = 0
) -> tuple[list[Node], list[Var]]:
    """The nodes of a derivative ↦ those that it does itself, and the variables that it asks of the forward pass.

    What only arranges other arrays it makes again; so, too, what is made of the first `constants` inputs alone, which
    are the same in every turn.
    """
    own, inputs = set(graph.nodes), set(graph.inputs)
    varied = varying(graph.nodes, graph.inputs[constants:])
    made_by = {var: node for node in derived for var in node.outputs}
    again: set[Node] = set()
    asked: dict[Var, None] = {}
    waiting, met = list(results), set(results)
    while waiting:
        var = waiting.pop()
        node = made_by.get(var)
        if node is None or (node in own and var in varied and not is_light(node.primitive)):
            if node is not None or var in inputs:
                asked[var] = None
            continue
        again.add(node)
        new = [one for one in node.inputs if one not in met]
        met.update(new)
        waiting += new
    return [node for node in derived if node in again], list(asked)


def inline(graph: Graph, inputs: Sequence[Var]) -> list[Var]:
    """A graph applied to variables of the graph that is being built ↦ its outputs there."""
    names = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        names.update(zip(node.outputs, bind_all(node.primitive, *(names[var] for var in node.inputs)), strict=True))
    return [names[var] for var in graph.outputs]


def body_of(inputs: str, *lines: str) -> Body:
    """The text of a graph without its first and last words ↦ a body.

    >>> body_of("a: f32[]", "b: f32[] = exp(a)", "b")
    Body(f32[] ↦ f32[], 1 nodes)
    """
    *made, handed = lines
    return Body(parse("\n".join([f"graph({inputs}):", *(f"  {line}" for line in made), f"  return {handed}"])))
