"""Kernels at random: machine code = interpreter, of the kernel and of what its text reads as."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.ir.build import Builder
from mapsto.ir.loops import Kernel, Type
from mapsto.ir.loops_check import check_kernel
from mapsto.ir.loops_run import run
from mapsto.ir.loops_text import parse, show
from tests.target.native_loops import Native, Numbers


def chance(seed: int) -> tuple[Kernel, dict[str, Numbers]]:
    """A kernel of loops, conditions, sums and accesses, that stays within its arrays."""
    random = np.random.Generator(np.random.PCG64(seed))
    build = Builder(f"k{seed}")
    x, y = build.buffer("x", "i32", 64, "in"), build.buffer("y", "i32", 64, "out")
    n = build.size()
    wide = Type("i32", 4)

    def pick(known: list[Any]) -> Any:
        return known[random.integers(len(known))]

    def block(depth: int, numbers: list[Any], vectors: list[Any]) -> None:
        for _ in range(random.integers(2, 5)):
            place = build.op("bit_and", build.op("mul", pick(numbers), build.const(5)), build.const(31))
            choice = random.integers(8)
            word = ["add", "sub", "mul", "minimum", "bit_xor", "floor_divide"][random.integers(6)]
            if choice < 2:
                vectors.append(build.op(word, pick(vectors), pick(vectors)))
            elif choice == 2:
                numbers.append(build.op(word, pick(numbers), pick(numbers)))
            elif choice == 3:
                mask = build.op("less", pick(vectors), pick(vectors))
                vectors.append(build.load(x, place, 4, shift=int(random.integers(9)), mask=mask, fill=pick(vectors)))
            elif choice == 4:
                build.store(y, place, pick(vectors), shift=int(random.integers(9)))
            elif choice == 5 and depth < 3:
                with build.when(build.op("less", pick(numbers), pick(numbers))):
                    block(depth + 1, [*numbers], [*vectors])
            elif depth < 3:
                begin, end = [(0, 3), (2, 2), (build.const(1), n), (n, 5)][random.integers(4)]
                carried = [pick(vectors), pick(numbers), pick(vectors)]
                with build.loop(begin, end, int(random.integers(1, 3)), carried) as turn:
                    inner, within = (
                        [*vectors, turn.carried[0], turn.carried[2]],
                        [*numbers, turn.index, turn.carried[1]],
                    )
                    block(depth + 1, within, inner)
                    turn.give(pick(inner), pick(within), pick(inner))
                vectors += [turn.results[0], turn.results[2]]
                numbers.append(turn.results[1])

    block(
        0, [n, build.chunk, build.const(3)], [build.load(x, build.const(0), 4), build.const(7, wide), build.lanes(wide)]
    )
    return build.kernel(), {"x": random.integers(-9, 9, 64).astype("i4"), "y": np.zeros(64, "i4")}


def test_kernels_at_random() -> None:
    made = [chance(seed) for seed in range(150)]
    again = [parse(show(kernel)) for kernel, _ in made]
    native = Native(again)
    wrote = 0
    for (kernel, arrays), other in zip(made, again, strict=True):
        check_kernel(kernel)
        assert show(other) == show(kernel)
        for n in (0, 4):
            outs = [arrays["y"].copy() for _ in range(3)]
            native.run(kernel.name, {**arrays, "y": outs[0]}, [n], 2)
            run(kernel, {**arrays, "y": outs[1]}, [n], 2)
            run(other, {**arrays, "y": outs[2]}, [n], 2)
            assert outs[0].tolist() == outs[1].tolist() == outs[2].tolist(), show(kernel)
            wrote += outs[0].any()
    assert wrote > 150
