"""What a graph would ask of the machine: steps and memory for one example, and code to be made. All have limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mapsto.core.errors import LimitError
from mapsto.core.spec import FLOAT64, Spec
from mapsto.files.container import Refusal, too_large
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Node, Var
from mapsto.prims.kinds import Elementwise
from mapsto.prims.layout import Layout
from mapsto.prims.window import Window
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan

LARGEST_VALUE = 2**32  # bytes of any one array
LARGEST_MEMORY = 2**34  # bytes of all arrays that are needed at one time
MOST_WORK = 2**44  # multiplications, additions, elements moved: some minutes on one core
MOST_APPLIED = 2**26  # primitives, those of loops in every turn: some minutes in the reference, 5 µs each
MOST_CODE = 10_000  # some seconds of compiling: one stands for about half a millisecond
MOST_AXES = 63  # NumPy has 64, and one is for the batch
# How many additions have as much code as one of these, found out with chains of 40 lines each. What is not here counts
# as one if it is done element by element or only moves elements, and otherwise as a loop of its own.
LOOP = 10
CODE = {
    **dict.fromkeys(("exp", "expm1", "tanh", "sigmoid", "acos", "asin", "sinh", "cosh", "hypot"), 4),
    **dict.fromkeys(("log", "log2", "log10", "log1p", "atan", "atan2", "asinh", "acosh", "atanh"), 8),
    "erf": 10,
    **dict.fromkeys(("pow", "erf_inv", "remainder", "floor_divide", "arg_max", "arg_min"), 25),
    **dict.fromkeys(("sin", "cos", "tan"), 50),
}


@dataclass(frozen=True)
class Asked:
    """What a graph asks for: steps, how many primitives are applied one after another, code, and memory at one time.

    Of a body this is for one turn. Memory is of what the graph makes, without its inputs.
    """

    steps: int
    applied: int
    code: int
    memory: int


NOTHING = Asked(0, 0, 0, 0)


def check_work(graph: Graph) -> None:
    """Refuse a graph that would take absurd amounts of memory or time, its bodies as often as they run. Raises Refusal.

    A body that is named twice is looked at once, so this takes as long as the graph is, whatever it asks for.
    """
    asked_by(graph, {})


def asked_by(graph: Graph, known: dict[Body, Asked]) -> Asked:
    """What a graph asks for, within the limits; `known` has what is known of bodies. Raises Refusal."""
    for var in graph.inputs:
        check_axes(var.spec)
    last: dict[Var, int] = {var: i for i, node in enumerate(graph.nodes) for var in node.inputs}
    last.update(dict.fromkeys(graph.outputs, len(graph.nodes)))
    steps = applied = code = held = most = 0
    for i, node in enumerate(graph.nodes):
        name = node.primitive.name
        for var in node.outputs:
            check_axes(var.spec)
            if size_of(var.spec) > LARGEST_VALUE:
                raise too_large(f"{name} would make {var.spec}", f"{LARGEST_VALUE} bytes")
            held += size_of(var.spec)
        inner = asked_within(node, known)
        steps, applied, code = steps + work_of(node) + inner.steps, applied + 1 + inner.applied, code + code_of(node)
        code += inner.code
        most = max(most, held + inner.memory)
        check(code, MOST_CODE, "as much code as {} additions")
        check(held + inner.memory, LARGEST_MEMORY, "{} bytes at one time")
        check(applied, MOST_APPLIED, f"{{}} primitives one after another for one example, up to its {name}")
        check(steps, MOST_WORK, f"{{}} steps for one example, up to its {name}")
        free = {var for var in (*node.inputs, *node.outputs) if last.get(var, i) == i}
        held -= sum(size_of(var.spec) for var in free if var not in graph.inputs)
    return Asked(steps, applied, code, most)


def check(number: int, limit: int, words: str) -> None:
    if number > limit:  # which may have thousands of digits
        raise too_large(f"the graph would take {words.format(min(number, 2**64))}", f"{limit}")


def check_axes(spec: Spec) -> None:
    if spec.rank > MOST_AXES:
        raise too_large(f"an array of {spec.rank} axes", f"{MOST_AXES}")


def asked_within(node: Node, known: dict[Body, Asked]) -> Asked:
    """What the bodies of a node ask for: a loop's in all of its turns, and every branch, for lanes run all of them."""
    bodies = node.primitive.inner()
    if not bodies:
        return NOTHING
    if isinstance(node.primitive, While):
        raise unbounded(node)
    for body in bodies:
        if body not in known:
            known[body] = asked_by(body.graph, known)
    found = [known[body] for body in bodies]
    turns = node.primitive.length if isinstance(node.primitive, Scan) else 1
    return Asked(
        steps=turns * sum(one.steps for one in found),
        applied=turns * sum(1 + one.applied for one in found),
        code=sum(one.code for one in found),
        memory=max(one.memory for one in found),
    )


def unbounded(node: Node) -> Refusal:
    """The refusal of a loop that ends when it likes."""
    place = " ".join(filter(None, (node.path, node.line)))
    fix = "count the turns beforehand: mt.fori or mt.scan with Python integers, and mt.cond within for what ends early"
    return Refusal("FILE-33", fix, LimitError, loop=f"a while loop{f' ({place})' if place else ''}")


def size_of(spec: Spec) -> int:
    """Bytes of an array; one that is empty counts as one element."""
    return max(1, spec.size) * spec.dtype.itemsize


def work_of(node: Node) -> int:
    """How many steps a node takes: its arithmetic, or the elements that it reads and writes if those are more.

    A window goes over its extent for every element, whatever its arithmetic is; bodies are counted by themselves.
    """
    inputs, outputs = [var.spec for var in node.inputs], [var.spec for var in node.outputs]
    elements = sum(max(1, spec.size) for spec in (*inputs, *outputs))
    window = node.primitive.size if isinstance(node.primitive, Window) else ()
    arithmetic = 0 if node.primitive.inner() else node.primitive.flops(inputs, outputs)
    return max(arithmetic, elements * math.prod(map(abs, window)))


def code_of(node: Node) -> int:
    """How much code a node takes, in additions; a hostile file has few bytes and much to compile."""
    small = isinstance(node.primitive, Elementwise | Layout)
    code = CODE.get(node.primitive.name, 1 if small else LOOP)
    wide = any(var.spec.dtype == FLOAT64 for var in (*node.inputs, *node.outputs))
    return max(code * (2 if wide else 1), len(node.inputs))
