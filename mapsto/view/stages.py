"""The stages of a kernel: every array that it fills, and the formula of its element."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mapsto.compiler.fuse import Fusion, HostStep, Stage
from mapsto.compiler.groups import Group, Member
from mapsto.compiler.kernels import Written
from mapsto.compiler.pipeline import Plan, read_by, written_by
from mapsto.compiler.rows import top_fold
from mapsto.ir.formula import Formula, Index
from mapsto.view.formulas import Indices, formula_lines

NameOf = Callable[[int], str]


def array_names(written: Written) -> NameOf:
    """The names of arrays in a kernel's loops: a3 is in memory, t4 in the work space or in registers."""
    in_memory = set(written.arrays)
    return lambda array: f"a{array}" if array in in_memory or array not in made_in(written.group) else f"t{array}"


def made_in(group: Group) -> set[int]:
    return {member.stage.array for member in group.members}


def stage_lines(written: Written) -> list[str]:
    """A kernel ↦ a line or more for every stage, in the order in which they are done."""
    name_of = array_names(written)
    return [line for member in written.group.members for line in member_lines(member, written.group, name_of)]


def member_lines(member: Member, group: Group, name_of: NameOf) -> list[str]:
    """A stage in its group. Of a sum over the rows, every chunk has a part of its own; a later stage adds these up."""
    stage = member.stage
    if member.slots is None:
        return lines_of(stage.array, stage.domain, told_formula(stage), name_of)
    fold = top_fold(stage.formula)
    assert fold is not None
    return lines_of(member.slots, stage.domain, fold, name_of, member.rows)


def told_formula(stage: Stage) -> Formula:
    """The formula of a stage; of what is made along an axis, in terms of the element before."""
    return stage.formula if stage.run is None else stage.run.told(stage.formula)


def lines_of(
    array: int,
    domain: Sequence[Index],
    formula: Formula,
    name_of: NameOf,
    rows: Index | None = None,
) -> list[str]:
    """`a3[i<8, j<4] = …`, and under it what the formula abbreviates; a sum over `rows` is one of a chunk."""
    indices = Indices(domain, rows)
    before = [] if rows is None else ["chunk"]
    places = ", ".join([*before, *(f"{indices[index]}<{index.extent}" for index in domain)])
    left = f"{name_of(array)}[{places}]" if places else name_of(array)
    first, *rest = formula_lines(formula, indices, name_of)
    return [f"{left} = {first}", *(f"    {line}" for line in rest)]


def fused_lines(fusion: Fusion) -> list[str]:
    """What the fusion leaves: the arrays that are written out, before they are put together into kernels."""
    lines: list[str] = []
    for step in fusion.steps:
        if isinstance(step, HostStep):
            made, given = (", ".join(f"a{number}" for number in side) for side in (step.outputs, step.inputs))
            lines.append(f"{made} = {step.node.primitive.name}({given}), by the host")
        else:
            lines += lines_of(step.array, step.domain, told_formula(step), lambda number: f"a{number}")
    return lines


def described(plan: Plan, names: Sequence[str]) -> dict[int, str]:
    """Array number ↦ what it is: an input by its name, what is made by the mapping or the primitive that asked."""
    known = {number: f"what step {place} makes" for place, step in enumerate(plan.steps) for number in written_by(step)}
    for step in plan.steps:
        for member in step.members if isinstance(step, Group) else ():
            if member.slots is not None:
                known[member.slots] = f"partial {told(member.stage)}"
            known[member.stage.array] = told(member.stage)
        if not isinstance(step, Group):
            where = ", by the host" if isinstance(step, HostStep) else ""
            known.update(dict.fromkeys(step.outputs, f"{step.node.primitive.name}{where}"))
    for var, name in zip(plan.graph.inputs, names, strict=False):
        known[plan.fusion.numbers[var]] = name
    return known


def told(stage: Stage) -> str:
    """What a stage's array is, in words."""
    if stage.flag is not None:
        return f"whether {stage.flag.name} is finite" if stage.flag.name else "whether indices are in range"
    if stage.node is None:
        return ""
    return " ".join(filter(None, (stage.node.primitive.name, stage.node.path and f"of {stage.node.path}")))


def array_rows(plan: Plan, place: int, names: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """A kernel's arrays: name, role, spec, and what it is."""
    written = plan.written[place]
    about, name_of = described(plan, names), array_names(written)
    made = set(written_by(written.group))
    rows: list[tuple[str, str, str, str]] = []
    for number in (*read_by(written.group), *dict.fromkeys(written_by(written.group))):
        role = "in" if number not in made else "out" if number in written.arrays else "inner"
        rows.append((name_of(number), role, str(plan.specs[number]), about.get(number, "")))
    return rows
