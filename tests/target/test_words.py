"""Every word of the loops, for every element type and several numbers of lanes: machine code = interpreter, bit for bit.

On the processor as it is, and as if it were one without AVX-512, and one without AVX.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from mapsto.core.spec import DTYPES
from mapsto.ir import loops_words
from mapsto.ir.loops import OPS, Type
from mapsto.ir.loops_check import RULES
from mapsto.ir.loops_run import run
from mapsto.ir.loops_text import parse
from mapsto.target.host import host
from mapsto.target.words import WORDS
from tests.target.native_loops import Native, Numbers, differences, kind, kinds, operands

LANES = (16, 8, 4, 1)
KINDS = kinds()
ELEMENTWISE = [op for op in OPS if set(RULES[op].takes) <= {"T", "C"} and RULES[op].gives in "TB" and RULES[op].takes]
EXACT = ("bitcast", "select", "neg", "abs", "copysign")  # NaN with all its bits
FOLDS = [op for op in OPS if op.startswith("fold_")]


def test_every_word_has_a_rule_and_two_meanings() -> None:
    assert set(OPS) == set(RULES) == set(WORDS) == {*loops_words.PLAIN, *loops_words.MOVES}


def text_of(name: str, op: str, takes: list[Type], gives: Type, count: int, attribute: str = "") -> str:
    """A kernel that applies a word to the arrays a, b, c and writes d, as many at a time as there are lanes."""
    step = max(type.lanes for type in (*takes, gives))
    buffers = [f"{letter}: in {type.dtype}[{count}]" for letter, type in zip("abc", takes, strict=False)]
    folded = gives.lanes == 1 < step
    lines = [f"kernel {name}({', '.join(buffers)}, d: out {gives.dtype}[{count // step if folded else count}]):"]
    lines.append(f"  for i in 0..{count} step {step}:")
    lines += [
        f"    x{place}: {type} = {letter}[i]" for place, (letter, type) in enumerate(zip("abc", takes, strict=False))
    ]
    lines.append(f"    y: {gives} = {op}({', '.join(f'x{place}' for place in range(len(takes)))}{attribute})")
    lines += [f"    j: i64 = floor_divide(i, {step})", "    d[j] = y"] if folded else ["    d[i] = y"]
    return "\n".join(lines)


@cache
def inputs(dtypes: tuple[str, ...]) -> list[Numbers]:
    return operands(dtypes, 1000)


class Trial:
    """A kernel, its arrays, and what the interpreter makes of them.

    `like`: another, of more lanes, that must make the same of them; the interpreter takes long for few lanes.
    """

    def __init__(self, op: str, takes: list[Type], gives: Type, like: Trial | None = None, attribute: str = "") -> None:
        self.arrays = dict(zip("abc", inputs(tuple(type.dtype for type in takes)), strict=False))
        count = self.arrays["a"].size
        name = "_".join(map(str, (op, *takes, gives)))
        self.kernel = parse(text_of(name, op, takes, gives, count, attribute))
        self.out = np.zeros(self.kernel.buffers[-1].size, DTYPES[gives.dtype])
        self.like = like
        self.wanted: dict[bool, Numbers] = {}

    def want(self, fused: bool) -> Numbers:
        if self.like is not None:
            return self.like.want(fused)
        if fused not in self.wanted:
            self.wanted[fused] = self.out.copy()
            run(self.kernel, {**self.arrays, "d": self.wanted[fused]}, fused=fused)
        return self.wanted[fused]


@cache
def trials(op: str) -> list[Trial]:
    rule = RULES[op]
    made: list[Trial] = []
    for dtype in rule.of:
        widest = None
        for lanes in LANES:
            places = {"T": Type(dtype, lanes), "E": Type(dtype), "B": Type("bool", lanes), "C": Type("bool", lanes)}
            made.append(Trial(op, [places[letter] for letter in rule.takes], places[rule.gives], widest))
            widest = made[-1] if rule.gives != "E" and widest is None else widest
    return made


@cache
def casts(op: str, old: str) -> list[Trial]:
    size = DTYPES[old].itemsize
    others = [new for new in DTYPES if op == "cast" or (DTYPES[new].itemsize == size and "bool" not in (old, new))]
    made: list[Trial] = []
    for new in others:
        widest = Trial(op, [Type(old, LANES[0])], Type(new, LANES[0]))
        made += [widest, *(Trial(op, [Type(old, lanes)], Type(new, lanes), widest) for lanes in LANES[1:])]
    return made


def hold(found: list[Trial], word: str) -> None:
    """All trials in one module; where it fails, what went in and what came out."""
    with kind(word):
        native, fused = Native([trial.kernel for trial in found]), host().fma
    wrong: list[Any] = []
    for trial in found:
        out = trial.out.copy()
        native.run(trial.kernel.name, {**trial.arrays, "d": out})
        wanted = trial.want(fused)
        for place in differences(out, wanted, trial.kernel.name.startswith(EXACT))[:3]:
            went_in = [array[place] for array in trial.arrays.values() if array.size == out.size]
            wrong.append((trial.kernel.name, went_in, out[place], wanted[place]))
    assert not wrong, wrong[:20]


@pytest.mark.parametrize("word", KINDS)
@pytest.mark.parametrize("op", [*ELEMENTWISE, *FOLDS])
def test_words(op: str, word: str) -> None:
    hold(trials(op), word)


@pytest.mark.parametrize("word", KINDS)
@pytest.mark.parametrize("op", ["cast", "bitcast"])
@pytest.mark.parametrize("old", list(DTYPES))
def test_casts(old: str, op: str, word: str) -> None:
    hold(casts(op, old), word)
