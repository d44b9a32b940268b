"""The part of a run that is native itself: LLVM IR that leads every thread through the phases of a launch.

**A launch** is a table of entries, four words each: a phase has the number of its chunks and the address of the chunks'
table; what stands between phases is told in `target.instructions`. A chunk has four words: address of the kernel,
address of its binding, its number, 0. What the threads share stands in `target.state`, how
they share a phase in `target.shares`, how they go from phase to phase in `target.team`, how they wait in
`target.waiting`.
"""

from __future__ import annotations

import os

from mapsto.target.host import is_x86
from mapsto.target.instructions import ADVANCE, ENTRY
from mapsto.target.state import BUSY, DONE, OPENED, PLACE, SCRATCH, STOP, TAKEN, at, field
from mapsto.target.team import TEAM
from mapsto.target.waiting import waiting

NAMES = ("alone", "run", "work", "ring", "pauses")


def source(triple: str, native_sleep: bool, yields: bool = os.name == "posix") -> str:
    """The name of a system, whether its workers sleep natively, whether it has `sched_yield` ↦ the driver's LLVM IR.

    >>> "@llvm.x86.sse2.pause" in source("aarch64-unknown-linux-gnu", native_sleep=False)
    False
    """
    pause = "call void @llvm.x86.sse2.pause()" if is_x86(triple) else ""
    parts = [
        "declare void @llvm.x86.sse2.pause()" if pause else "",
        "declare i32 @sched_yield()" if yields else "",
        RUN_CHUNK + ADVANCE + ALONE + TEAM + RUN + WORK,
        waiting(pause, "call i32 @sched_yield()" if yields else pause, native_sleep),
    ]
    return "\n".join(parts).replace("@pause()", pause)


RUN_CHUNK = """
; One chunk.
define internal void @chunk(ptr %row, ptr %slots, ptr %scratch) {
  %kernel = load ptr, ptr %row
  %binding_at = getelementptr i64, ptr %row, i64 1
  %binding = load ptr, ptr %binding_at
  %number_at = getelementptr i64, ptr %row, i64 2
  %number = load i64, ptr %number_at
  call void %kernel(ptr %slots, ptr %binding, i64 %number, ptr %scratch)
  ret void
}
"""

ALONE = f"""
; The whole run on this thread.
define void @alone(ptr %program, ptr %slots, ptr %scratch) {{
  br label %phases
phases:
  %entry = phi ptr [%program, %0], [%next, %ended]
  %phase = call ptr @advance(ptr %entry, ptr %slots, ptr %scratch)
  %chunks = load i64, ptr %phase
  %over = icmp eq i64 %chunks, 0
  br i1 %over, label %out, label %begin
begin:
  %rows_at = getelementptr i64, ptr %phase, i64 1
  %rows = load ptr, ptr %rows_at
  br label %chunk
chunk:
  %i = phi i64 [0, %begin], [%i1, %chunk]
  %at = mul i64 %i, {ENTRY}
  %row = getelementptr i64, ptr %rows, i64 %at
  call void @chunk(ptr %row, ptr %slots, ptr %scratch)
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %chunks
  br i1 %more, label %chunk, label %ended
ended:
  {field("%next", ENTRY, "%phase")}
  br label %phases
out:
  ret void
}}
"""

RUN = f"""
; The whole run with the workers; on this thread alone if another one has them.
define void @run(ptr %state, ptr %program, ptr %slots, ptr %scratch) {{
  {field("%taken_at", TAKEN)}
  %scratch_at = call ptr @own(ptr %state, i64 0, i64 {SCRATCH})
  %old = cmpxchg ptr %taken_at, i64 0, i64 1 acquire monotonic
  %got = extractvalue {{i64, i1}} %old, 1
  br i1 %got, label %together, label %alone
alone:
  call void @alone(ptr %program, ptr %slots, ptr %scratch)
  ret void
together:
  store atomic ptr %scratch, ptr %scratch_at monotonic, align 8
  %place = alloca [{len(PLACE)} x i64]
  {at("slots")}
  store ptr %slots, ptr %slots_here
  {at("scratch")}
  store ptr %scratch, ptr %scratch_here
  {at("phase")}
  store ptr %program, ptr %phase_here
  {field("%opened_at", OPENED)}
  %opened = load atomic i64, ptr %opened_at monotonic, align 8
  %last = lshr i64 %opened, 1
  %number = add i64 %last, 1
  {at("number")}
  store i64 %number, ptr %number_here
  {field("%done_at", DONE)}
  %start = load atomic i64, ptr %done_at acquire, align 8
  {at("start")}
  store i64 %start, ptr %start_here
  %on = call i1 @open(ptr %state, ptr %place)
  br i1 %on, label %begun, label %end
begun:
  call void @ring(ptr %state)
  br label %part
part:
  call void @take_part(ptr %state, ptr %place, i64 0)
  %more = call i1 @hear(ptr %state, ptr %place, i64 0)
  br i1 %more, label %part, label %end
end:
  store atomic i64 0, ptr %taken_at release, align 8
  ret void
}}
"""

WORK = f"""
; The life of worker number %who. Between runs it waits for %patience pauses, then sleeps. Returns 0 at the end of it,
; 1 if it should sleep and cannot do so itself.
define i64 @work(ptr %state, i64 %who, i64 %patience) {{
  {field("%busy_at", BUSY)}
  {field("%stop_at", STOP)}
  %place = alloca [{len(PLACE)} x i64]
  br label %hear
hear:
  %on = call i1 @hear(ptr %state, ptr %place, i64 %who)
  br i1 %on, label %part, label %idle
part:
  call void @take_part(ptr %state, ptr %place, i64 %who)
  br label %hear
idle:                                                     ; between runs
  %j = phi i64 [0, %hear], [%j1, %spin], [0, %slept]
  %running = load atomic i64, ptr %busy_at acquire, align 8
  %again = icmp ne i64 %running, 0
  br i1 %again, label %hear, label %ask
ask:
  %stop = load atomic i64, ptr %stop_at acquire, align 8
  %stopped = icmp ne i64 %stop, 0
  br i1 %stopped, label %out, label %tired
tired:
  %enough = icmp uge i64 %j, %patience
  br i1 %enough, label %sleep, label %spin
spin:
  @pause()
  %j1 = add i64 %j, 1
  br label %idle
sleep:
  %could = call i1 @sleep(ptr %state)
  br i1 %could, label %slept, label %return
slept:
  br label %idle
return:
  ret i64 1
out:
  ret i64 0
}}
"""
