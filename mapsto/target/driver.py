"""The part of a run that is native itself: LLVM IR that leads every thread through the phases of a launch.

**A launch** is a table of entries, four words each: a phase has the number of its chunks and the address of the chunks'
table; what stands between phases is told in `target.instructions`. A chunk has four words: address of the kernel,
address of its binding, its number, 0. What the threads share stands in `target.state`, how they wait in
`target.waiting`.

**Shares.** The chunks of a phase are dealt out in order: thread t's own end before the one numbered
⌈chunks · (t + 1) / threads⌉. A thread claims its own first, then others'. As shares follow from shapes alone, a thread
meets in its own cache what it wrote there in the phase before, or read in the run before.

Nobody waits for a worker that has claimed nothing. So one that sleeps, starts late, was put aside by the system or has
ended only makes a run slower, and a run that no worker joins is done by its caller alone.
"""

from __future__ import annotations

import os

from mapsto.target.host import is_x86
from mapsto.target.instructions import ADVANCE, ENTRY
from mapsto.target.state import (
    BUSY,
    CHUNKS,
    COUNT,
    DONE,
    LEFT,
    LINE,
    OPENED,
    OWN,
    PHASE,
    ROWS,
    SCRATCH,
    SLOTS,
    STOP,
    TAKEN,
    field,
)
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
        RUN_CHUNK + ADVANCE + ALONE + OWN_GROUP + OPEN + CLAIM + RUN + WORK,
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

OWN_GROUP = f"""
; A word of a thread's own group.
define internal ptr @own(ptr %state, i64 %who, i64 %word) {{
  %groups = mul i64 %who, {LINE}
  %before = add i64 %groups, {OWN}
  %at = add i64 %before, %word
  {field("%found", "%at")}
  ret ptr %found
}}

; Where the share of a thread ends: rounded up, so that a single chunk is the caller's.
define internal i64 @share(i64 %who, i64 %chunks, i64 %count) {{
  %next = add i64 %who, 1
  %product = mul i64 %chunks, %next
  %sum = add i64 %product, %count
  %up = sub i64 %sum, 1
  %end = udiv i64 %up, %count
  ret i64 %end
}}
"""

OPEN = f"""
; Does what stands before a phase, and opens it for everybody, or ends the run there. No other thread is between a claim
; and its end here. An empty share is not written: its thread may open the next phase meanwhile. All others are there
; before the phase can end.
define internal void @open(ptr %state, ptr %entry, ptr %scratch) {{
  {field("%busy_at", BUSY)}
  {field("%slots_at", SLOTS)}
  %slots = load ptr, ptr %slots_at
  %phase = call ptr @advance(ptr %entry, ptr %slots, ptr %scratch)
  %chunks = load i64, ptr %phase
  %over = icmp eq i64 %chunks, 0
  br i1 %over, label %end, label %begin
begin:
  {field("%phase_at", PHASE)}
  store ptr %phase, ptr %phase_at
  {field("%chunks_at", CHUNKS)}
  store i64 %chunks, ptr %chunks_at
  {field("%rows_from", 1, "%phase")}
  %rows = load ptr, ptr %rows_from
  {field("%rows_at", ROWS)}
  store ptr %rows, ptr %rows_at
  {field("%done_at", DONE)}
  store atomic i64 0, ptr %done_at monotonic, align 8
  {field("%count_at", COUNT)}
  %count = load i64, ptr %count_at
  br label %deal
deal:
  %who = phi i64 [0, %begin], [%who1, %dealt]
  %first = phi i64 [0, %begin], [%last, %dealt]
  %last = call i64 @share(i64 %who, i64 %chunks, i64 %count)
  %share = sub i64 %last, %first
  %none = icmp eq i64 %share, 0
  br i1 %none, label %dealt, label %give
give:
  %left_at = call ptr @own(ptr %state, i64 %who, i64 {LEFT})
  store atomic i64 %share, ptr %left_at release, align 8  ; in order with what tells of it is enough
  br label %dealt
dealt:
  %who1 = add i64 %who, 1
  %others = icmp ult i64 %who1, %count
  br i1 %others, label %deal, label %tell
tell:
  {field("%opened_at", OPENED)}
  %opened = atomicrmw add ptr %opened_at, i64 1 seq_cst
  ret void
end:
  store atomic i64 0, ptr %busy_at release, align 8
  ret void
}}
"""

CLAIM = f"""
; Claims chunks and does them until there are none to claim, the thread's own first. Then it tells how many it has done,
; all at once, since the counter's line has to come from another core each time. Whoever tells of the last opens the
; next phase. Returns how many phases had been opened when it looked for the last time.
define internal i64 @claim(ptr %state, i64 %who) {{
  {field("%opened_at", OPENED)}
  {field("%done_at", DONE)}
  {field("%slots_at", SLOTS)}
  {field("%chunks_at", CHUNKS)}
  {field("%rows_at", ROWS)}
  {field("%phase_at", PHASE)}
  {field("%count_at", COUNT)}
  %count = load i64, ptr %count_at
  %scratch_at = call ptr @own(ptr %state, i64 %who, i64 {SCRATCH})
  br label %again
again:
  %did = phi i64 [0, %0], [%did1, %do], [0, %open]
  %opened = load atomic i64, ptr %opened_at acquire, align 8
  br label %look
look:
  %k = phi i64 [0, %again], [%k1, %other]
  %turned = add i64 %who, %k
  %whose = urem i64 %turned, %count
  %left_at = call ptr @own(ptr %state, i64 %whose, i64 {LEFT})
  %seen = load atomic i64, ptr %left_at monotonic, align 8
  %some = icmp sgt i64 %seen, 0
  br i1 %some, label %take, label %other
take:
  %left = atomicrmw sub ptr %left_at, i64 1 acq_rel
  %mine = icmp sgt i64 %left, 0
  br i1 %mine, label %do, label %other
do:
  %chunks = load i64, ptr %chunks_at
  %end = call i64 @share(i64 %whose, i64 %chunks, i64 %count)
  %i = sub i64 %end, %left
  %at = mul i64 %i, {ENTRY}
  %rows = load ptr, ptr %rows_at
  %row = getelementptr i64, ptr %rows, i64 %at
  %slots = load ptr, ptr %slots_at
  %scratch = load atomic ptr, ptr %scratch_at monotonic, align 8
  call void @chunk(ptr %row, ptr %slots, ptr %scratch)
  %did1 = add i64 %did, 1
  br label %again
tell:                                                     ; until then the phase cannot end
  %all = load i64, ptr %chunks_at
  %before = atomicrmw add ptr %done_at, i64 %did acq_rel
  %done = add i64 %before, %did
  %last = icmp eq i64 %done, %all
  br i1 %last, label %open, label %out
open:
  %phase = load ptr, ptr %phase_at
  {field("%next", ENTRY, "%phase")}
  %room = load atomic ptr, ptr %scratch_at monotonic, align 8
  call void @open(ptr %state, ptr %next, ptr %room)
  br label %again
other:
  %k1 = add i64 %k, 1
  %more = icmp ult i64 %k1, %count
  br i1 %more, label %look, label %none
none:
  %idle = icmp eq i64 %did, 0
  br i1 %idle, label %out, label %tell
out:
  ret i64 %opened
}}

; Whether a run goes on, and no phase was opened since.
define internal i1 @waits(ptr %state, i64 %since) {{
  {field("%busy_at", BUSY)}
  {field("%opened_at", OPENED)}
  %busy = load atomic i64, ptr %busy_at acquire, align 8
  %on = icmp ne i64 %busy, 0
  %opened = load atomic i64, ptr %opened_at acquire, align 8
  %same = icmp eq i64 %opened, %since
  %waits = and i1 %on, %same
  ret i1 %waits
}}
"""

RUN = f"""
; The whole run with the workers; on this thread alone if another one has them.
define void @run(ptr %state, ptr %program, ptr %slots, ptr %scratch) {{
  {field("%taken_at", TAKEN)}
  {field("%slots_at", SLOTS)}
  {field("%busy_at", BUSY)}
  %scratch_at = call ptr @own(ptr %state, i64 0, i64 {SCRATCH})
  %old = cmpxchg ptr %taken_at, i64 0, i64 1 acquire monotonic
  %got = extractvalue {{i64, i1}} %old, 1
  br i1 %got, label %together, label %alone
alone:
  call void @alone(ptr %program, ptr %slots, ptr %scratch)
  ret void
together:
  store ptr %slots, ptr %slots_at
  store atomic ptr %scratch, ptr %scratch_at monotonic, align 8
  store atomic i64 1, ptr %busy_at seq_cst, align 8
  call void @open(ptr %state, ptr %program, ptr %scratch)
  call void @ring(ptr %state)
  br label %claim
claim:
  %opened = call i64 @claim(ptr %state, i64 0)
  br label %wait
wait:
  %k = phi i64 [0, %claim], [%k1, %rest]
  %waits = call i1 @waits(ptr %state, i64 %opened)
  br i1 %waits, label %rest, label %look
rest:
  call void @rest(i64 %k)
  %k1 = add i64 %k, 1
  br label %wait
look:
  %busy = load atomic i64, ptr %busy_at acquire, align 8
  %on = icmp ne i64 %busy, 0
  br i1 %on, label %claim, label %end
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
  br label %claim
claim:
  %opened = call i64 @claim(ptr %state, i64 %who)
  br label %wait
wait:                                                     ; during a run: for the next phase
  %k = phi i64 [0, %claim], [%k1, %rest]
  %waits = call i1 @waits(ptr %state, i64 %opened)
  br i1 %waits, label %rest, label %idle
rest:
  call void @rest(i64 %k)
  %k1 = add i64 %k, 1
  br label %wait
idle:                                                     ; between runs
  %j = phi i64 [0, %wait], [%j1, %spin], [0, %slept]
  %running = load atomic i64, ptr %busy_at acquire, align 8
  %again = icmp ne i64 %running, 0
  br i1 %again, label %claim, label %ask
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
