"""Loops ↦ LLVM IR, word for word: one function for every kernel, and no pass to run over it.

What the loops say is what the machine does: they are optimised before they come here. A kernel becomes
`void name(ptr slots, ptr binding, i64 chunk, ptr scratch)`: parameter number i is `slots[binding[i]]`.
"""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.core.spec import DTYPES
from mapsto.ir.loops import Buffer, Kernel, Let, Load, Loop, Statement, Store, Value, When
from mapsto.target.host import Host, host
from mapsto.target.scribe import FLOATS, Scribe, element, text_of
from mapsto.target.words import WORDS


class Emitter(Scribe):
    """Writes one function."""

    def __init__(self, kernel: Kernel, machine: Host) -> None:
        super().__init__(machine.fma, machine.half)
        self.kernel = kernel
        self.names[kernel.chunk] = "%chunk"
        self.pointers: dict[Buffer, str] = {}
        self.block = "entry"

    def code(self) -> str:
        """What the function does, without its name. To be asked for once."""
        self.prologue()
        self.statements(self.kernel.body)
        return "\n".join(self.lines)

    def prologue(self) -> None:
        """Look up the parameters."""
        for number, parameter in enumerate(self.kernel.parameters):
            slot = self.set(f"getelementptr i64, ptr %binding, i64 {number}")
            place = self.set(f"load i64, ptr {slot}")
            where = self.set(f"getelementptr i64, ptr %slots, i64 {place}")
            if isinstance(parameter, Buffer):
                self.pointers[parameter] = self.set(f"load ptr, ptr {where}")
            else:
                self.names[parameter] = self.set(f"load i64, ptr {where}")
        for buffer in self.kernel.buffers:
            if buffer.role == "scratch":
                self.pointers[buffer] = self.set(f"getelementptr i8, ptr %scratch, i64 {buffer.offset}")

    def statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            match statement:
                case Let(value, op, args, attribute):
                    self.names[value] = WORDS[op](self, value, args, attribute)
                case Load():
                    self.names[statement.value] = self.load(statement)
                case Store():
                    self.store(statement)
                case Loop():
                    self.loop(statement)
                case When(condition, inner):
                    self.when(self.names[condition], inner)

    # memory

    def address(self, buffer: Buffer, offset: Value, shift: int) -> str:
        """Where an element is; for a vector of offsets, where every lane's element is."""
        kind = element(buffer.dtype, memory=True)
        where = self.set(
            f"getelementptr {kind}, ptr {self.pointers[buffer]}, {text_of(offset.type)} {self.names[offset]}"
        )
        if not shift:
            return where
        pointer = "ptr" if offset.type.lanes == 1 else f"<{offset.type.lanes} x ptr>"
        return self.set(f"getelementptr {kind}, {pointer} {where}, i64 {shift}")

    def load(self, statement: Load) -> str:
        value, buffer, offset = statement.value, statement.buffer, statement.offset
        kind, size = text_of(value.type, memory=True), size_of(buffer.dtype)
        where = self.address(buffer, offset, statement.shift)
        mask = None if statement.mask is None else self.names[statement.mask]
        fill = "zeroinitializer" if statement.fill is None else self.to_memory(statement.fill)
        lanes = value.type.lanes
        if offset.type.lanes > 1:
            mask = mask or ones(lanes)
            name = f"llvm.masked.gather.v{lanes}{suffix(buffer.dtype)}.v{lanes}p0"
            self.declare(f"{kind} @{name}(<{lanes} x ptr>, <{lanes} x i1>, {kind})")
            found = self.set(
                f"call {kind} @{name}(<{lanes} x ptr> align {size} {where}, <{lanes} x i1> {mask}, {kind} {fill})"
            )
        elif mask is None:
            found = self.set(f"load {kind}, ptr {where}, align {size}")
        elif lanes == 1:
            # A branchless way not to read: read something else instead.
            self.declare_text("@nothing = internal constant i64 0, align 8")
            safe = self.set(f"select i1 {mask}, ptr {where}, ptr @nothing")
            read = self.set(f"load {kind}, ptr {safe}, align {size}")
            fill = "0" if fill == "zeroinitializer" and kind.startswith("i") else fill
            found = self.set(f"select i1 {mask}, {kind} {read}, {kind} {fill}")
        else:
            name = f"llvm.masked.load.v{lanes}{suffix(buffer.dtype)}.p0"
            self.declare(f"{kind} @{name}(ptr, <{lanes} x i1>, {kind})")
            found = self.set(f"call {kind} @{name}(ptr align {size} {where}, <{lanes} x i1> {mask}, {kind} {fill})")
        return self.from_memory(found, value.type)

    def store(self, statement: Store) -> None:
        value, buffer, offset = statement.value, statement.buffer, statement.offset
        kind, size, lanes = text_of(value.type, memory=True), size_of(buffer.dtype), value.type.lanes
        where = self.address(buffer, offset, statement.shift)
        number = self.to_memory(value)
        mask = None if statement.mask is None else self.names[statement.mask]
        if offset.type.lanes > 1:
            name = f"llvm.masked.scatter.v{lanes}{suffix(buffer.dtype)}.v{lanes}p0"
            self.declare(f"void @{name}({kind}, <{lanes} x ptr>, <{lanes} x i1>)")
            mask = mask or ones(lanes)
            self.say(f"call void @{name}({kind} {number}, <{lanes} x ptr> align {size} {where}, <{lanes} x i1> {mask})")
        elif mask is None:
            self.say(f"store {kind} {number}, ptr {where}, align {size}")
        elif lanes == 1:
            raise ValueError("a scalar is stored under a condition by `When`")
        else:
            name = f"llvm.masked.store.v{lanes}{suffix(buffer.dtype)}.p0"
            self.declare(f"void @{name}({kind}, ptr, <{lanes} x i1>)")
            self.say(f"call void @{name}({kind} {number}, ptr align {size} {where}, <{lanes} x i1> {mask})")

    # control

    def loop(self, loop: Loop) -> None:
        """Tested at the end of a turn; before the first turn too, unless it is known to happen."""
        number = self.fresh()
        begin, end = self.names[loop.begin], self.names[loop.end]
        happens = begin.lstrip("-").isdigit() and end.lstrip("-").isdigit() and int(begin) < int(end)
        head, exit = f"loop{number}", f"exit{number}"
        before = self.block
        if happens:
            self.say(f"br label %{head}")
        else:
            test = self.set(f"icmp slt i64 {begin}, {end}")
            self.say(f"br i1 {test}, label %{head}, label %{exit}")
        self.open(head)
        mark = len(self.lines)
        self.names[loop.index] = f"%i{number}"
        for place, carried in enumerate(loop.carried):
            self.names[carried] = f"%c{number}_{place}"
        self.statements(loop.body)
        latch = self.block
        following = self.set(f"add nsw i64 %i{number}, {loop.step}")
        phis = [f"  %i{number} = phi i64 [ {begin}, %{before} ], [ {following}, %{latch} ]"]
        for carried, first, last in zip(loop.carried, loop.initial, loop.yielded, strict=True):
            kind = text_of(carried.type)
            pairs = f"[ {self.names[first]}, %{before} ], [ {self.names[last]}, %{latch} ]"
            phis.append(f"  {self.names[carried]} = phi {kind} {pairs}")
        self.lines[mark:mark] = phis
        more = self.set(f"icmp slt i64 {following}, {end}")
        self.say(f"br i1 {more}, label %{head}, label %{exit}")
        self.open(exit)
        for result, first, last in zip(loop.results, loop.initial, loop.yielded, strict=True):
            if happens:
                self.names[result] = self.names[last]
            else:
                pairs = f"[ {self.names[first]}, %{before} ], [ {self.names[last]}, %{latch} ]"
                self.names[result] = self.set(f"phi {text_of(result.type)} {pairs}")

    def when(self, condition: str, body: Sequence[Statement]) -> None:
        number = self.fresh()
        self.say(f"br i1 {condition}, label %then{number}, label %after{number}")
        self.open(f"then{number}")
        self.statements(body)
        self.say(f"br label %after{number}")
        self.open(f"after{number}")

    def open(self, block: str) -> None:
        self.lines.append(f"{block}:")
        self.block = block


class Module:
    """LLVM IR for a machine, of one kernel after the other; `inner` names end with the module."""

    def __init__(self, machine: Host | None = None, inner: bool = False) -> None:
        self.machine = machine or host()
        self.linkage = "internal " if inner else ""
        self.declared: dict[str, None] = {}
        self.functions: dict[str, str] = {}  # by what they do: the names

    def add(self, kernel: Kernel) -> str:
        """A kernel ↦ the name of the function that does this: its own, or that of one before."""
        emitter = Emitter(kernel, self.machine)
        code = emitter.code()
        self.declared.update(emitter.declared)
        return self.functions.setdefault(code, kernel.name)

    def text(self) -> str:
        return "\n".join([*self.declared, "", *[self.function(name, code) for code, name in self.functions.items()]])

    def function(self, name: str, code: str) -> str:
        return (
            f"define {self.linkage}void @{name}(ptr noalias %slots, ptr noalias %binding, i64 %chunk, "
            f"ptr noalias %scratch) nounwind {{\nentry:\n{code}\n  ret void\n}}\n"
        )


def module_of(
    kernels: Sequence[Kernel], machine: Host | None = None, inner: bool = False
) -> tuple[str, dict[str, str]]:
    """Kernels ↦ one module for a machine, this one if none is named, and by their names those of the functions in it.

    Kernels that do the same are one function.
    """
    module = Module(machine, inner)
    names: dict[str, str] = {}
    known: dict[int, str] = {}  # by the identity of the statements, which several kernels may have in common
    for kernel in kernels:
        if id(kernel.body) not in known:
            known[id(kernel.body)] = module.add(kernel)
        names[kernel.name] = known[id(kernel.body)]
    return module.text(), names


def size_of(dtype: str) -> int:
    """Bytes of an element."""
    return DTYPES[dtype].itemsize


def suffix(dtype: str) -> str:
    """An element type within the name of an intrinsic."""
    return dtype if dtype in FLOATS else element(dtype, memory=True)


def ones(lanes: int) -> str:
    return "splat (i1 true)" if lanes > 1 else "true"
