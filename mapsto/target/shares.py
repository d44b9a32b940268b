"""How threads share the chunks of one phase, as LLVM IR: each claims its own share first, then what others have left.

The chunks of a phase are dealt out in order: thread t's own end before the one numbered ⌈chunks · (t + 1) / threads⌉.
As shares follow from shapes alone, a thread meets in its own cache what it wrote there in the phase before, or read in
the run before.

Every thread has a word `CLAIMED` that tells how many chunks of its share are claimed, and in which phase. Whoever wants
a chunk of the share, owner or not, adds 1 by compare-and-swap: so no chunk has two takers. The words only grow, and a
phase that is over has left all of them full. So a thread that comes late, with the number of a phase that is long over,
finds nothing to claim, and touches nothing of it.
"""

from __future__ import annotations

from mapsto.target.instructions import ENTRY
from mapsto.target.state import CHUNKS_MOST, CLAIMED, COUNT, LINE, MISSED, OWN, field, get

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
