"""What is known of a variable by how it was made."""

from __future__ import annotations

from mapsto.ir.graph import Node, Var
from mapsto.prims.layout import Broadcast, Reshape
from mapsto.prims.literal import Const

Producers = dict[Var, Node]


def constant(var: Var, made_by: Producers) -> Const | None:
    """The number that a variable is everywhere, by its making, if it is one."""
    node = made_by.get(var)
    while node is not None and isinstance(node.primitive, (Broadcast, Reshape)):
        node = made_by.get(node.inputs[0])
    return node.primitive if node is not None and isinstance(node.primitive, Const) else None


def is_one(var: Var, made_by: Producers) -> bool:
    """Whether a variable is 1 everywhere, by its making."""
    number = constant(var, made_by)
    return number is not None and number.value == 1
