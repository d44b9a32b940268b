"""How threads go through the phases of a run together, as LLVM IR: telling what is done, and what comes next.

**Shares.** In a phase every thread claims chunks and does them (`target.shares`), then tells how many it did by adding
them to `DONE`. The one whose addition completes the phase leads the way into the next: it does what stands between.

**What travels.** Between cores, two lines a phase: the counter of chunks done, and the results. So a thread counts its
own claims in a line of its own; it looks at others' after a while only; and a phase that follows at once upon another
needs no word at all: whoever has a chunk in hand reads in the table what comes next, and goes on when the counter says
that all is done. Those who cannot know are told, in `BUSY`'s line:

- what follows is an instruction (another begins a loop's next turn): only the leader knows where that leads;
- there were fewer chunks than threads, so somebody had none in hand;
- somebody was asleep or put aside, and another has begun his share: that is what `MISSED` says.

When a phase is over, all who were in it see alike whether the next is told of. If it is, everybody but the leader waits
for that. One that went ahead might finish the phase, lead on and tell of a later one, or end the run; then what the
first leader tells, late, would take all back to where they were.

**Nobody waits for a worker that has claimed nothing.** So one that sleeps, starts late, was put aside by the system or
has ended only makes a run slower, and a run that no worker joins is done by its caller alone. While a claimed chunk is
not told of, the run goes on: only then may a thread read the table, which ends with its program.
"""

from __future__ import annotations

from mapsto.target.instructions import ENTRY
from mapsto.target.shares import SHARES
from mapsto.target.state import (
    BUSY,
    CHUNKS,
    COUNT,
    DONE,
    LOOK,
    MISSED,
    OPENED,
    PHASE,
    ROWS,
    SCRATCH,
    SLOTS,
    START,
    at,
    field,
    get,
)

TOLD = {"slots": SLOTS, "phase": PHASE, "chunks": CHUNKS, "rows": ROWS, "start": START}  # word of a place: of the state


def tell_of(name: str) -> str:
    """LLVM IR that writes a word of a place where those outside read it."""
    return f"""{field(f"%{name}_at", TOLD[name])}
  store atomic i64 %{name}, ptr %{name}_at monotonic, align 8"""


def hear_of(name: str) -> str:
    """LLVM IR that reads it there into one's own place."""
    return f"""{field(f"%{name}_at", TOLD[name])}
  %{name} = load atomic i64, ptr %{name}_at monotonic, align 8
  {at(name)}
  store i64 %{name}, ptr %{name}_here"""


TELLING, HEARING = ("\n  ".join(word(name) for name in TOLD) for word in (tell_of, hear_of))

NEWS = f"""
; Tells those outside of the phase at a place. Only whoever leads does, and nobody goes ahead of it until it has: so one
; tells at a time. `OPENED` is odd while the words change (a "seqlock").
define internal void @tell(ptr %state, ptr %place) {{
  {get("number", *TOLD)}
  {field("%opened_at", OPENED)}
  {field("%busy_at", BUSY)}
  %opened = shl i64 %number, 1
  %closed = sub i64 %opened, 1
  store atomic i64 %closed, ptr %opened_at monotonic, align 8
  fence release
  {TELLING}
  store atomic i64 1, ptr %busy_at monotonic, align 8
  store atomic i64 %opened, ptr %opened_at release, align 8
  ret void
}}

; Fills a place with the phase that is told of ↦ false if the run is over. What was read while `OPENED` changed may be
; half of one phase and half of another: it is read again. That phase may be over: then there is nothing to claim.
define internal i1 @hear(ptr %state, ptr %place, i64 %who) {{
  {field("%opened_at", OPENED)}
  {field("%busy_at", BUSY)}
  %scratch_at = call ptr @own(ptr %state, i64 %who, i64 {SCRATCH})
  br label %look
look:
  %k = phi i64 [0, %0], [%k1, %rest]
  %opened = load atomic i64, ptr %opened_at acquire, align 8
  %odd = trunc i64 %opened to i1
  br i1 %odd, label %closed, label %read
closed:
  %busy = load atomic i64, ptr %busy_at acquire, align 8
  %on = icmp ne i64 %busy, 0
  br i1 %on, label %rest, label %over
rest:
  call void @rest(i64 %k)
  %k1 = add i64 %k, 1
  br label %look
read:
  {HEARING}
  fence acquire
  %still = load atomic i64, ptr %opened_at monotonic, align 8
  %same = icmp eq i64 %still, %opened
  br i1 %same, label %heard, label %rest
heard:
  {at("number")}
  %number = lshr i64 %opened, 1
  store i64 %number, ptr %number_here
  {at("scratch")}
  %scratch = load atomic i64, ptr %scratch_at monotonic, align 8
  store i64 %scratch, ptr %scratch_here
  ret i1 true
over:
  ret i1 false
}}

; Moves a place to the entry behind its phase, where its own next words tell what that is, if it is a phase.
define internal void @step(ptr %place) {{
  {get("number", "chunks", "start", "next_chunks", "next_rows")}
  {get("phase", kind="ptr")}
  {at("rows")}
  %number1 = add i64 %number, 1
  store i64 %number1, ptr %number_here
  %start1 = add i64 %start, %chunks
  store i64 %start1, ptr %start_here
  {field("%phase1", ENTRY, "%phase")}
  store ptr %phase1, ptr %phase_here
  store i64 %next_chunks, ptr %chunks_here
  store i64 %next_rows, ptr %rows_here
  ret void
}}

; Does what stands at a place before a phase, moves there and tells of it; or ends the run ↦ whether it goes on.
define internal i1 @open(ptr %state, ptr %place) {{
  {get("number")}
  {get("phase", "slots", "scratch", kind="ptr")}
  %found = call ptr @advance(ptr %phase, ptr %slots, ptr %scratch)
  %chunks = load i64, ptr %found
  %over = icmp eq i64 %chunks, 0
  br i1 %over, label %end, label %begin
begin:
  store ptr %found, ptr %phase_here
  {at("chunks")}
  store i64 %chunks, ptr %chunks_here
  {field("%rows_from", 1, "%found")}
  %rows = load ptr, ptr %rows_from
  {at("rows")}
  store ptr %rows, ptr %rows_here
  call void @tell(ptr %state, ptr %place)
  ret i1 true
end:
  {field("%opened_at", OPENED)}
  %next = shl i64 %number, 1
  %closed = sub i64 %next, 1
  store atomic i64 %closed, ptr %opened_at monotonic, align 8
  {field("%busy_at", BUSY)}
  store atomic i64 0, ptr %busy_at release, align 8
  ret i1 false
}}
"""

TAKE_PART = f"""
; Takes part in a run from the phase at a place on, until the run is over or what comes next is for others to say.
; %aware: whether it knows of the next phase, and waits for the end of this one. Otherwise it waits for news.
define internal void @take_part(ptr %state, ptr %place, i64 %who) {{
  {field("%opened_at", OPENED)}
  {field("%done_at", DONE)}
  {field("%missed_at", MISSED)}
  {field("%count_at", COUNT)}
  %count = load i64, ptr %count_at
  {field("%look_at", LOOK)}
  %patience = load i64, ptr %look_at
  br label %work
work:
  %look = phi i64 [%patience, %0], [%look_on, %step], [%look_told, %lead], [%look_told, %open]
  {get("number", "chunks", "start")}
  %target = add i64 %start, %chunks
  %enough = icmp uge i64 %chunks, %count                  ; else somebody has nothing to do, and knows of nothing
  %own = call i64 @do_share(ptr %state, ptr %place, i64 %who, i1 true)
  %some = icmp sgt i64 %own, 0
  br i1 %some, label %told, label %wait

told:                                                     ; the table may be read until the counter knows
  %did = phi i64 [%own, %work], [%found, %others]
  %look_told = phi i64 [%look, %work], [0, %others]
  {get("phase", kind="ptr")}
  {field("%next", ENTRY, "%phase")}
  {field("%rows_at", 1, "%next")}
  %next_chunks = load i64, ptr %next
  %next_rows = load i64, ptr %rows_at
  {at("next_chunks")}
  store i64 %next_chunks, ptr %next_chunks_here
  {at("next_rows")}
  store i64 %next_rows, ptr %next_rows_here
  %phase_next = icmp sgt i64 %next_chunks, 0
  %plain = and i1 %phase_next, %enough
  %before = atomicrmw add ptr %done_at, i64 %did acq_rel
  %now = add i64 %before, %did
  %last = icmp eq i64 %now, %target
  br i1 %last, label %lead, label %wait

lead:
  call void @step(ptr %place)
  %missed_it = load atomic i64, ptr %missed_at monotonic, align 8
  %present = icmp ne i64 %missed_it, %number
  %known = and i1 %plain, %present
  br i1 %known, label %work, label %open
open:
  %on = call i1 @open(ptr %state, ptr %place)
  br i1 %on, label %work, label %leave

wait:
  %aware = phi i1 [false, %work], [%plain, %told], [%aware, %rest], [false, %ended]
  %k = phi i64 [0, %work], [0, %told], [%k1, %rest], [%k, %ended]
  %look_on = phi i64 [%look, %work], [%look_told, %told], [%look_rest, %rest], [%look_on, %ended]
  br i1 %aware, label %end, label %news
end:
  %done = load atomic i64, ptr %done_at acquire, align 8
  %lacking = sub i64 %target, %done
  %over = icmp sle i64 %lacking, 0
  br i1 %over, label %ended, label %patient
ended:                                                    ; aware, unless the next phase is told of: then wait for that
  %missed = load atomic i64, ptr %missed_at monotonic, align 8
  %untold = icmp eq i64 %missed, %number
  br i1 %untold, label %wait, label %step
news:
  %opened = load atomic i64, ptr %opened_at acquire, align 8
  %mine = shl i64 %number, 1
  %later = icmp sgt i64 %opened, %mine
  br i1 %later, label %leave, label %patient
patient:
  %due = icmp eq i64 %k, %look_on
  br i1 %due, label %others, label %rest
others:
  %found = call i64 @do_others(ptr %state, ptr %place, i64 %who)
  %any = icmp sgt i64 %found, 0
  br i1 %any, label %told, label %rest
rest:
  %look_rest = phi i64 [%look_on, %patient], [%patience, %others]
  call void @rest(i64 %k)
  %k1 = add i64 %k, 1
  br label %wait
step:
  call void @step(ptr %place)
  br label %work
leave:
  ret void
}}
"""

TEAM = SHARES + NEWS + TAKE_PART
