"""Loops, branches and calls as Python statements: `mt.scan(body_1, …)`, with what runs in them as functions above.

A loop's body stands within the function that has the loop, and reads what is the same in every turn from there. What is
called, and branches, are functions of their own at the top, each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mapsto.core.spec import BOOL, Spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Node, Var
from mapsto.prims.cast import Cast
from mapsto.transform.block import Call
from mapsto.transform.branch import Branch
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan
from mapsto.view.expressions import Expression, call

if TYPE_CHECKING:
    from mapsto.view.source import Writer


def statement(writer: Writer, node: Node, made: Sequence[str]) -> tuple[list[str], str]:
    """A node with bodies, and the names of what it makes ↦ the functions above it, and the statement."""
    match node.primitive:
        case Scan():
            return of_scan(writer, node, node.primitive, made)
        case While():
            return of_while(writer, node, node.primitive, made)
        case Branch():
            right = of_branch(writer, node, node.primitive)
        case Call(body, again):
            function = of_body(writer, body)
            right = call(f"mt.remat({function})" if again else function, *operands(writer, node.inputs))
        case _:  # a rule of its own: what it does
            right = call(of_body(writer, node.primitive.inner()[0]), *operands(writer, node.inputs))
    return [], f"{', '.join(made)} = {right.text}"


def of_scan(writer: Writer, node: Node, scan: Scan, made: Sequence[str]) -> tuple[list[str], str]:
    graph, name = scan.body.graph, writer.shared.title()
    inside, outside = scan.parts(graph.inputs), scan.parts(node.inputs)
    child = writer.within(graph, dict(zip(inside[0], outside[0], strict=True)))
    above = function(child, name, [("carry", inside[1]), ("row", inside[2])], scan.carries)
    arguments = [name, grouped(operands(writer, outside[1])), grouped(operands(writer, outside[2]))]
    if not outside[2]:
        arguments[2] = f"length={scan.length}"
    if scan.reverse:
        arguments.append("reverse=True")
    left = ["_" if set(part) <= {"_"} else grouped(part) for part in (made[: scan.carries], made[scan.carries :])]
    return above, f"{', '.join(left)} = mt.scan({', '.join(arguments)})"


def of_while(writer: Writer, node: Node, loop: While, made: Sequence[str]) -> tuple[list[str], str]:
    above: list[str] = []
    names: list[str] = []
    for body in (loop.condition, loop.body):
        names.append(writer.shared.title())
        constants = dict(zip(body.graph.inputs, node.inputs[: loop.constants], strict=False))
        child = writer.within(body.graph, constants)
        above += function(child, names[-1], [("carry", body.graph.inputs[loop.constants :])])
    first = grouped(operands(writer, node.inputs[loop.constants :]))
    return above, f"{', '.join(made)} = mt.while_loop({', '.join([*names, first])})"


def of_branch(writer: Writer, node: Node, branch: Branch) -> Expression:
    names = [of_body(writer, body) for body in branch.bodies]
    given = operands(writer, node.inputs)
    if node.inputs[0] in writer.truths:
        return call("mt.cond", given[0], names[1], names[0], *given[1:])
    return call("mt.switch", given[0], f"[{', '.join(names)}]", *given[1:])


def is_truth(node: Node, users: Sequence[Node]) -> bool:
    """Whether a node makes a truth value the number of one of two bodies, and nothing else."""
    casts = isinstance(node.primitive, Cast) and node.inputs[0].spec == Spec(BOOL, ())
    var = node.outputs[0]
    return casts and all(
        isinstance(user.primitive, Branch) and len(user.primitive.bodies) == 2 and var not in user.inputs[1:]
        for user in users
    )


def of_body(writer: Writer, body: Body) -> str:
    """A body that depends on its arguments alone ↦ the name of its function at the top."""
    known = writer.shared.known
    if body not in known:
        child = writer.apart(body.graph)
        title = known[body] = writer.shared.title()
        writer.shared.functions += [*function(child, title, [("", (var,)) for var in body.graph.inputs]), ""]
    return known[body]


def function(
    child: Writer, title: str, parts: Sequence[tuple[str, Sequence[Var]]], carries: int | None = None
) -> list[str]:
    """The lines of a function whose parameters are one array each, or a tuple of several, which has a name.

    With a number of carries, it returns these and the rest as a pair.
    """
    head: list[str] = []
    unpacked: list[str] = []
    for name, variables in parts:
        names = [child.new_name(var) for var in variables]
        head.append(names[0] if len(names) == 1 else name)
        if len(names) > 1:
            unpacked.append(f"{', '.join(names)} = {name}")
    statements = child.statements()
    results = [child.operand(var).text for var in child.graph.outputs]
    made = specs(child.graph.outputs)
    if carries is not None:
        results, made = ([grouped(side[:carries]), grouped(side[carries:])] for side in (results, made))
    given = ", ".join(grouped(specs(variables)) for _, variables in parts)
    lines = [f"# {given} ↦ {', '.join(made)}", *unpacked, *child.weak(), *statements, f"return {', '.join(results)}"]
    return [f"def {title}({', '.join(head)}):", *(f"    {line}" for line in lines)]


def specs(variables: Sequence[Var]) -> list[str]:
    return [str(var.spec) for var in variables]


def grouped(texts: Sequence[str]) -> str:
    """One as it is, several as a tuple."""
    return "None" if not texts else texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def operands(writer: Writer, variables: Sequence[Var]) -> list[str]:
    return [writer.operand(var).text for var in variables]
