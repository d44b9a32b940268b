"""How threads share the phases of a run, as LLVM IR: claiming chunks, telling what is done, going on together.

**Shares.** The chunks of a phase are dealt out in order: thread t's own end before the one numbered
⌈chunks · (t + 1) / threads⌉. A thread claims its own first, then others'. As shares follow from shapes alone, a thread
meets in its own cache what it wrote there in the phase before, or read in the run before.

**What travels.** Between cores, two lines a phase: the counter of chunks done, and the results. So a thread counts its
own claims in a line of its own, where the phase's number says whether they are of this phase; it looks at others'
after a while only; and a phase that follows at once upon another needs no word at all: whoever has a chunk in hand
reads in the table what comes next, and goes on when the counter says so. Who stands between phases (another begins a
loop's next turn) or outside (asleep, put aside) is told of the next phase in `BUSY`'s line.

Nobody waits for a worker that has claimed nothing. So one that sleeps, starts late, was put aside by the system or has
ended only makes a run slower, and a run that no worker joins is done by its caller alone. While a claimed chunk is not
told of, the run goes on: only then may a thread read the table, which ends with its program.
"""

from __future__ import annotations

from mapsto.target.instructions import ENTRY
from mapsto.target.state import (
    BUSY,
    CHUNKS,
    CHUNKS_MOST,
    CLAIMED,
    COUNT,
    DONE,
    LINE,
    LOOK,
    MISSED,
    OPENED,
    OWN,
    PHASE,
    PLACE,
    ROWS,
    SCRATCH,
    SLOTS,
    START,
    field,
)

TOLD = {"slots": SLOTS, "phase": PHASE, "chunks": CHUNKS, "rows": ROWS, "start": START}  # word of a place: of the state


def get(*names: str, kind: str = "i64") -> str:
    """LLVM IR that reads words of a thread's place, each by its name."""
    lines = (f"{at(name)}\n  %{name} = load {kind}, ptr %{name}_here" for name in names)
    return "\n  ".join(lines)


def at(name: str) -> str:
    """LLVM IR that calls the address of a word of a thread's place `%NAME_here`."""
    return field(f"%{name}_here", PLACE.index(name), "%place")


def tell_of(name: str) -> str:
    return f"{field(f'%{name}_at', TOLD[name])}\n  store atomic i64 %{name}, ptr %{name}_at monotonic, align 8"


def hear_of(name: str) -> str:
    return f"""{field(f"%{name}_at", TOLD[name])}
  %{name} = load atomic i64, ptr %{name}_at monotonic, align 8
  {at(name)}
  store i64 %{name}, ptr %{name}_here"""


SHARES = f"""
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

; Claims a chunk of a share ↦ which of it, or -1 if all are claimed or the phase is over. %none is what the word would
; be with none claimed: if it is less, that is still of another phase.
define internal i64 @claim(ptr %claimed_at, i64 %none, i64 %share) {{
  br label %look
look:
  %seen = load atomic i64, ptr %claimed_at monotonic, align 8
  %ahead = sub i64 %seen, %none
  %untouched = icmp slt i64 %ahead, 0
  %claimed = select i1 %untouched, i64 0, i64 %ahead
  %some = icmp ult i64 %claimed, %share
  br i1 %some, label %try, label %nothing
try:
  %more = add i64 %claimed, 1
  %new = add i64 %none, %more
  %old = cmpxchg ptr %claimed_at, i64 %seen, i64 %new acq_rel monotonic
  %got = extractvalue {{i64, i1}} %old, 1
  br i1 %got, label %mine, label %look
mine:
  ret i64 %claimed
nothing:
  ret i64 -1
}}

; Claims and does the chunks of a share ↦ how many. Who begins another's says that its owner missed the phase.
define internal i64 @do_share(ptr %state, ptr %place, i64 %whose, i1 %own) {{
  {field("%count_at", COUNT)}
  %count = load i64, ptr %count_at
  {get("number", "chunks")}
  {get("rows", "slots", "scratch", kind="ptr")}
  %before = sub i64 %whose, 1
  %first = call i64 @share(i64 %before, i64 %chunks, i64 %count)
  %end = call i64 @share(i64 %whose, i64 %chunks, i64 %count)
  %share = sub i64 %end, %first
  %claimed_at = call ptr @own(ptr %state, i64 %whose, i64 {CLAIMED})
  %none = mul i64 %number, {CHUNKS_MOST}
  br label %next
next:
  %did = phi i64 [0, %0], [%did1, %do]
  %k = call i64 @claim(ptr %claimed_at, i64 %none, i64 %share)
  %got = icmp sge i64 %k, 0
  br i1 %got, label %whether, label %out
whether:
  %begun = icmp ne i64 %k, 0
  %fine = or i1 %own, %begun
  br i1 %fine, label %do, label %missed
missed:
  {field("%missed_at", MISSED)}
  store atomic i64 %number, ptr %missed_at monotonic, align 8
  br label %do
do:
  %i = add i64 %first, %k
  %words = mul i64 %i, {ENTRY}
  %row = getelementptr i64, ptr %rows, i64 %words
  call void @chunk(ptr %row, ptr %slots, ptr %scratch)
  %did1 = add i64 %did, 1
  br label %next
out:
  ret i64 %did
}}

; The same of all others' shares.
define internal i64 @do_others(ptr %state, ptr %place, i64 %who) {{
  {field("%count_at", COUNT)}
  %count = load i64, ptr %count_at
  br label %next
next:
  %k = phi i64 [1, %0], [%k1, %other]
  %did = phi i64 [0, %0], [%did1, %other]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %other, label %out
other:
  %turned = add i64 %who, %k
  %whose = urem i64 %turned, %count
  %found = call i64 @do_share(ptr %state, ptr %place, i64 %whose, i1 false)
  %did1 = add i64 %did, %found
  %k1 = add i64 %k, 1
  br label %next
out:
  ret i64 %did
}}
"""

NEWS = f"""
; Tells those outside of the phase at a place. Only whoever leads has something to tell, and one leads at a time.
define internal void @tell(ptr %state, ptr %place) {{
  {get("number", *TOLD)}
  {field("%opened_at", OPENED)}
  {field("%busy_at", BUSY)}
  %opened = shl i64 %number, 1
  %closed = sub i64 %opened, 1
  store atomic i64 %closed, ptr %opened_at monotonic, align 8
  fence release
  {"".join(tell_of(name) + chr(10) + "  " for name in TOLD)}store atomic i64 1, ptr %busy_at monotonic, align 8
  store atomic i64 %opened, ptr %opened_at release, align 8
  ret void
}}

; Fills a place with the phase that is told of ↦ false if the run is over.
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
  {"".join(hear_of(name) + chr(10) + "  " for name in TOLD)}fence acquire
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
; Whoever tells of a phase's last chunk leads the way into the next.
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
  %look = phi i64 [%patience, %0], [%look_on, %step], [%look_told, %lead_on], [%look_told, %outside], [%look_told, %open]
  {get("number", "chunks", "start")}
  %target = add i64 %start, %chunks
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
  %plain = icmp sgt i64 %next_chunks, 0
  %before = atomicrmw add ptr %done_at, i64 %did acq_rel
  %now = add i64 %before, %did
  %last = icmp eq i64 %now, %target
  br i1 %last, label %lead, label %wait

lead:
  %missed = load atomic i64, ptr %missed_at monotonic, align 8
  call void @step(ptr %place)
  br i1 %plain, label %lead_on, label %open
lead_on:
  %out = icmp eq i64 %missed, %number                     ; whoever had nothing to do knows of nothing, too
  %few = icmp ult i64 %chunks, %count
  %must = or i1 %out, %few
  br i1 %must, label %outside, label %work
outside:
  call void @tell(ptr %state, ptr %place)
  br label %work
open:
  %on = call i1 @open(ptr %state, ptr %place)
  br i1 %on, label %work, label %leave

wait:
  %aware = phi i1 [false, %work], [%plain, %told], [%aware, %rest]
  %k = phi i64 [0, %work], [0, %told], [%k1, %rest]
  %look_on = phi i64 [%look, %work], [%look_told, %told], [%look_rest, %rest]
  br i1 %aware, label %end, label %news
end:
  %done = load atomic i64, ptr %done_at acquire, align 8
  %lacking = sub i64 %target, %done
  %ended = icmp sle i64 %lacking, 0
  br i1 %ended, label %step, label %patient
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
