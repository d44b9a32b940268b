"""Reverse mode through a scan: a scan in the other direction, from what the forward one kept.

What the backward pass of a turn asks of the forward pass is kept, a row for every turn; what only arranges other
arrays, and what is the same in every turn, is made again. The derivative by a constant is a sum over the turns. Where
it is a sum of contractions, these are done once after the loop, with the turns as one more letter to sum over: one
large matrix product instead of many small ones, each of which would read and write the whole sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mapsto.ir.body import Body
from mapsto.ir.graph import Builder, Graph, Node, Var, bind, bind_all, building
from mapsto.prims.contract import LETTERS, Contract
from mapsto.prims.elementwise import Add, add, constant_like
from mapsto.transform.bodies import floats_among, second_half, zeros_for
from mapsto.transform.derive import backward, varying

if TYPE_CHECKING:
    from mapsto.transform.scan import Scan

MUCH = 4  # times what a sum is itself: so much may be kept of every turn to make the sum afterwards


@dataclass
class Turn:
    """The body of the backward scan while it is built: its variables, and what stands for each outside."""

    builder: Builder = field(default_factory=Builder)
    constants: dict[Var, Var] = field(default_factory=dict[Var, Var])
    carries: list[tuple[Var, Var, Var]] = field(default_factory=list[tuple[Var, Var, Var]])  # inside, first, handed on
    rows: dict[Var, Var] = field(default_factory=dict[Var, Var])
    handed: dict[Var, None] = field(default_factory=dict[Var, None])  # rows of results

    def carry(self, inside: Var, first: Var, handed: Var) -> int:
        self.carries.append((inside, first, handed))
        return len(self.carries) - 1

    def scan(self, like: Scan) -> tuple[list[Var], dict[Var, Var]]:
        """The backward scan ↦ its last carries, and the arrays of what it hands out."""
        made: type[Scan] = type(like)
        inside = (*self.constants, *(one for one, _, _ in self.carries), *self.rows)
        handed = (*(last for _, _, last in self.carries), *self.handed)
        body = Body(Graph(inside, tuple(self.builder.nodes), handed))
        scan = made(body, like.length, len(self.constants), len(self.carries), not like.reverse)
        outside = (*self.constants.values(), *(first for _, first, _ in self.carries), *self.rows.values())
        found = bind_all(scan, *outside)
        count = len(self.carries)
        return list(found[:count]), dict(zip(self.handed, found[count:], strict=True))


def backwards(scan: Scan, inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
    """Cotangents of a scan's outputs ↦ those of its inputs."""
    graph = scan.body.graph
    outputs = [i for i in floats_among(graph.outputs) if i < scan.carries or cotangents[i] is not None]
    wrt = floats_among(graph.inputs)
    part = Graph(graph.inputs, graph.nodes, tuple(graph.outputs[i] for i in outputs))
    derived = backward(part, wrt)
    seeds = dict(zip(outputs, derived.inputs[len(graph.inputs) :], strict=True))
    moved = varying(derived.nodes, list(seeds.values()))
    found = {i: var for i, var in zip(wrt, derived.outputs, strict=True) if var in moved or in_carries(scan, i)}

    turn = Turn()
    nodes, kept = second_half(graph, derived.nodes, list(found.values()), scan.constants)
    for node in nodes:
        turn.builder.append(node)
    keep(scan, inputs, kept, turn)
    for i, seed in seeds.items():
        if i >= scan.carries:
            turn.rows[seed] = zeros_for(seed, cotangents[i])
    first = scan.constants
    of_carries: dict[int, int] = {}
    for i in floats_among(graph.outputs[: scan.carries]):
        given = zeros_for(inputs[first + i], cotangents[i])
        of_carries[first + i] = turn.carry(seeds[i], given, found[first + i])
    turn.handed.update((var, None) for i, var in found.items() if i >= first + scan.carries)
    sums = {i: Total(turn, derived.nodes, var) for i, var in found.items() if i < first}
    for i, total in sums.items():
        total.enter(inputs[i])
    last, arrays = turn.scan(scan)
    results: list[Var | None] = [None] * len(inputs)
    for i, var in found.items():
        if i in of_carries:
            results[i] = last[of_carries[i]]
        else:
            results[i] = sums[i].result(last, arrays) if i in sums else arrays[var]
    return results


def in_carries(scan: Scan, place: int) -> bool:
    return scan.constants <= place < scan.constants + scan.carries


def keep(scan: Scan, inputs: Sequence[Var], kept: Sequence[Var], turn: Turn) -> None:
    """Give the backward scan what it asks of the forward one: constants, rows, and what turns make, stacked as rows."""
    graph = scan.body.graph
    outside = dict(zip(graph.inputs, inputs, strict=True))
    constants, _, rows = scan.parts(graph.inputs)
    stacked = [var for var in kept if var not in constants and var not in rows]
    turn.constants.update((var, outside[var]) for var in kept if var in constants)
    turn.rows.update((var, outside[var]) for var in kept if var in rows)
    if not stacked:
        return
    body = Body(Graph(graph.inputs, graph.nodes, (*graph.outputs, *stacked)))
    made = bind_all(type(scan)(body, scan.length, scan.constants, scan.carries, scan.reverse), *inputs)
    turn.rows.update(zip(stacked, made[len(graph.outputs) :], strict=True))


class Total:
    """The derivative by a constant of the loop: terms added up in a carry, and contractions done after the loop."""

    def __init__(self, turn: Turn, nodes: Sequence[Node], var: Var) -> None:
        self.turn = turn
        made_by = {one: node for node in nodes for one in node.outputs}
        self.after: list[tuple[Contract, tuple[Var, Var]]] = []
        self.added: list[Var] = []
        self.place: int | None = None
        for term in terms(var, made_by):
            node = made_by.get(term)
            if node is not None and isinstance(node.primitive, Contract) and self.differs(node.inputs, term):
                self.after.append((node.primitive, (node.inputs[0], node.inputs[1])))
            else:
                self.added.append(term)

    def differs(self, operands: Sequence[Var], product: Var) -> bool:
        """Whether a contraction is better done after the loop: its operands differ by turn, and are small."""
        turn = self.turn
        moving = varying(turn.builder.nodes, [*turn.rows, *(one for one, _, _ in turn.carries)])
        new = sum(var.spec.size for var in operands if var not in turn.rows and var not in turn.handed)
        return all(var in moving for var in operands) and new <= MUCH * product.spec.size

    def enter(self, like: Var) -> None:
        """Let the turns hand out what the contractions need, and add up the rest."""
        turn = self.turn
        for _, operands in self.after:
            turn.handed.update((var, None) for var in operands if var not in turn.rows)
        if self.added:
            inside = Var(like.spec)
            with building(turn.builder):
                total = inside
                for term in self.added:
                    total = add(total, term)
            self.place = turn.carry(inside, constant_like(like, 0.0), total)

    def result(self, last: Sequence[Var], arrays: dict[Var, Var]) -> Var | None:
        found = None if self.place is None else last[self.place]
        for contract, operands in self.after:
            letter = next(one for one in LETTERS if one not in contract.x + contract.y)
            x, y = (arrays[var] if var in arrays else self.turn.rows[var] for var in operands)
            made = bind(Contract(letter + contract.x, letter + contract.y, contract.out), x, y)
            found = made if found is None else add(found, made)
        return found


def terms(var: Var, made_by: dict[Var, Node]) -> list[Var]:
    """The terms of a sum, as far as it is written as additions; a variable that is no sum is its own only term."""
    node = made_by.get(var)
    if node is None or not isinstance(node.primitive, Add):
        return [var]
    return [term for one in node.inputs for term in terms(one, made_by)]
