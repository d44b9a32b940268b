"""A function traced on its own: its graph, what it closes over, what it returns. Bodies of loops are made of these."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mapsto.array.array import Array
from mapsto.array.comparison import isfinite, where
from mapsto.array.convert import cast, strong
from mapsto.array.reduction import all as every
from mapsto.array.trace import Claims, Frame, Traced, tracing
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import INT64, Spec
from mapsto.core.tree import Structure, flatten, rebuild
from mapsto.ir.graph import Graph, Node, Var
from mapsto.prims.layout import Broadcast, Reshape
from mapsto.prims.literal import Nullary
from mapsto.transform.call import as_array, guard
from mapsto.transform.ports import read_ports, write_ports


@dataclass(frozen=True)
class Form:
    """A tree of arrays without its arrays. `weak` are Python numbers, which have the default type until told."""

    structure: Structure
    paths: tuple[str, ...]
    specs: tuple[Spec, ...]
    weak: tuple[bool, ...]

    def tree(self, arrays: Sequence[Any]) -> Any:
        return rebuild(self.structure, arrays)


def opened_tree(tree: Any) -> tuple[list[Array], Form]:
    """A tree ↦ its arrays and its form."""
    leaves, structure = flatten(tree)
    arrays = [as_array(leaf) for leaf in leaves]
    return arrays, form_of(arrays, structure, tuple(leaf.path for leaf in leaves))


def form_of(arrays: Sequence[Array], structure: Structure, paths: tuple[str, ...]) -> Form:
    specs = tuple(Spec(array.dtype, array.shape) for array in arrays)
    return Form(structure, paths, specs, tuple(array.spec.weak for array in arrays))


@dataclass(frozen=True)
class Section:
    """What a function does, traced on inputs of its own.

    The graph maps (arguments, ports, number of the turn, captured) to (results, ports).
    """

    inputs: tuple[Var, ...]
    ports: tuple[Var, ...]
    turn: Var
    captured: dict[Var, Array]
    graph: Graph
    result: Form
    handed: tuple[Var, ...]  # of the ports
    guards: tuple[str, ...] = ()  # numbers after the function's own results, each 0 where what it names is finite

    @property
    def asks_for_turn(self) -> bool:
        """Whether the body uses the number of the turn, as it does where a key is drawn."""
        return self.turn in self.graph.outputs or any(self.turn in node.inputs for node in self.graph.nodes)

    @property
    def changes_nothing(self) -> bool:
        """Whether it returns what it is given, and leaves the ports as they are."""
        return self.results == self.inputs and self.handed == self.ports

    @property
    def results(self) -> tuple[Var, ...]:
        return self.graph.outputs[: len(self.result.specs) + len(self.guards)]


def section(
    function: Callable[..., Any],
    arguments: Sequence[Form],
    what: str,
    loops: bool = True,
    hands_guards: bool = False,
    claims: Claims = "nothing",
) -> Section:
    """Trace a function on arguments of these forms. Values are not known: an `if` on a number is a TraceError.

    If it `loops`, every turn draws keys of its own. If it `hands_guards`, a number follows the function's results for
    each array that is to be finite; otherwise such an array is a UsageError (LOOP-09). What
    it does to traced arrays that it closes over is done before it, but for what it `claims`.
    """
    before = read_ports()
    try:
        with tracing(keeps_values=False, claims=claims) as frame:
            inputs = [frame.input(spec, None) for form in arguments for spec in form.specs]
            ports = [frame.input(Spec(array.dtype, array.shape), None) for array in before]
            turn = frame.input(Spec(INT64, ()), None)
            frame.lane = turn if loops else None
            write_ports(ports)
            remaining = iter(inputs)
            result = function(*(form.tree([next(remaining) for _ in form.specs]) for form in arguments))
            arrays, form = opened_tree(result)
            guards = tuple(name for name, _ in frame.guards) if hands_guards else ()
            if hands_guards:
                arrays += [finite_or_nan(Traced(frame, var, None)) for _, var in frame.guards]
            outputs = [frame.var_of(strong(array)) for array in arrays]
            handed = tuple(frame.var_of(strong(array)) for array in read_ports())
            if frame.guards and not hands_guards:
                raise UsageError(
                    "LOOP-09",
                    name=frame.guards[0][0],
                    function=what,
                    fix="take the step in what a loop or a branch runs, or guard what is returned",
                )
    finally:
        write_ports(before)
    variables = tuple(x.variable for x in (*inputs, *ports, turn))
    nodes, captured = closed_over(frame)
    graph = Graph((*variables, *captured), (*nodes, *frame.builder.nodes), (*outputs, *handed))
    count = len(inputs)
    return Section(variables[:count], variables[count:-1], turn.variable, captured, graph, form, handed, guards)


def handed_on(made: Section, results: Sequence[Array]) -> Sequence[Array]:
    """The results of a section, its guards last ↦ the results without the guards, which are set outside as well."""
    count = len(results) - len(made.guards)
    for name, seen in zip(made.guards, results[count:], strict=True):
        guard(name, seen)
    return results[:count]


def finite_or_nan(array: Array) -> Array:
    """0 for an array of finite numbers, else NaN: what is kept of every turn instead of the array."""
    return where(every(isfinite(array)), 0.0, math.nan)


def closed_over(frame: Frame) -> tuple[list[Node], dict[Var, Array]]:
    """What a frame captured ↦ broadcasts and counts, which are made inside, and the arrays that remain.

    The functions of `xp` broadcast an array before they use it, so one from outside is broadcast outside. But the array
    before it is smaller: less to take in, and less to add up in the derivative.
    """
    before: list[Node] = []
    captured: dict[Var, Array] = {}
    known: dict[Any, Var] = {}  # by identity; a traced array by its variable, of which there may be several copies

    def taken(array: Array, var: Var | None) -> Var:
        name = (array.frame, array.variable) if isinstance(array, Traced) else id(array)
        if name in known:
            if var is not None:
                before.append(Node(Reshape(var.spec.shape), (known[name],), (var,)))
            return known[name]
        found = known[name] = var or Var(array.spec)
        spread = spread_by(array)
        if spread is None:
            captured[found] = array
        else:
            node, arrays = spread
            inputs = tuple(taken(one, None) for one in arrays)
            before.append(Node(node.primitive, inputs, (found,), node.path, node.line))
        return found

    for var, array in frame.hidden.values():
        taken(array, var)
    return before, captured


def spread_by(array: Array) -> tuple[Node, list[Array]] | None:
    """The node that spread or counted out an array in its trace, and what it took; None for every other array."""
    if not isinstance(array, Traced):
        return None
    frame = array.frame
    node = frame.maker(array.variable)
    if node is None or not isinstance(node.primitive, Broadcast | Reshape | Nullary):
        return None
    return node, [Traced(frame, var, frame.values.get(var)) for var in node.inputs]


def check_kept(function: str, before: Form, after: Form) -> None:
    """Raise ShapeError or UsageError unless a carry has the form of the one before."""
    if before.structure != after.structure:
        rows = (("before", described(before), ""), ("after", described(after), ""))
        fix = "return the carry as it came in: the same tuple, list or dict"
        raise UsageError("LOOP-02", function=function, operands=rows, fix=fix)
    for path, old, new in zip(before.paths, before.specs, after.specs, strict=True):
        if (old.dtype, old.shape) != (new.dtype, new.shape):
            rows = (("before", old, path), ("after", new, path))
            if old.shape == new.shape:
                fix = f"begin with that type, or cast what is returned: xp.astype(…, xp.{old.dtype})"
            else:
                fix = "begin with an array of that shape, or stack results as rows: return carry, row"
            raise ShapeError("LOOP-03", function=function, leaf=path or "the carry", operands=rows, fix=fix)


def described(form: Form) -> str:
    """A form in few words: `{h: f32[3], c: f32[3]}`."""
    pairs = zip(form.paths, form.specs, strict=True)
    text = ", ".join(f"{path}: {spec}" if path else str(spec) for path, spec in pairs) or "no array"
    return text if len(text) < 100 else f"{text[:97]}…"


def settled(
    function: str, tree: Any, trace: Callable[[Form], tuple[Section, Form]]
) -> tuple[list[Array], Form, Section]:
    """A first carry, and how a body is traced on its form ↦ the carry's arrays and form, and the body.

    Python numbers in the first carry take the types that the body makes of them, as they would in a loop of Python's:
    0.0 + x has the type of x. So the body is traced with numbers first, if there are any.
    """
    arrays, form = opened_tree(tree)
    if any(form.weak):
        numbers = Form(form.structure, form.paths, tuple(array.spec for array in arrays), form.weak)
        after = trace(numbers)[1]
        if form.structure == after.structure:
            told = zip(arrays, form.weak, after.weak, after.specs, strict=True)
            arrays = [strong(x) if still or not weak else cast(x, spec.dtype) for x, weak, still, spec in told]
            form = form_of(arrays, form.structure, form.paths)
    made, after = trace(form)
    check_kept(function, form, after)
    return [strong(array) for array in arrays], form, made


def adapted(tree: Any, like: Form) -> Any:
    """A tree ↦ the same, its Python numbers in the types that `like` has in their places, if these are no numbers."""
    arrays, form = opened_tree(tree)
    if form.structure != like.structure:
        return tree
    pairs = zip(arrays, form.weak, like.specs, strict=True)
    return form.tree([cast(array, spec.dtype) if weak and not spec.weak else array for array, weak, spec in pairs])
