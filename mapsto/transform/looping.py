"""Traced bodies ↦ nodes of loops, applied to arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.manipulate import arange, concat, flip, reshape, zeros
from mapsto.array.trace import apply_all
from mapsto.core.spec import FLOAT32, INT64, Spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Builder, Graph, Var, bind, building
from mapsto.ir.primitive import Primitive
from mapsto.prims.elementwise import add
from mapsto.prims.literal import const
from mapsto.transform.block import Call
from mapsto.transform.branch import Branch
from mapsto.transform.call import guard
from mapsto.transform.loop import While
from mapsto.transform.ports import read_ports, write_ports
from mapsto.transform.scan import Scan
from mapsto.transform.section import Section


def run_scan(
    made: Section, first: Sequence[Array], rows: Sequence[Array], turns: int, reverse: bool, checkpoint: int | None
) -> tuple[list[Array], list[Array]]:
    """A traced body, first carries and rows ↦ last carries and rows of results; open ports are written."""
    count, states = len(first), read_ports()
    changed = changed_ports(made)
    constants = captured_and_kept(made, states, changed)
    counted = made.asks_for_turn or not (constants or first or changed or rows)
    inside = (*constants, *made.inputs[:count], *(made.ports[i] for i in changed), *made.inputs[count:])
    results = made.results
    handed = (*results[:count], *(made.handed[i] for i in changed), *results[count:])
    body = Body(Graph((*inside, made.turn) if counted else inside, made.graph.nodes, handed))
    node = Scan(body, turns, len(constants), count + len(changed), reverse)
    outside = [*constants.values(), *first, *(states[i] for i in changed), *rows]
    if counted:
        outside.append(arange(turns))
    found = list(apply_all(node, *outside)) if checkpoint is None else in_blocks(node, outside, checkpoint)
    write_changed(states, changed, found[count : node.carries])
    return found[:count], found[node.carries :]


def changed_ports(made: Section) -> list[int]:
    return [i for i, (old, new) in enumerate(zip(made.ports, made.handed, strict=True)) if old is not new]


def captured_and_kept(made: Section, states: Sequence[Array], changed: Sequence[int]) -> dict[Var, Array]:
    """A loop's constants: what the body closes over, and the states that it does not write."""
    return {**made.captured, **{made.ports[i]: x for i, x in enumerate(states) if i not in changed}}


def write_changed(states: Sequence[Array], changed: Sequence[int], last: Sequence[Array]) -> None:
    new = dict(zip(changed, last, strict=True))
    write_ports([new.get(i, state) for i, state in enumerate(states)])


def in_blocks(scan: Scan, inputs: Sequence[Array], size: int) -> list[Array]:
    """The same scan in blocks of so many turns, of which the derivative keeps the first carries alone."""
    constants, carries, rows = scan.parts(inputs)
    if scan.reverse:
        rows = [flip(row, axis=0) for row in rows]
    count = len(carries)
    blocks, rest = divmod(scan.length, size)
    inner = Scan(scan.body, size, scan.constants, scan.carries, False)
    whole = blocks * size
    specs = list(scan.body.inputs)
    first = scan.constants + count
    specs[first:] = map(inner.stacked, specs[first:])
    block = alone(Call(alone(inner, specs), True), specs)
    outer = Scan(block, blocks, scan.constants, scan.carries, False)
    heads = [reshape(row[:whole], (blocks, size, *row.shape[1:])) for row in rows]
    found = list(apply_all(outer, *constants, *carries, *heads))
    last, made = found[:count], [reshape(y, (whole, *y.shape[2:])) for y in found[count:]]
    if rest:
        tail = Scan(scan.body, rest, scan.constants, scan.carries, False)
        found = list(apply_all(tail, *constants, *last, *(row[whole:] for row in rows)))
        last, made = found[:count], [concat([y, more]) for y, more in zip(made, found[count:], strict=True)]
    return [*last, *([flip(y, axis=0) for y in made] if scan.reverse else made)]


def alone(primitive: Primitive, specs: Sequence[Spec]) -> Body:
    """A primitive and what it takes ↦ a body that does this and nothing else."""
    inputs = tuple(map(Var, specs))
    builder = Builder()
    outputs = builder.add(primitive, inputs)
    return Body(Graph(inputs, tuple(builder.nodes), outputs))


def run_while(condition: Section, made: Section, first: Sequence[Array]) -> list[Array]:
    """A traced condition, a traced body and first carries ↦ last carries; open ports are written.

    A guard of the body is a carry, to which every turn adds 0 or NaN.
    """
    count, states = len(first), read_ports()
    changed = changed_ports(made)
    own, asked = (captured_and_kept(one, states, changed) for one in (made, condition))
    counted = made.asks_for_turn or condition.asks_for_turn

    def inputs(one: Section, before: Sequence[Var], after: Sequence[Var], seen: Sequence[Var]) -> tuple[Var, ...]:
        carried = (*one.inputs, *(one.ports[i] for i in changed), *seen)
        return (*before, *after, *carried, *([one.turn] if counted else []))

    results, guards = made.results[:count], made.results[count:]
    asking = Graph(
        inputs(condition, unused(own), list(asked), unused(guards)), condition.graph.nodes, condition.results
    )
    builder = Builder()
    for node in made.graph.nodes:
        builder.append(node)
    seen = unused(guards)
    with building(builder):
        handed = [*results, *(made.handed[i] for i in changed), *map(add, seen, guards)]
        if counted:
            handed.append(add(made.turn, bind(const(1, INT64))))
    body = Graph(inputs(made, list(own), unused(asked), seen), tuple(builder.nodes), tuple(handed))
    node = While(Body(asking), Body(body), len(own) + len(asked))
    start = [*first, *(states[i] for i in changed), *(zeros(()) for _ in guards), *([asarray(0)] if counted else [])]
    found = apply_all(node, *own.values(), *asked.values(), *start)
    write_changed(states, changed, found[count : count + len(changed)])
    for name, number in zip(made.guards, found[count + len(changed) :], strict=False):
        guard(name, number)
    return list(found[:count])


def unused(variables: Iterable[Var]) -> list[Var]:
    """New variables of the same specs, as inputs that a body must have and does not use."""
    return [Var(var.spec) for var in variables]


def run_branch(index: Array, sections: Sequence[Section], operands: Sequence[Array]) -> list[Array]:
    """A number, traced functions and their arguments ↦ the results of the one; open ports are written.

    A guard of one is 0 in the others.
    """
    states = read_ports()
    changed = sorted({i for one in sections for i in changed_ports(one)})
    captured = {id(array): array for one in sections for array in one.captured.values()}
    guards = list(dict.fromkeys(name for one in sections for name in numbered(one.guards)))
    count = len(sections[0].result.specs)
    bodies: list[Body] = []
    for one in sections:
        own = {id(array): var for var, array in one.captured.items()}
        rest = (own.get(name) or Var(array.spec) for name, array in captured.items())
        builder = Builder(list(one.graph.nodes))
        with building(builder):
            seen = dict(zip(numbered(one.guards), one.results[count:], strict=True))
            numbers = [seen[name] if name in seen else bind(const(0.0, FLOAT32)) for name in guards]
        handed = (*one.results[:count], *(one.handed[i] for i in changed), *numbers)
        bodies.append(Body(Graph((*one.inputs, *one.ports, *rest), tuple(builder.nodes), handed)))
    found = apply_all(Branch(tuple(bodies)), index, *operands, *states, *captured.values())
    write_changed(states, changed, found[count : count + len(changed)])
    for (name, _), number in zip(guards, found[count + len(changed) :], strict=True):
        guard(name, number)
    return list(found[:count])


def numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    """Names, each with the number of those before it that are the same."""
    return [(name, names[:place].count(name)) for place, name in enumerate(names)]


def run_call(made: Section, body: Body, operands: Sequence[Array], again: bool) -> list[Array]:
    """A traced function, its body and its arguments ↦ its results; open ports are written.

    `again`: its derivative runs it again.
    """
    states = read_ports()
    changed = changed_ports(made)
    given = (x for x, has in zip(states, read_by(made), strict=True) if has)
    found = apply_all(Call(body, again), *operands, *given, *made.captured.values())
    count = len(found) - len(changed)
    write_changed(states, changed, found[count:])
    return list(found[:count])


def body_of_call(made: Section, path: str = "") -> Body:
    """A traced function ↦ the body of its call.

    Its inputs are the arguments, the states that it reads, and what it closes over in the order of its use, so that
    copies of one block have one body.
    """
    given = (var for var, has in zip(made.ports, read_by(made), strict=True) if has)
    handed = (*made.results, *(made.handed[i] for i in changed_ports(made)))
    return Body(Graph((*made.inputs, *given, *made.captured), made.graph.nodes, handed), path)


def read_by(made: Section) -> list[bool]:
    """For every port, whether any result depends on it."""
    read = {var for node in made.graph.nodes for var in node.inputs}
    read.update((*made.results, *(made.handed[i] for i in changed_ports(made))))
    return [var in read for var in made.ports]
