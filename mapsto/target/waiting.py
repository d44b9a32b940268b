"""How threads wait, as LLVM IR: a pause, giving way to others, and sleeping until the bell rings."""

from __future__ import annotations

import platform
import sys

from mapsto.target.state import BELL, BUSY, SLEEPERS, STOP, field

FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98}  # number of the system call in Linux


def sleeps_natively() -> bool:
    """Whether workers sleep by a system call of Linux; elsewhere they return to Python and sleep there."""
    return sys.platform == "linux" and platform.machine() in FUTEX


def waiting(pause: str, give_way: str, native_sleep: bool) -> str:
    """One step of waiting, a step that lets others run, whether workers sleep natively ↦ LLVM IR of all that waits."""
    number = FUTEX.get(platform.machine(), 0)
    return REST.format(pause=pause, give_way=give_way) + (SLEEP.format(number=number) if native_sleep else NO_SLEEP)


# 2,000 pauses are 20 to 60 µs: more than phases usually wait, less than the system's slice of time. Where threads are
# more than cores the one waited for may need this core: waiting without giving way took ten times the work.
REST = """
; One step of waiting, the k-th.
define internal void @rest(i64 %k) {{
  %soon = icmp ult i64 %k, 2000
  br i1 %soon, label %spin, label %long
spin:
  {pause}
  ret void
long:
  {give_way}
  ret void
}}

; Some pauses, to measure how long they take.
define void @pauses(i64 %n) {{
  br label %loop
loop:
  %i = phi i64 [0, %0], [%i1, %loop]
  {pause}
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %n
  br i1 %more, label %loop, label %out
out:
  ret void
}}
"""

SLEEP = f"""
declare i64 @syscall(i64, ...)

; Sleeps until the bell rings. The caller's order is: busy, bell, look for sleepers; here: bell, sleeper, look for busy.
; So one of the two sees the other.
define internal i1 @sleep(ptr %state) {{{{
  {field("%bell_at", BELL)}
  {field("%sleepers_at", SLEEPERS)}
  {field("%busy_at", BUSY)}
  {field("%stop_at", STOP)}
  %bell = load atomic i32, ptr %bell_at seq_cst, align 4
  %n = atomicrmw add ptr %sleepers_at, i64 1 seq_cst
  %busy = load atomic i64, ptr %busy_at seq_cst, align 8
  %stop = load atomic i64, ptr %stop_at seq_cst, align 8
  %either = or i64 %busy, %stop
  %awake = icmp ne i64 %either, 0
  br i1 %awake, label %up, label %down
down:
  %heard = zext i32 %bell to i64
  %r = call i64 (i64, ...) @syscall(i64 {{number}}, ptr %bell_at, i64 128, i64 %heard, ptr null) ; FUTEX_WAIT_PRIVATE
  br label %up
up:
  %m = atomicrmw sub ptr %sleepers_at, i64 1 seq_cst
  ret i1 true
}}}}

; Wakes all workers, if any sleep.
define void @ring(ptr %state) {{{{
  {field("%bell_at", BELL)}
  {field("%sleepers_at", SLEEPERS)}
  fence seq_cst
  %old = atomicrmw add ptr %bell_at, i32 1 seq_cst
  %sleepers = load atomic i64, ptr %sleepers_at seq_cst, align 8
  %some = icmp ne i64 %sleepers, 0
  br i1 %some, label %wake, label %out
wake:
  %r = call i64 (i64, ...) @syscall(i64 {{number}}, ptr %bell_at, i64 129, i64 2147483647) ; FUTEX_WAKE_PRIVATE
  br label %out
out:
  ret void
}}}}
"""

NO_SLEEP = """
define internal i1 @sleep(ptr %state) {
  ret i1 false
}
define void @ring(ptr %state) {
  ret void
}
"""
