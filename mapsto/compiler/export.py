"""A plan ↦ one module of LLVM IR that needs nothing of this process: its kernels, and a function for C that calls them.

The function is `int NAME_run(const void *x, void *y, void *workspace)`. It does on one thread what the driver does on
many: phase after phase, chunk after chunk. All it writes to is y and the workspace, so several threads may be in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mapsto.compiler.exported_steps import DECLARED, EACH, Steps
from mapsto.compiler.frames import Frames
from mapsto.compiler.fuse import HostStep
from mapsto.compiler.memory import ALIGNED
from mapsto.compiler.pipeline import Plan
from mapsto.compiler.sequence import Sequencer
from mapsto.core.errors import UsageError
from mapsto.target.host import Host
from mapsto.target.llvm import module_of
from mapsto.target.section import included


@dataclass(frozen=True)
class Workspace:
    """Where the parts of the workspace begin, in bytes from its first multiple of 64, and how large it is in all.

    It begins with the slots: the addresses that kernels look up.
    """

    arena: int
    flags: int
    scratch: int
    size: int


class Layout:
    """A plan as a run on one thread: its frames, what is done in order, and the kernels by their numbers in tasks."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.frames = Frames(plan)
        self.kernels = [written.kernel for written in self.frames.written]
        sequencer = Sequencer(self.frames, {kernel.name: n for n, kernel in enumerate(self.kernels)}, pauses=False)
        parts = [part for part in sequencer.parts(self.frames.root) if not isinstance(part, HostStep)]
        self.parts = [*parts, *sequencer.subroutines()]
        self.flags = self.frames.flags()

    def workspace(self) -> Workspace:
        """What a run needs beside what it is given."""
        arena = aligned(8 * self.frames.count)
        flags = arena + aligned(self.frames.arena)
        scratch = flags + aligned(sum(count for _, _, count in self.flags))
        return Workspace(arena, flags, scratch, scratch + aligned(self.frames.scratch) + ALIGNED - 1)


def aligned(size: int) -> int:
    """The next multiple of 64.

    >>> aligned(0), aligned(1), aligned(64)
    (0, 64, 64)
    """
    return -(-size // ALIGNED) * ALIGNED


def stand_alone(layout: Layout, name: str, machine: Host, constants: Mapping[int, int], data: Path) -> str:
    """A plan made for a machine ↦ a module whose one visible name is the function `{name}_run`.

    The graph's first input is x, its only output y. `constants` says for each other input, by the number of its array,
    at which byte of the file `data` it begins; code generation reads that file.

    Raises UsageError (EXPORT-01) where a step has no formula.
    """
    plan = layout.plan
    refuse_host_steps(plan)
    kernels, functions = module_of(layout.kernels, machine, inner=True)
    weights = f"{name}_weights"
    steps = Steps(layout.parts, [functions[kernel.name] for kernel in layout.kernels])
    entry = "\n".join(Entry(layout, steps, weights, constants).lines())
    constant_data = included(machine.triple, weights, data) if constants else ""
    function = f"define i32 @{name}_run(ptr %x, ptr %y, ptr %workspace) nounwind {{\n{entry}\n}}\n"
    return "\n".join([constant_data, kernels, DECLARED, EACH, *steps.bindings(), *steps.subroutines(), "", function])


def refuse_host_steps(plan: Plan) -> None:
    for step in plan.steps:
        if isinstance(step, HostStep):
            given = ", ".join(str(plan.specs[number]) for number in step.inputs)
            made = ", ".join(str(plan.specs[number]) for number in step.outputs)
            operation = step.node.primitive.name
            rows = ((operation, f"{given} ↦ {made}", ""),)
            fix = f"save the net without {operation}, and let your program do it; mt.load runs the file as it is"
            raise UsageError("EXPORT-01", operation=operation, operands=rows, fix=fix)


class Entry:
    """Writes the body of the function: fill the slots, go through the steps, look at the flags."""

    def __init__(self, layout: Layout, steps: Steps, weights: str, constants: Mapping[int, int]) -> None:
        self.layout, self.steps = layout, steps
        self.plan = plan = layout.plan
        self.constants = {
            number: f"getelementptr (i8, ptr @{weights}, i64 {offset})" for number, offset in constants.items()
        }
        self.x = plan.fusion.numbers[plan.graph.inputs[0]]
        (output,) = plan.graph.outputs
        self.y = plan.fusion.numbers[output]
        self.passed = self.y == self.x or self.y in self.constants  # y is what is there already
        self.places = layout.workspace()

    def lines(self) -> Iterator[str]:
        yield "  %given = ptrtoint ptr %workspace to i64"
        yield f"  %above = add i64 %given, {ALIGNED - 1}"
        yield f"  %begin = and i64 %above, {-ALIGNED}"
        yield "  %slots = inttoptr i64 %begin to ptr"
        yield f"  %arena = getelementptr i8, ptr %slots, i64 {self.places.arena}"
        yield f"  %flags = getelementptr i8, ptr %slots, i64 {self.places.flags}"
        yield f"  %scratch = getelementptr i8, ptr %slots, i64 {self.places.scratch}"
        yield from self.fill_slots()
        yield from self.steps.main("%end")
        yield "end:"
        if self.passed:
            where = "%x" if self.y == self.x else self.constants[self.y]
            size = self.plan.specs[self.y].nbytes
            yield f"  call void @llvm.memcpy.p0.p0.i64(ptr %y, ptr {where}, i64 {size}, i1 false)"
        yield from self.look_at_flags()

    def fill_slots(self) -> Iterator[str]:
        yield from self.fill(self.x, "ptr %x")
        for number, where in self.constants.items():
            yield from self.fill(number, f"ptr {where}")
        if not self.passed:
            yield from self.fill(self.y, "ptr %y")
        for slot, offset in self.layout.frames.places():
            yield f"  %a{slot} = getelementptr i8, ptr %arena, i64 {offset}"
            yield from self.fill(slot, f"ptr %a{slot}")
        place = 0
        for _, slot, count in self.layout.flags:
            yield f"  %f{slot} = getelementptr i8, ptr %flags, i64 {place}"
            yield f"  call void @llvm.memset.p0.i64(ptr %f{slot}, i8 1, i64 {count}, i1 false)"
            yield from self.fill(slot, f"ptr %f{slot}")
            place += count
        for slot, size in self.layout.frames.sizes():
            yield from self.fill(slot, f"i64 {size}")

    def fill(self, slot: int, value: str) -> Iterator[str]:
        yield f"  %s{slot} = getelementptr i64, ptr %slots, i64 {slot}"
        yield f"  store {value}, ptr %s{slot}, align 8"

    def look_at_flags(self) -> Iterator[str]:
        """0 if all truth values hold, otherwise 1."""
        all_hold = "1"
        for byte in range(sum(count for _, _, count in self.layout.flags)):
            yield f"  %p{byte} = getelementptr i8, ptr %flags, i64 {byte}"
            yield f"  %t{byte} = load i8, ptr %p{byte}"
            yield f"  %h{byte} = and i8 {all_hold}, %t{byte}"
            all_hold = f"%h{byte}"
        yield f"  %fails = icmp eq i8 {all_hold}, 0"
        yield "  %status = zext i1 %fails to i32"
        yield "  ret i32 %status"
