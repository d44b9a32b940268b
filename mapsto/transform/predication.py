"""Predication: nodes run for all lanes, and those lanes that take no part are given numbers that no node refuses.

Under `vmap` with a predicate for every lane, all bodies of a branch run for all lanes, and a turn of a `while` also for
those that are done. What comes of it is thrown away; but an index that is out of range there is nobody's mistake, and a
loop that would not end there has no turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from mapsto.core.spec import BOOL, INT64, Spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Builder, Graph, Node, Var, any_refuses, bind, bind_all, building
from mapsto.ir.primitive import Primitive
from mapsto.prims.cast import Cast
from mapsto.prims.compare import Less, select
from mapsto.prims.elementwise import constant_like
from mapsto.prims.layout import Broadcast
from mapsto.prims.literal import const
from mapsto.prims.reduce import Sum
from mapsto.prims.rules import identity
from mapsto.transform.batch import batch_graph
from mapsto.transform.bodies import inline
from mapsto.transform.derive import varying

# A body and a place among its inputs ↦ the same body with a truth value there.
AddPredicate = Callable[[Body, int], Body]


@runtime_checkable
class HasBodies(Protocol):
    """A primitive with bodies."""

    def with_predicate(self, change: AddPredicate) -> tuple[Primitive, int]:
        """The same with one input more, the same truth value for all bodies, and its place among the inputs.

        `change` makes a body that takes it at a place among its own inputs. Where it is false, a loop ends.
        """
        ...


def predicated(graph: Graph, inputs: Sequence[Var], taken: Callable[[Node], Var | None]) -> Graph:
    """A graph ↦ the same over `inputs`, among which are predicates: a node whose predicate is false refuses nothing.

    `taken` says which predicate counts for a node; None for a node that always takes part.
    """
    builder = Builder()
    names: dict[Var, Var] = {}
    for node in graph.nodes:
        given = [names.get(var, var) for var in node.inputs]
        truth = taken(node) if node.primitive.refuses([var.spec for var in given]) else None
        with building(builder, node.path, node.line):
            made = bind_all(node.primitive, *given) if truth is None else bind_predicated(node.primitive, given, truth)
        names.update(zip(node.outputs, made, strict=True))
    return Graph(tuple(inputs), tuple(builder.nodes), tuple(names.get(var, var) for var in graph.outputs))


def bind_predicated(primitive: Primitive, given: Sequence[Var], taken: Var) -> Sequence[Var]:
    """What a primitive makes of its inputs if the predicate holds; if not, of others that it does not refuse."""
    inputs = list(given)
    ranges = primitive.ranges([var.spec for var in given])
    if isinstance(primitive, HasBodies):
        primitive, place = primitive.with_predicate(predicated_body)
        inputs.insert(place, taken)
    elif ranges:
        for place, _ in ranges:
            inputs[place] = safe_input(inputs[place], taken, constant_like(inputs[place], 0.0))
    else:  # a matrix that is singular, or not positive definite
        inputs[0] = safe_input(inputs[0], taken, identity(inputs[0]))
    return bind_all(primitive, *inputs)


def safe_input(x: Var, taken: Var, other: Var) -> Var:
    """x if the predicate holds, else another array that the primitive does not refuse."""
    return select(bind(Broadcast(x.spec.shape, ()), taken), x, other)


def predicated_body(body: Body, place: int) -> Body:
    """A body ↦ the same with one input more at this place, the predicate of all its nodes."""
    taken = Var(Spec(BOOL, ()))
    inputs = body.graph.inputs
    return Body(predicated(body.graph, (*inputs[:place], taken, *inputs[place:]), lambda node: taken))


def run_on_lanes(graph: Graph, extent: int, batched: Sequence[bool], inputs: Sequence[Var], lanes: Var) -> list[Var]:
    """The outputs of a body for every lane. It may refuse numbers only of the `lanes` that take it.

    What is the same for all lanes is computed once, and counts if any lane takes the body.
    """
    if not any_refuses(graph):
        return inline(batch_graph(graph, batched, extent), inputs)
    own = varying(graph.nodes, [var for var, has in zip(graph.inputs, batched, strict=True) if has])
    one, anyone = Var(Spec(BOOL, ())), Var(Spec(BOOL, ()))
    inner = (*graph.inputs, one, anyone)
    part = predicated(graph, inner, lambda node: one if own.intersection(node.inputs) else anyone)
    return inline(batch_graph(part, [*batched, True, False], extent), [*inputs, lanes, any_lane(lanes)])


def any_lane(lanes: Var) -> Var:
    """Truth values ↦ whether one of them holds."""
    count = bind(Sum((0,)), bind(Cast("i64"), lanes))
    return bind(Less(), bind(const(0, INT64)), count)


def over_lanes(lanes: Var, like: Spec) -> Var:
    """A truth value for every lane ↦ the same for all elements of the lane."""
    return bind(Broadcast(like.shape, (0,)), lanes)
