"""The parts of a run ↦ LLVM IR that does them in order on one thread: what a table says to the driver, as plain code.

A jump is a jump here, and a call is a call of a function; so there are no addresses in the object that its loader would
have to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mapsto.target.instructions import Instruction, Label
from mapsto.target.launch import Part, Phase, Task

DECLARED = """
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
"""

# A kernel for each of its chunks; whether all of some truth values hold.
EACH = """
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

define internal i1 @hold(ptr %truths, i64 %count) nounwind {
entry:
  br label %turn
turn:
  %k = phi i64 [ 0, %entry ], [ %next, %holds ]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %all
look:
  %at = getelementptr i8, ptr %truths, i64 %k
  %truth = load i8, ptr %at
  %fails = icmp eq i8 %truth, 0
  br i1 %fails, label %one, label %holds
holds:
  %next = add i64 %k, 1
  br label %turn
all:
  ret i1 true
one:
  ret i1 false
}
"""


class Steps:
    """Writes what is done between the filling of the slots and the end. `functions` are those of the tasks' numbers."""

    def __init__(self, parts: Sequence[Part], functions: Sequence[str]) -> None:
        self.functions = functions
        phases = [part for part in parts if isinstance(part, Phase)]
        self.tasks = {task: n for n, task in enumerate(dict.fromkeys(task for one in phases for task in one.tasks))}
        self.labels = {part: f"at{n}" for n, part in enumerate(part for part in parts if isinstance(part, Label))}
        self.count = 0
        ends = [n for n, part in enumerate(parts) if isinstance(part, Instruction) and part.kind in ("end", "return")]
        begins = [0, *(end + 1 for end in ends)]
        self.pieces = [parts[begin:end] for begin, end in zip(begins, ends, strict=False)]

    def bindings(self) -> Iterator[str]:
        """The tables of slots that kernels look up, as constants."""
        for task, number in self.tasks.items():
            slots = ", ".join(f"i64 {slot}" for slot in task.binding)
            yield f"@binding{number} = internal constant [{len(task.binding)} x i64] [{slots}], align 8"

    def main(self, end: str) -> Iterator[str]:
        """The run itself, whose last jump is to a label."""
        yield from self.lines(self.pieces[0], end)
        yield f"  br label {end}"

    def subroutines(self) -> Iterator[str]:
        """What is called, as functions that say whether the run goes on."""
        for label, *parts in self.pieces[1:]:
            assert isinstance(label, Label)
            yield f"\ndefine internal i1 @{self.labels[label]}(ptr %slots, ptr %scratch) nounwind {{\nentry:"
            yield from self.lines(parts, "%end")
            yield "  ret i1 true\nend:\n  ret i1 false\n}"

    def lines(self, parts: Sequence[Part], end: str) -> Iterator[str]:
        """Parts in order; from where a check does not hold the run goes to its end."""
        for place, part in enumerate(parts):
            if isinstance(part, Phase):
                for task in part.tasks:
                    yield from self.task(task)
            elif isinstance(part, Label):
                yield f"  br label %{self.labels[part]}\n{self.labels[part]}:"
            elif part.kind == "choose":
                yield from self.choose(part, parts[place + 1 : place + 1 + part.b])
            else:
                yield from getattr(self, part.kind)(part, end)

    def task(self, task: Task) -> Iterator[str]:
        function, binding = self.functions[task.address], f"binding{self.tasks[task]}"
        if task.chunks == 1:
            yield f"  call void @{function}(ptr %slots, ptr @{binding}, i64 0, ptr %scratch)"
        elif task.chunks:
            yield f"  call void @each(ptr @{function}, ptr %slots, ptr @{binding}, i64 {task.chunks}, ptr %scratch)"

    # one method for every kind of instruction, as `target.instructions` tells them

    def fresh(self) -> str:
        self.count += 1
        return str(self.count)

    def slot(self, number: int, name: str) -> str:
        """A line that calls the address of a slot by a name."""
        return f"  {name} = getelementptr i64, ptr %slots, i64 {number}"

    def load(self, number: int, name: str, kind: str = "i64") -> Iterator[str]:
        """Lines that call what a slot has by a name."""
        yield self.slot(number, f"{name}.at")
        yield f"  {name} = load {kind}, ptr {name}.at"

    def fork(self, condition: str, label: str) -> Iterator[str]:
        """Go to a label where a condition holds, else on."""
        after = f"after{self.fresh()}"
        yield f"  br i1 {condition}, label {label}, label %{after}\n{after}:"

    def move(self, one: Instruction, end: str) -> Iterator[str]:
        n = self.fresh()
        yield from self.load(one.b, f"%m{n}")
        yield self.slot(one.a, f"%m{n}.to")
        yield f"  %m{n}.sum = add i64 %m{n}, {one.c}"
        yield f"  store i64 %m{n}.sum, ptr %m{n}.to"

    def set(self, one: Instruction, end: str) -> Iterator[str]:
        name = f"%s{self.fresh()}.to"
        yield self.slot(one.a, name)
        yield f"  store i64 {one.c}, ptr {name}"

    def swap(self, one: Instruction, end: str) -> Iterator[str]:
        n = self.fresh()
        yield from self.load(one.a, f"%x{n}")
        yield from self.load(one.b, f"%y{n}")
        yield f"  store i64 %y{n}, ptr %x{n}.at"
        yield f"  store i64 %x{n}, ptr %y{n}.at"

    def copy(self, one: Instruction, end: str) -> Iterator[str]:
        n = self.fresh()
        yield from self.load(one.a, f"%to{n}", "ptr")
        yield from self.load(one.b, f"%from{n}", "ptr")
        yield f"  call void @llvm.memcpy.p0.p0.i64(ptr %to{n}, ptr %from{n}, i64 {one.c}, i1 false)"

    def turn(self, one: Instruction, end: str) -> Iterator[str]:
        n = self.fresh()
        yield from self.load(one.a, f"%turns{n}")
        yield f"  %left{n} = sub i64 %turns{n}, 1"
        yield f"  store i64 %left{n}, ptr %turns{n}.at"
        yield f"  %more{n} = icmp sgt i64 %left{n}, 0"
        yield from self.fork(f"%more{n}", self.target(one))

    def jump(self, one: Instruction, end: str) -> Iterator[str]:
        yield from self.fork("true", self.target(one))

    def unless(self, one: Instruction, end: str) -> Iterator[str]:
        n = self.fresh()
        yield from self.load(one.a, f"%place{n}", "ptr")
        yield f"  %truth{n} = load i8, ptr %place{n}"
        yield f"  %none{n} = icmp eq i8 %truth{n}, 0"
        yield from self.fork(f"%none{n}", self.target(one))

    def choose(self, one: Instruction, jumps: Sequence[Part]) -> Iterator[str]:
        n = self.fresh()
        labels = [self.target(jump) for jump in jumps if isinstance(jump, Instruction)]
        cases = " ".join(f"i64 {number}, label {label}" for number, label in enumerate(labels))
        yield from self.load(one.a, f"%place{n}", "ptr")
        yield f"  %number{n} = load i64, ptr %place{n}"
        yield f"  %low{n} = call i64 @llvm.smax.i64(i64 %number{n}, i64 0)"
        yield f"  %chosen{n} = call i64 @llvm.smin.i64(i64 %low{n}, i64 {one.b - 1})"
        yield f"  switch i64 %chosen{n}, label {labels[-1]} [{cases}]\nafter{n}:"

    def call(self, one: Instruction, end: str) -> Iterator[str]:
        assert one.to is not None
        n = self.fresh()
        yield f"  %done{n} = call i1 @{self.labels[one.to]}(ptr %slots, ptr %scratch)"
        yield f"  %failed{n} = xor i1 %done{n}, true"
        yield from self.fork(f"%failed{n}", end)

    def check(self, one: Instruction, end: str) -> Iterator[str]:
        n = self.fresh()
        yield from self.load(one.a, f"%truths{n}", "ptr")
        yield f"  %hold{n} = call i1 @hold(ptr %truths{n}, i64 {one.b})"
        yield f"  %fail{n} = xor i1 %hold{n}, true"
        yield from self.fork(f"%fail{n}", end)

    def target(self, one: Instruction) -> str:
        assert one.to is not None
        return f"%{self.labels[one.to]}"
