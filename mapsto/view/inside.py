"""A compiled function from above to below: mappings, graph, kernels, stages, loops, LLVM IR, instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from mapsto.compiler.account import cost_of, nodes_in
from mapsto.compiler.alike import with_own_names
from mapsto.compiler.compile import Compiled
from mapsto.compiler.pipeline import Plan, planned
from mapsto.compiler.traced import Program
from mapsto.core.check import one_of, whole
from mapsto.core.errors import StateError, UsageError
from mapsto.core.tree import Structure, join
from mapsto.ir.graph import Graph
from mapsto.ir.loops import Kernel
from mapsto.ir.loops_text import show as loops_text
from mapsto.ir.show import show as graph_text
from mapsto.target.assembly import assembly, llvm_text
from mapsto.view.entries import Entry, kernels_of
from mapsto.view.graph import GraphView
from mapsto.view.kernels import chunks_of, table_of_plan, timed
from mapsto.view.measure import measured
from mapsto.view.paint import memory, rounded
from mapsto.view.program import program_table
from mapsto.view.stages import array_rows, stage_lines

LEVELS = ("mappings", "graph", "kernels", "stages", "loops", "llvm", "asm")


@dataclass(frozen=True)
class Inside:
    """What can be shown of a program: its name, its graph, and the names of the graph's inputs as far as known."""

    name: str
    graph: Graph
    inputs: tuple[str, ...] = ()
    programs: int = 1
    parameters: tuple[int, ...] = ()  # the places of inputs that are the same in many calls

    @cached_property
    def plan(self) -> Plan:
        """What the compiler makes of the graph: the same as what runs."""
        return planned(self.graph, parameters=[self.graph.inputs[place] for place in self.parameters])


def inside(what: Any, asked: str) -> Inside:
    """A compiled function (the program that it traced last), a graph or its view ↦ what can be shown of it.

    Raises StateError (COMPILE-03) for a function without a program, UsageError (SHOW-01) for anything else.
    """
    if isinstance(what, Compiled):
        if not what.programs:
            raise StateError("COMPILE-03", name=what.name, fix="call it once, or show mt.graph(f)(examples)")
        program = list(what.programs.values())[-1]
        names = tuple(input_names(what, program))
        return Inside(what.name, program.graph, names, len(what.programs), tuple(program.parameters))
    if isinstance(what, GraphView):
        return Inside(what.name, what.graph, what.names)
    if isinstance(what, Graph):
        return Inside("graph", what)
    fix = "compile it, or show mt.graph(f)(examples)"
    raise UsageError("SHOW-01", found=type(what).__name__, asked=asked, fix=fix)


def input_names(step: Compiled, program: Program) -> Iterator[str]:
    """The names of a program's inputs: `net.dense_1.weight`, `x`; `captured` for what the function closes over."""
    key = next(key for key, one in step.programs.items() if one is program)
    for name, value in key:
        if name not in step.static:
            yield from leaf_paths(value[0], name)
    yield from ["captured"] * len(program.captured)


def leaf_paths(structure: Structure, path: str) -> Iterator[str]:
    """The paths of a tree's leaves, in their order."""
    if structure.form == "leaf":
        yield path
    for name, part in zip(structure.names, structure.parts, strict=True):
        yield from leaf_paths(part, join(path, str(name)))


def level_of(what: Any, kernel: Any, level: Any, measure: bool) -> Any:
    """What `mt.show` prints of a program: a table, or text. Raises UsageError for a kernel or a level there is not."""
    level = None if level is None else one_of("mt.show", "level", level, LEVELS)
    found = inside(what, "level" if level else "measures" if measure else "kernels")
    if measure and (level not in (None, "kernels") or kernel is not None):
        fix = "measure the table of kernels: mt.show(step, measure=True)"
        raise UsageError("ARG-01", function="mt.show", name="measure", value=True, wanted="False here", fix=fix)
    number = None if kernel is None else kernel_number(found, kernel)
    if level is None and number is not None:
        return page(found, number)
    if level == "mappings":
        return program_table(found.name, graph_within(found, number), found.programs)
    if level == "graph":
        return graph_text(graph_within(found, number), origins=True)
    if level in (None, "kernels"):
        return table(found, number, measure)
    kernels = kernels_of(found.plan)
    return "\n\n".join(TEXTS[level](found, kernels[one]) for one in (kernels if number is None else [number]))


def kernel_number(found: Inside, kernel: Any) -> int | str:
    """The number of a kernel; 3 and "k3" are the same, "k3_0" is a kernel of a body. Raises UsageError (SHOW-02)."""
    numbers = list(kernels_of(found.plan))
    try:
        word = kernel.removeprefix("k") if isinstance(kernel, str) else kernel
        of_body = isinstance(word, str) and word in numbers
        number = word if of_body else whole(int(word) if isinstance(word, str) else word)
    except (TypeError, ValueError):
        number = -1
    if number not in numbers:
        several = len(numbers) > 1 and numbers == list(range(len(numbers)))
        choices = f"0 to {numbers[-1]}" if several else ", ".join(map(str, numbers)) or "none: the host does everything"
        rows = (("kernels", choices, ""),)
        raise UsageError("SHOW-02", name=found.name, kernel=kernel, operands=rows, fix="see mt.show(step)")
    return number


def graph_within(found: Inside, number: int | str | None) -> Graph:
    """The graph, or of a kernel's nodes alone, with what they read as inputs and what lasts of them as outputs."""
    if number is None:
        return found.graph
    entry = kernels_of(found.plan)[number]
    plan = entry.plan
    nodes = nodes_in(plan, entry.step)
    made = {var for node in nodes for var in node.outputs}
    given = dict.fromkeys(var for node in nodes for var in node.inputs if var not in made)
    written = plan.written[entry.place].arrays
    outputs = tuple(var for node in nodes for var in node.outputs if plan.fusion.numbers.get(var) in written)
    return Graph(tuple(given), tuple(nodes), outputs)


def table(found: Inside, number: int | str | None, measure: bool) -> Any:
    """The table of kernels, or one line of it."""
    hint = (
        ""
        if number is not None
        else "from here: kernel=0, level='graph', 'stages', 'loops', 'llvm', 'asm', measure=True"
    )
    plan = found.plan
    made = table_of_plan(plan, found.name, hint)
    if measure:
        made = timed(made, *measured(plan))
    return made if number is None else replace(made, rows=tuple(row for row in made.rows if row.number == number))


def page(found: Inside, number: int | str) -> str:
    """A kernel: what it costs, the formulas of its stages, its loops."""
    entry = kernels_of(found.plan)[number]
    cost, written = cost_of(entry.plan, entry.plan.written[entry.place]), entry.plan.written[entry.place]
    turns = f", {entry.times:,} times" if entry.times > 1 else ""
    words = (
        f"kernel {number} of {found.name}, phase {entry.phase}{turns}: {chunks_of(written)}"
        f"{' chunks' if written.chunks > 1 else ''}; {rounded(cost.flops)}FLOPs",
        f"reads {memory(cost.read)}, writes {memory(cost.written)}, {memory(cost.scratch)} of work space",
    )
    return "\n\n".join(["; ".join(words), stages(found, entry), loops(found, entry)])


def stages(found: Inside, entry: Entry) -> str:
    """A kernel's arrays, and the formulas that fill them."""
    rows = array_rows(entry.plan, entry.place, found.inputs if entry.plan is found.plan else ())
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    made = stage_lines(entry.plan.written[entry.place])
    return "\n".join([*(f"  {line.rstrip()}" for line in lines), "", *(f"  {line}" for line in made)])


def loops(found: Inside, entry: Entry) -> str:
    return loops_text(with_own_names(entry.plan.written[entry.place]))


def of_kernel(text: Callable[[Kernel], str]) -> Callable[[Inside, Entry], str]:
    return lambda found, entry: text(entry.plan.written[entry.place].kernel)


TEXTS: dict[str, Callable[[Inside, Entry], str]] = {
    "stages": lambda found, entry: f"kernel k{entry.number}\n{stages(found, entry)}",
    "loops": loops,
    "llvm": of_kernel(llvm_text),
    "asm": of_kernel(assembly),
}
