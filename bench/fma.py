"""The peak of the machine: nothing but fused multiply-adds in registers, on as many threads as the frameworks have.

A loop in LLVM IR with enough independent sums to hide the latency: 2 units × 4 or 5 cycles need 8 to 10.
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor

import llvmlite
import numpy as np
from llvmlite import binding as llvm

from bench.networks import Arrays
from bench.runner import Task

SUMS = 12
ROUNDS = 5_000_000  # about 20 ms a call


def lanes() -> int:
    """Floats in the widest vector of this machine."""
    features = llvm.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8 if features.get("avx") else 4


def versions() -> dict[str, str]:
    return {"llvmlite": llvmlite.__version__}


def loop_text(width: int, sums: int = SUMS) -> str:
    """LLVM IR of `float peak(rounds, a, b)`: in every round, each of the sums becomes sum·a + b.

    >>> print("\\n".join(loop_text(4, sums=1).splitlines()[8:11]))
      %i = phi i64 [0, %entry], [%next, %loop]
      %s0 = phi <4 x float> [%b, %entry], [%t0, %loop]
      %t0 = call <4 x float> @llvm.fma.v4f32(<4 x float> %s0, <4 x float> %a, <4 x float> %b)
    """
    vector = f"<{width} x float>"
    fma = f"@llvm.fma.v{width}f32"

    def spread(name: str) -> list[str]:
        one = f"insertelement {vector} poison, float %{name}0, i32 0"
        all_ = f"shufflevector {vector} %{name}1, {vector} poison, <{width} x i32> zeroinitializer"
        return [f"  %{name}1 = {one}", f"  %{name} = {all_}"]

    lines = ["define float @peak(i64 %rounds, float %a0, float %b0) {", "entry:", *spread("a"), *spread("b")]
    lines += ["  br label %loop", "loop:", "  %i = phi i64 [0, %entry], [%next, %loop]"]
    lines += [f"  %s{k} = phi {vector} [%b, %entry], [%t{k}, %loop]" for k in range(sums)]
    lines += [f"  %t{k} = call {vector} {fma}({vector} %s{k}, {vector} %a, {vector} %b)" for k in range(sums)]
    lines += ["  %next = add i64 %i, 1", "  %more = icmp ult i64 %next, %rounds"]
    lines += ["  br i1 %more, label %loop, label %done", "done:"]
    total = "%t0"
    for k in range(1, sums):
        lines.append(f"  %u{k} = fadd {vector} {total}, %t{k}")
        total = f"%u{k}"
    lines += [f"  %first = extractelement {vector} {total}, i32 0", "  ret float %first", "}"]
    return "\n".join([*lines, f"declare {vector} {fma}({vector}, {vector}, {vector})"])


class Loop:
    """The loop on every thread at once; a step is one call on each. ctypes releases Python's lock meanwhile."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.width = lanes()
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten() + ",-prefer-256-bit", opt=3
        )
        module = llvm.parse_assembly(loop_text(self.width))
        module.verify()
        self.engine = llvm.create_mcjit_compiler(module, target)
        self.engine.finalize_object()
        kind = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64, ctypes.c_float, ctypes.c_float)
        self.call = kind(self.engine.get_function_address("peak"))
        self.threads = int(os.environ["OMP_NUM_THREADS"])
        self.others = ThreadPoolExecutor(max(1, self.threads - 1))

    @property
    def flops(self) -> int:
        """Of one step, on all threads; a multiplication and an addition are two."""
        return 2 * self.threads * self.width * SUMS * ROUNDS

    def restart(self) -> None:
        """Nothing is kept."""

    def step(self, number: int) -> float:
        begun = [self.others.submit(self.call, ROUNDS, 0.5, 1.0) for _ in range(self.threads - 1)]
        return self.call(ROUNDS, 0.5, 1.0) + sum(one.result() for one in begun)

    def wait(self) -> None:
        """Every step waits for its threads."""

    def numbers(self, found: float) -> np.ndarray:
        return np.asarray(found)

    def weights(self) -> Arrays:
        return {}


def make(task: Task, variant: str) -> Loop:
    return Loop()
