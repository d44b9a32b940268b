"""A plan ↦ one module of LLVM IR that needs nothing of this process: its kernels, and a function for C that calls them.

The function is `int NAME_run(const void *x, void *y, void *workspace)`. It does on one thread what the driver does on
many: phase after phase, chunk after chunk. All it writes to is y and the workspace, so several threads may be in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mapsto.compiler.fuse import HostStep
from mapsto.compiler.kernels import Written
from mapsto.compiler.memory import ALIGNED
from mapsto.compiler.pipeline import Plan
from mapsto.core.errors import UsageError
from mapsto.target.host import Host
from mapsto.target.llvm import distinct, module_text
from mapsto.target.section import included

# Call a kernel for each of its chunks.
EACH = """
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal void @each(ptr %kernel, ptr %slots, ptr %binding, i64 %chunks, ptr %scratch) nounwind {
entry:
  br label %turn
turn:
  %chunk = phi i64 [ 0, %entry ], [ %next, %turn ]
  call void %kernel(ptr %slots, ptr %binding, i64 %chunk, ptr %scratch)
  %next = add i64 %chunk, 1
  %more = icmp slt i64 %next, %chunks
  br i1 %more, label %turn, label %out
out:
  ret void
}
"""


@dataclass(frozen=True)
class Workspace:
    """Where the parts of the workspace begin, in bytes from its first multiple of 64, and how large it is in all.

    It begins with the slots: the addresses that kernels look up.
    """

    arena: int
    flags: int
    scratch: int
    size: int


def workspace_of(plan: Plan) -> Workspace:
    """A plan ↦ its workspace."""
    arena = aligned(8 * plan.slots)
    flags = arena + aligned(plan.arena)
    scratch = flags + aligned(sum(plan.specs[number].size for _, number in plan.flags))
    most = max((written.scratch for written in plan.written.values()), default=0)
    return Workspace(arena, flags, scratch, scratch + aligned(most) + ALIGNED - 1)


def aligned(size: int) -> int:
    """The next multiple of 64.

    >>> aligned(0), aligned(1), aligned(64)
    (0, 64, 64)
    """
    return -(-size // ALIGNED) * ALIGNED


def stand_alone(plan: Plan, name: str, machine: Host, constants: Mapping[int, int], data: Path) -> str:
    """A plan made for a machine ↦ a module whose one visible name is the function `{name}_run`.

    The graph's first input is x, its only output y. `constants` says for each other input, by the number of its array,
    at which byte of the file `data` it begins; code generation reads that file.

    Raises UsageError (EXPORT-01) where a step has no formula.
    """
    refuse_host_steps(plan)
    kernels = [written.kernel for written in plan.written.values()]
    functions = distinct(kernels, machine)
    made = [kernel for kernel in kernels if functions[kernel.name] == kernel.name]
    bindings = [binding_text(plan, written) for written in plan.written.values()]
    weights = f"{name}_weights"
    entry = "\n".join(Entry(plan, functions, weights, constants).lines())
    constant_data = included(machine.triple, weights, data) if constants else ""
    function = f"define i32 @{name}_run(ptr %x, ptr %y, ptr %workspace) nounwind {{\n{entry}\n}}\n"
    return "\n".join([constant_data, module_text(made, machine, inner=True), EACH, *bindings, "", function])


def refuse_host_steps(plan: Plan) -> None:
    for step in plan.steps:
        if isinstance(step, HostStep):
            given = ", ".join(str(plan.specs[number]) for number in step.inputs)
            made = ", ".join(str(plan.specs[number]) for number in step.outputs)
            operation = step.node.primitive.name
            rows = ((operation, f"{given} ↦ {made}", ""),)
            fix = f"save the net without {operation}, and let your program do it; mt.load runs the file as it is"
            raise UsageError("EXPORT-01", operation=operation, operands=rows, fix=fix)


def binding_text(plan: Plan, written: Written) -> str:
    slots = ", ".join(f"i64 {slot}" for slot in plan.binding(written))
    name = written.kernel.name
    return f"@{name}_binding = internal constant [{len(plan.binding(written))} x i64] [{slots}], align 8"


class Entry:
    """Writes the body of the function: fill the slots, call the kernels, look at the flags."""

    def __init__(self, plan: Plan, functions: Mapping[str, str], weights: str, constants: Mapping[int, int]) -> None:
        self.plan, self.functions = plan, functions
        self.constants = {
            number: f"getelementptr (i8, ptr @{weights}, i64 {offset})" for number, offset in constants.items()
        }
        self.x = plan.fusion.numbers[plan.graph.inputs[0]]
        (output,) = plan.graph.outputs
        self.y = plan.fusion.numbers[output]
        self.passed = self.y == self.x or self.y in self.constants  # y is what is there already
        self.places = workspace_of(plan)

    def lines(self) -> Iterator[str]:
        yield "  %given = ptrtoint ptr %workspace to i64"
        yield f"  %above = add i64 %given, {ALIGNED - 1}"
        yield f"  %begin = and i64 %above, {-ALIGNED}"
        yield "  %slots = inttoptr i64 %begin to ptr"
        yield f"  %arena = getelementptr i8, ptr %slots, i64 {self.places.arena}"
        yield f"  %flags = getelementptr i8, ptr %slots, i64 {self.places.flags}"
        yield f"  %scratch = getelementptr i8, ptr %slots, i64 {self.places.scratch}"
        yield from self.fill_slots()
        yield from self.call_kernels()
        if self.passed:
            where = "%x" if self.y == self.x else self.constants[self.y]
            size = self.plan.specs[self.y].nbytes
            yield f"  call void @llvm.memcpy.p0.p0.i64(ptr %y, ptr {where}, i64 {size}, i1 false)"
        yield from self.look_at_flags()

    def fill_slots(self) -> Iterator[str]:
        plan = self.plan
        yield from self.fill(self.x, "ptr %x")
        for number, where in self.constants.items():
            yield from self.fill(number, f"ptr {where}")
        if not self.passed:
            yield from self.fill(self.y, "ptr %y")
        for number, offset in plan.offsets.items():
            yield f"  %a{number} = getelementptr i8, ptr %arena, i64 {offset}"
            yield from self.fill(number, f"ptr %a{number}")
        for place, number in self.flag_places():
            yield f"  %f{number} = getelementptr i8, ptr %flags, i64 {place}"
            yield from self.fill(number, f"ptr %f{number}")
        for place, size in enumerate(plan.sizes, len(plan.specs)):
            yield from self.fill(place, f"i64 {size}")

    def fill(self, slot: int, value: str) -> Iterator[str]:
        yield f"  %s{slot} = getelementptr i64, ptr %slots, i64 {slot}"
        yield f"  store {value}, ptr %s{slot}, align 8"

    def flag_places(self) -> Iterator[tuple[int, int]]:
        """Where among the flags' bytes each array of truth values begins."""
        place = 0
        for _, number in self.plan.flags:
            yield place, number
            place += self.plan.specs[number].size

    def call_kernels(self) -> Iterator[str]:
        plan = self.plan
        for place in sorted(plan.written, key=lambda place: plan.levels[place]):
            written = plan.written[place]
            function, binding = self.functions[written.kernel.name], f"{written.kernel.name}_binding"
            if written.chunks == 1:
                yield f"  call void @{function}(ptr %slots, ptr @{binding}, i64 0, ptr %scratch)"
            else:
                given = f"ptr @{function}, ptr %slots, ptr @{binding}, i64 {written.chunks}, ptr %scratch"
                yield f"  call void @each({given})"

    def look_at_flags(self) -> Iterator[str]:
        """0 if all truth values hold, otherwise 1."""
        all_hold = "1"
        for byte in range(sum(self.plan.specs[number].size for _, number in self.plan.flags)):
            yield f"  %p{byte} = getelementptr i8, ptr %flags, i64 {byte}"
            yield f"  %t{byte} = load i8, ptr %p{byte}"
            yield f"  %h{byte} = and i8 {all_hold}, %t{byte}"
            all_hold = f"%h{byte}"
        yield f"  %fails = icmp eq i8 {all_hold}, 0"
        yield "  %status = zext i1 %fails to i32"
        yield "  ret i32 %status"
