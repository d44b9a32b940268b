"""Graphs with bodies, drawn at random: carries that change places, pass through, are rows too, bodies within bodies."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from mapsto.core.spec import BOOL, FLOAT64, INT64, Spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Builder, Graph, Var, bind, bind_all, building
from mapsto.ir.primitive import Primitive
from mapsto.prims.cast import Cast
from mapsto.prims.compare import Less
from mapsto.prims.elementwise import Add, Mul
from mapsto.prims.hyperbolic import Tanh
from mapsto.prims.literal import const
from mapsto.prims.reduce import Sum
from mapsto.transform.block import Call
from mapsto.transform.branch import Branch
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan

ROW = Spec(FLOAT64, (5,))
COUNT = Spec(INT64, ())
Numbers = np.ndarray[Any, Any]


def one_node(primitive: Primitive, *specs: Spec) -> Graph:
    """A primitive applied once."""
    inputs = tuple(map(Var, specs))
    builder = Builder()
    outputs = builder.add(primitive, inputs)
    return Graph(inputs, tuple(builder.nodes), outputs)


def drawn_body(rng: random.Random, inputs: int, outputs: int, depth: int) -> Body:
    """Rows ↦ rows: some arithmetic, perhaps with bodies in it; each output is anything, an input too."""
    given = tuple(Var(ROW) for _ in range(inputs))
    builder, known = Builder(), list(given)
    with building(builder):
        for _ in range(rng.randrange(4)):
            known += drawn_step(rng, known, depth)
        handed = tuple(rng.choice(known) for _ in range(outputs))
    return Body(Graph(given, tuple(builder.nodes), handed))


def drawn_step(rng: random.Random, known: list[Var], depth: int) -> list[Var]:
    """One more variable or several."""
    x, y = rng.choice(known), rng.choice(known)
    kind = rng.randrange(8 if depth else 4)
    if kind < 4:
        return [bind(Tanh(), bind((Add(), Mul())[kind % 2], x, y))]
    count = rng.randrange(1, 3)
    if kind == 4:
        body = drawn_body(rng, 2, count, depth - 1)
        first = bind_all(Call(body, False), x, y)
        return [*first, *bind_all(Call(body, False), y, first[0])]
    if kind == 5:
        bodies = tuple(drawn_body(rng, 2, count, depth - 1) for _ in range(rng.randrange(1, 4)))
        return list(bind_all(Branch(bodies), number_of(x), x, y))
    carries, constants = rng.randrange(1, 4), rng.randrange(2)
    operands = [rng.choice(known) for _ in range(constants + carries)]
    if kind == 6:
        body = drawn_body(rng, constants + carries, carries, depth - 1)
        return drawn_while(rng, body, constants, operands)
    scan = Scan(drawn_body(rng, constants + carries, carries, depth - 1), rng.randrange(4), constants, carries, False)
    return list(bind_all(scan, *operands))


def number_of(x: Var) -> Var:
    """A whole number that depends on a row."""
    return bind(Cast("i64"), bind(Sum((0,)), x))


def drawn_while(rng: random.Random, body: Body, constants: int, operands: list[Var]) -> list[Var]:
    """A loop that counts its turns in a carry, up to a number that depends on an operand."""
    inside, counter = tuple(Var(var.spec) for var in operands), Var(COUNT)
    builder, asking = Builder(), Builder()
    with building(builder):
        made = bind_all(Call(body, False), *inside)
        following = bind(Add(), counter, bind(const(1, INT64)))
    given = (*inside[:constants], counter, *inside[constants:])
    with building(asking):
        goes_on = bind(Less(), counter, bind(const(rng.randrange(4), INT64)))
    assert goes_on.spec == Spec(BOOL, ())
    turn = Body(Graph(given, tuple(builder.nodes), (following, *made)))
    loop = While(Body(Graph(given, tuple(asking.nodes), (goes_on,))), turn, constants)
    first = bind(const(0, INT64))
    return list(bind_all(loop, *operands[:constants], first, *operands[constants:]))[1:]


def drawn_scan(rng: random.Random, depth: int = 2) -> Graph:
    """A scan with constants, carries, rows in and rows out, in either direction."""
    constants, carries, rows, handed = (rng.randrange(most) for most in (2, 4, 3, 4))
    carries = max(carries, 1)
    length = rng.choice((0, 1, 2, 3, 6))
    body = drawn_body(rng, constants + carries + rows, carries + handed, depth)
    scan = Scan(body, length, constants, carries, rng.random() < 0.5)
    return one_node(scan, *[ROW] * (constants + carries), *[Spec(FLOAT64, (length, 5))] * rows)


def numbers_for(graph: Graph, seed: int = 0) -> list[Numbers]:
    """Normals, for the inputs of a graph."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(var.spec.shape).astype(var.spec.dtype) for var in graph.inputs]
