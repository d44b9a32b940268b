"""Small kernels written by hand: what each does to its arrays, chunk by chunk, says its line."""

from collections.abc import Sequence

import numpy as np

from mapsto.target.launch import Task
from mapsto.target.native import load

START = """
  %n0 = load i64, ptr %binding
  %s0 = getelementptr ptr, ptr %slots, i64 %n0
  %a = load ptr, ptr %s0
  %a_at = getelementptr i64, ptr %a, i64 %chunk
"""
SECOND = """
  %b1 = getelementptr i64, ptr %binding, i64 1
  %n1 = load i64, ptr %b1
  %s1 = getelementptr ptr, ptr %slots, i64 %n1
  %b = load ptr, ptr %s1
"""
BODIES = {
    # a[chunk] += 1
    "count": """
  %x = load i64, ptr %a_at
  %y = add i64 %x, 1
  store i64 %y, ptr %a_at
  ret void""",
    # a[chunk] = sum of the 64 numbers of b: sees everything that an earlier phase wrote
    "total": SECOND
    + """
  br label %loop
loop:
  %i = phi i64 [0, %0], [%i1, %loop]
  %sum = phi i64 [0, %0], [%sum1, %loop]
  %at = getelementptr i64, ptr %b, i64 %i
  %x = load i64, ptr %at
  %sum1 = add i64 %sum, %x
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, 64
  br i1 %more, label %loop, label %out
out:
  store i64 %sum1, ptr %a_at
  ret void""",
    # a[chunk] = the address of the work space, after filling 4096 bytes of it with the chunk and finding them so
    "space": """
  br label %fill
fill:
  %i = phi i64 [0, %0], [%i1, %fill]
  %at = getelementptr i64, ptr %scratch, i64 %i
  store i64 %chunk, ptr %at
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, 512
  br i1 %more, label %fill, label %check
check:
  %j = phi i64 [0, %fill], [%j1, %check]
  %bad = phi i64 [0, %fill], [%bad1, %check]
  %from = getelementptr i64, ptr %scratch, i64 %j
  %x = load volatile i64, ptr %from
  %other = xor i64 %x, %chunk
  %bad1 = or i64 %bad, %other
  %j1 = add i64 %j, 1
  %again = icmp ult i64 %j1, 512
  br i1 %again, label %check, label %out
out:
  %fine = icmp eq i64 %bad1, 0
  %where = ptrtoint ptr %scratch to i64
  %told = select i1 %fine, i64 %where, i64 -1
  store i64 %told, ptr %a_at
  ret void""",
    # a[chunk] = a[chunk] stepped b (a run-time integer, no array) times through a generator of Knuth's: takes time
    "walk": SECOND
    + """
  %steps = ptrtoint ptr %b to i64
  %x = load i64, ptr %a_at
  br label %loop
loop:
  %i = phi i64 [0, %0], [%i1, %loop]
  %y = phi i64 [%x, %0], [%y2, %loop]
  %y1 = mul i64 %y, 6364136223846793005
  %y2 = add i64 %y1, 1442695040888963407
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %steps
  br i1 %more, label %loop, label %out
out:
  store i64 %y2, ptr %a_at
  ret void""",
    # a[chunk] (float64) = the partial sum of the 1000 numbers b[1000 · chunk …], from left to right
    "partial": SECOND
    + """
  %first = mul i64 %chunk, 1000
  br label %loop
loop:
  %i = phi i64 [0, %0], [%i1, %loop]
  %sum = phi double [0.0, %0], [%sum1, %loop]
  %k = add i64 %first, %i
  %at = getelementptr double, ptr %b, i64 %k
  %x = load double, ptr %at
  %sum1 = fadd double %sum, %x
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, 1000
  br i1 %more, label %loop, label %out
out:
  store double %sum1, ptr %a_at
  ret void""",
}
IR = "\n".join(
    f"define void @{name}(ptr %slots, ptr %binding, i64 %chunk, ptr %scratch) {{{START}{body}\n}}"
    for name, body in BODIES.items()
)


def task(name: str, binding: Sequence[int], chunks: int) -> Task:
    """One of the kernels above; the program's slots are [array, array, …]."""
    return Task(load(IR, list(BODIES))[name], tuple(binding), chunks)


def slots(*arrays: np.ndarray | int) -> np.ndarray:
    """Arrays ↦ the program's slots: their addresses, and numbers as they are. The caller keeps the arrays."""
    return np.array([a if isinstance(a, int) else a.ctypes.data for a in arrays], np.int64)
