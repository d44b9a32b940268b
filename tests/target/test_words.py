"""Every word of the loops, for every element type and several lanes: machine code = interpreter, bit for bit.

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


def text_of(name: str, op: str, takes: list[Type], gives: Type, count: int, number: int | None = None) -> str:
    """A kernel that applies a word to the arrays a, b, c and writes d, as many at a time as there are lanes."""
    step = max(type.lanes for type in (*takes, gives))
    buffers = [f"{letter}: in {type.dtype}[{count}]" for letter, type in zip("abc", takes, strict=False)]
    folded = gives.lanes == 1 < step
    lines = [f"kernel {name}({', '.join(buffers)}, d: out {gives.dtype}[{count // step if folded else count}]):"]
    lines.append(f"  for i in 0..{count} step {step}:")
    lines += [f"    x_{letter}: {type} = {letter}[i]" for letter, type in zip("abc", takes, strict=False)]
    args = [f"x_{letter}" for letter in "abc"[: len(takes)]] + ([] if number is None else [str(number)])
    lines.append(f"    y: {gives} = {op}({', '.join(args)})")
    lines += [f"    j: i64 = floor_divide(i, {step})", "    d[j] = y"] if folded else ["    d[i] = y"]
    return "\n".join(lines)


@cache
def inputs(dtypes: tuple[str, ...]) -> list[Numbers]:
    return operands(dtypes, 1000)


class Trial:
    """A kernel, its arrays, and what the interpreter makes of them.

    `like`: another, of more lanes, that must make the same of them; the interpreter takes long for few lanes.
    `number`: stands in the text as the last argument.
    """

    def __init__(
        self, op: str, takes: list[Type], gives: Type, like: Trial | None = None, number: int | None = None
    ) -> None:
        self.arrays = dict(zip("abc", inputs(tuple(type.dtype for type in takes)), strict=False))
        count = self.arrays["a"].size
        name = "_".join(map(str, (op, *takes, gives, "" if number is None else number))).replace("-", "m")
        self.kernel = parse(text_of(name, op, takes, gives, count, number))
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


@cache
def known(op: str) -> list[Trial]:
    """The second argument stands in the text."""
    found: list[Trial] = []
    for dtype in RULES[op].of:
        info = np.iinfo(DTYPES[dtype])
        numbers = {0, 1, 2, 3, 7, 8, 10, info.bits - 1, info.bits, 100, info.max, info.min}
        for number in sorted(numbers | (set() if info.min == 0 else {-1, -3, -8})):
            widest = Trial(op, [Type(dtype, 16)], Type(dtype, 16), number=number)
            found += [widest, Trial(op, [Type(dtype)], Type(dtype), widest, number)]
    return found


@pytest.mark.parametrize("word", KINDS)
@pytest.mark.parametrize("op", ["floor_divide", "remainder", "shift_left", "shift_right"])
def test_words_of_known_numbers(op: str, word: str) -> None:
    hold(known(op), word)


@pytest.mark.parametrize("word", KINDS)
@pytest.mark.parametrize(("dtype", "digits"), [("f32", 24), ("f64", 53)])
def test_fma_rounds_once(dtype: str, digits: int, word: str) -> None:
    """1 + ulp + ulp/2 - tiny, where the tiny part is lost in any sum of twice the digits: down to 1 + ulp."""
    ulp, kernel = 2.0 ** (1 - digits), parse(text_of("f", "fma", [Type(dtype, 4)] * 3, Type(dtype, 4), 4))
    x, y, z = 1 + ulp, np.array([1, 1, -1, 1]) * (1 - ulp) * ulp / 2, [1 + ulp, 1, -1 - ulp, 0]
    columns = {"a": [x] * 4, "b": y, "c": z, "d": [0] * 4}
    arrays = {name: np.array(column, DTYPES[dtype]) for name, column in columns.items()}
    with kind(word):
        Native([kernel]).run("f", arrays)
    wanted = arrays["d"].copy()
    run(kernel, {**arrays, "d": wanted})
    assert arrays["d"].tolist() == wanted.tolist() == [1 + ulp, 1, -1 - ulp, ulp / 2]
