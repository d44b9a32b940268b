"""A graph as Python source: what a function, or its derivative, computes, in the functions of `xp`.

The source runs, to the same bits as the graph. What is used once and is short stands where it is used; every other step
has a line of its own.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mapsto.core.spec import BOOL, FLOAT32, INT64
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Node, Var
from mapsto.ir.primitive import attributes
from mapsto.ir.show import variable_names
from mapsto.prims.elementwise import ZeroMul
from mapsto.prims.layout import Broadcast
from mapsto.prims.literal import Const
from mapsto.transform.known import constant
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan
from mapsto.view.expressions import (
    ATOM,
    FUNCTIONS,
    OPERATORS,
    UNARY,
    Expression,
    before_broadcast,
    call,
    expression,
)
from mapsto.view.nested import is_truth, statement

INLINE = 48  # characters of an expression that may stand within another
WIDTH = 72  # where the remark on a line begins at the latest
TAKES_NUMBERS = {*OPERATORS, *FUNCTIONS}
OF_NUMBERS = {BOOL, INT64, FLOAT32}  # the types that numbers without a type have
RESERVED = {"xp", "mt", "apply", "apply_all", "zero_mul", "weak", "carry", "row"}
ZERO_MUL = """def zero_mul(g, p):  # g · p, and 0 where g is 0, whatever p is
    return xp.where(g == 0, 0, g * p)

"""


def source(graph: Graph, name: str, names: Sequence[str]) -> str:
    """A graph, the name of the function and of each input ↦ Python source that defines it."""
    title = "f" if name == "<lambda>" else identifier(name) or "f"
    taken = RESERVED | {title}
    shared = Shared()
    inputs = {
        var: distinct(identifier(wanted) or f"input_{i}", taken)
        for i, (var, wanted) in enumerate(zip(graph.inputs, names, strict=True))
    }
    return Writer(graph, shared, inputs, taken).text(title)


@dataclass
class Line:
    """One statement, the functions above it that it uses, and where the step it makes was asked for."""

    code: str
    specs: str
    path: str
    line: str
    above: Sequence[str] = ()


@dataclass
class Shared:
    """What the functions of one source have in common: imports, and the functions that depend on nothing around."""

    imports: set[str] = field(default_factory=set)
    functions: list[str] = field(default_factory=list)
    known: dict[Body, str] = field(default_factory=dict)
    bodies: int = 0
    has_zero_mul: bool = False

    def title(self) -> str:
        """The name of the next body."""
        self.bodies += 1
        return f"body_{self.bodies}"


class Writer:
    """Writes the source of one graph: a function, or what runs in its loops."""

    def __init__(self, graph: Graph, shared: Shared, names: dict[Var, str], taken: set[str]) -> None:
        self.graph, self.shared, self.names = graph, shared, names
        self.fresh = (letter for letter in variable_names() if letter not in taken and not keyword.iskeyword(letter))
        self.made_by = {var: node for node in graph.nodes for var in node.outputs}
        self.users = users_of(graph)
        self.inline: dict[Var, Expression] = {}
        self.narrow: dict[Var, Expression] = {}  # what is repeated along axes, before it is
        self.truths: set[Var] = set()  # numbers of bodies that stand for true and false
        loops = (node for node in graph.nodes if isinstance(node.primitive, Scan | While))
        self.kept = {var for node in loops for var in node.inputs[: attributes(node.primitive)["constants"]]}
        self.lines: list[Line] = []

    def within(self, graph: Graph, known: dict[Var, Var]) -> Writer:
        """A writer of what runs in a loop: `known` has what its variables are out here."""
        child = Writer(graph, self.shared, {}, set())
        child.fresh = self.fresh
        child.made_by = {**self.made_by, **child.made_by}
        for inside, outside in known.items():
            if self.constant(outside) is not None:
                child.made_by[inside] = self.made_by[outside]
            child.inline[inside] = self.operand(outside)
            if outside in self.narrow:
                child.narrow[inside] = self.narrow[outside]
        return child

    def apart(self, graph: Graph) -> Writer:
        """A writer of a function that reads its arguments and nothing else."""
        return Writer(graph, self.shared, {}, RESERVED)

    def new_name(self, var: Var) -> str:
        self.names[var] = next(self.fresh)
        return self.names[var]

    def text(self, title: str) -> str:
        """The whole source."""
        statements = [f"    {line}" for line in self.statements()]
        outputs = ", ".join(self.operand(var).text for var in self.graph.outputs)
        weak = [f"    {line}" for line in self.weak()]
        first = ["import mapsto as mt"] if self.shared.bodies else []
        head = [*first, "from mapsto import xp", *sorted(self.shared.imports), ""]
        if self.shared.has_zero_mul:
            head += ZERO_MUL.split("\n")
        guarded = [f"    # must be finite: {self.operand(var).text}, {label}" for label, var in self.graph.guards]
        signature = self.signature(title)
        return "\n".join(
            [*head, *self.shared.functions, *signature, *weak, *statements, *guarded, f"    return {outputs}"]
        )

    def weak(self) -> Iterator[str]:
        """Python numbers among the arguments keep their full precision, as in the graph."""
        for var in self.graph.inputs:
            if var.spec.weak and var in self.names:
                self.shared.imports.add("from mapsto.array.convert import weak")
                yield f"{self.names[var]} = weak({self.names[var]})"

    def signature(self, title: str) -> Iterator[str]:
        """The first line; with many inputs, one line for each."""
        arguments = [(self.names[var], str(var.spec)) for var in self.graph.inputs]
        results = ", ".join(str(var.spec) for var in self.graph.outputs)
        line = f"def {title}({', '.join(name for name, _ in arguments)}):"
        specs = f"    # {', '.join(spec for _, spec in arguments)} ↦ {results}"
        if max(len(line), len(specs)) <= WIDTH:
            yield from (line, specs)
            return
        wide = max(len(name) for name, _ in arguments) + 1
        yield f"def {title}("
        yield from (f"    {name + ',':<{wide}}  # {spec}" for name, spec in arguments)
        yield "):"
        yield f"    # ↦ {results}"

    def write(self, node: Node) -> None:
        """Write the statement of a node, or keep its expression for the place where it is used."""
        var = node.outputs[0]
        if self.constant(var) is not None:
            return  # a number stands where it is used
        if node.primitive.inner():
            names = [next(self.fresh) if self.users[y] or y in self.graph.results else "_" for y in node.outputs]
            above, code = statement(self, node, names)
            self.names.update(zip(node.outputs, names, strict=True))
            self.add(node, code, above)
            return
        if var not in self.graph.results and is_truth(node, self.users[var]):
            self.truths.add(var)
            self.inline[var] = self.operand(node.inputs[0])
            return
        made = self.of(node)
        self.shared.imports |= set(made.imports)
        if len(node.outputs) == 1 and self.may_inline(node, made):
            self.inline[var] = made
            if isinstance(node.primitive, Broadcast):
                self.narrow[var] = before_broadcast(node, self.operand(node.inputs[0]))
            return
        for output in node.outputs:
            self.new_name(output)
        self.add(node, f"{', '.join(self.names[output] for output in node.outputs)} = {made.text}")

    def add(self, node: Node, code: str, above: Sequence[str] = ()) -> None:
        specs = ", ".join(str(output.spec) for output in node.outputs)
        self.lines.append(Line(code, specs, node.path, node.line, above))

    def may_inline(self, node: Node, made: Expression) -> bool:
        """Whether an expression is short and stands in one place, in a step that was asked for in the same place."""
        var = node.outputs[0]
        if var in self.graph.outputs:
            return len(self.graph.results) == 1
        users = self.users[var]
        if any(var is guarded for _, guarded in self.graph.guards):
            return False
        if var in self.kept and not isinstance(node.primitive, Broadcast):
            return False  # or every turn would make it anew
        if isinstance(node.primitive, Broadcast) and len(made.text) <= INLINE:
            return True  # costs nothing to say again
        return len(users) == 1 and len(made.text) <= INLINE and users[0].path == node.path

    def of(self, node: Node) -> Expression:
        """The expression of a node."""
        self.shared.has_zero_mul |= isinstance(node.primitive, ZeroMul)
        operands = [self.operand(var) for var in node.inputs]
        if node.primitive.name in TAKES_NUMBERS:
            operands = self.as_they_broadcast(node, operands)
        return expression(node, operands)

    def as_they_broadcast(self, node: Node, operands: list[Expression]) -> list[Expression]:
        """Beside an array, a number needs no type and no shape, and what is repeated along axes need not say so."""
        arrays = [var for var in node.inputs if self.constant(var) is None]
        full = next((var for var in arrays if var not in self.narrow), arrays[0] if arrays else None)
        made: list[Expression] = []
        for var, operand in zip(node.inputs, operands, strict=True):
            number = self.constant(var)
            beside = [other for other in arrays if other.spec.dtype == var.spec.dtype and not other.spec.weak]
            if number is not None and (beside or (arrays and var.spec.dtype in OF_NUMBERS)):
                operand = written(number)
            elif var in self.narrow and var is not full:
                operand = self.narrow[var]
            made.append(operand)
        return made

    def constant(self, var: Var) -> Const | None:
        return constant(var, self.made_by)

    def operand(self, var: Var) -> Expression:
        """A variable's name, or the expression that stands for it."""
        if var in self.names:
            return Expression(self.names[var], ATOM)
        if var in self.inline:
            return self.inline[var]
        number = self.constant(var)
        assert number is not None  # all else has a name or stands inline
        return call("xp.full", repr(var.spec.shape), written(number).text, f"dtype=xp.{var.spec.dtype.name}")

    def statements(self) -> list[str]:
        """The statements under the place where each was asked for, with what each makes."""
        for node in self.graph.nodes:
            self.write(node)
        made: list[str] = []
        place = None
        wide = max((len(line.code) for line in self.lines if len(line.code) <= WIDTH), default=0)
        for line in self.lines:
            asked = " ".join(filter(None, (line.path, line.line)))
            if asked and asked != place:
                made.append(f"# {asked}")
            place = asked
            made += [*line.above, f"{line.code:<{wide}}  # {line.specs}"]
        return made


def users_of(graph: Graph) -> dict[Var, list[Node]]:
    """By variable, the nodes that take it, once for each time; who takes a repeated array takes the array."""
    users: dict[Var, list[Node]] = {var: [] for node in graph.nodes for var in node.outputs}
    for node in reversed(graph.nodes):
        for var in node.inputs:
            takers = users[node.outputs[0]] if isinstance(node.primitive, Broadcast) else [node]
            users.setdefault(var, []).extend(takers)
    return users


def written(number: Const) -> Expression:
    """A number in the fewest digits that its type tells apart."""
    text = str(number.value)
    if text.lstrip("-") in ("inf", "nan"):
        text = text.replace("inf", "xp.inf").replace("nan", "xp.nan")
    return Expression(text, UNARY if text.startswith("-") else ATOM)


def identifier(text: str) -> str:
    """A path ↦ a Python name: `net.dense_1.weight` ↦ `net_dense_1_weight`; nothing if none can be made."""
    name = re.sub(r"\W+", "_", text).strip("_")
    return f"{name}_" if keyword.iskeyword(name) else name if name.isidentifier() else ""


def distinct(name: str, taken: set[str]) -> str:
    """The name, or with a number if it is taken; it is taken then."""
    number = 1
    made = name
    while made in taken:
        number += 1
        made = f"{name}_{number}"
    taken.add(made)
    return made
