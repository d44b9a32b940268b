"""Instructions between phases: what each does to the slots, and where a run goes on."""

from __future__ import annotations

import numpy as np
import pytest

from mapsto.target.instructions import KINDS, Instruction, Label, code
from mapsto.target.launch import Launch, Part, Phase, Task
from mapsto.target.native import load

ADD = """
define void @plus(ptr %slots, ptr %binding, i64 %chunk, ptr %scratch) {
  %number = load i64, ptr %binding
  %slot = getelementptr ptr, ptr %slots, i64 %number
  %array = load ptr, ptr %slot
  %at = getelementptr i64, ptr %array, i64 %chunk
  %x = load i64, ptr %at
  %y = add i64 %x, 1
  store i64 %y, ptr %at
  ret void
}"""


def plus(slot: int, chunks: int = 3, light: bool = False) -> Phase:
    """Add 1 to the first numbers of the array in a slot."""
    return Phase((Task(load(ADD, ["plus"])["plus"], (slot,), chunks),), light)


def after(parts: list[Part], *slots: int, small: bool = True, pause: int | None = None) -> list[int]:
    """The slots after a run."""
    array = np.array(slots, np.int64)
    Launch(parts, small=small, pause=pause).run(array)
    return array.tolist()


def test_numbers_in_slots() -> None:
    assert after([Instruction("move", 0, 1, 5)], 1, 2) == [7, 2]
    assert after([Instruction("set", 1, c=-3)], 1, 2) == [1, -3]
    assert after([Instruction("swap", 0, 1)], 1, 2) == [2, 1]
    assert len({code(kind) for kind in (*KINDS, "end")}) == len(KINDS) + 1


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("light", [True, False])
def test_turns(small: bool, light: bool) -> None:
    """Phases are done again, each time with what the slots say then."""
    array, begin = np.zeros(8, np.int64), Label()
    turn: list[Part] = [begin, plus(0, 3, light), Instruction("move", 0, 0, 8), Instruction("turn", 1, to=begin)]
    slots = after([*turn, plus(0, 1, light)], array.ctypes.data, 4, small=small)
    assert array.tolist() == [1, 2, 3, 3, 3, 1, 0, 0] and slots == [array.ctypes.data + 32, 0]


def test_copies_leave_alone_what_is_there() -> None:
    x, y = np.arange(4), np.zeros(4, np.int64)
    after([Instruction("copy", 0, 1, 24), Instruction("copy", 1, 1, 32)], y.ctypes.data, x.ctypes.data)
    assert y.tolist() == [0, 1, 2, 0] and x.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("number", "chosen"), [(0, 0), (1, 1), (2, 2), (-7, 0), (9, 2)])
def test_choices(number: int, chosen: int) -> None:
    at, found, end = np.array([number]), np.zeros(3, np.int64), Label()
    labels = [Label() for _ in found]
    parts: list[Part] = [Instruction("choose", 0, 3), *(Instruction("jump", to=label) for label in labels)]
    for place, label in enumerate(labels):
        parts += [label, plus(1 + place, 1, light=True), Instruction("jump", to=end)]
    after([*parts, end], at.ctypes.data, *(found.ctypes.data + 8 * place for place in range(3)))
    assert found.tolist() == [place == chosen for place in range(3)]


@pytest.mark.parametrize("holds", [True, False])
def test_conditions(holds: bool) -> None:
    truth, found, end = np.array([holds]), np.zeros(1, np.int64), Label()
    after([Instruction("unless", 0, to=end), plus(1, 1), end], truth.ctypes.data, found.ctypes.data)
    assert found[0] == holds
    truths = np.array([True, holds, True])
    after([Instruction("check", 0, 3), plus(1, 1), end], truths.ctypes.data, found.ctypes.data)
    assert found[0] == 2 * holds


def test_calls_return_behind_themselves() -> None:
    found, routine = np.zeros(1, np.int64), Label()
    call = Instruction("call", 1, to=routine)
    after(
        [call, call, plus(0, 1), Instruction("end"), routine, plus(0, 1), Instruction("return", 1)],
        found.ctypes.data,
        0,
    )
    assert found[0] == 3


@pytest.mark.parametrize("small", [True, False])
def test_pauses(small: bool) -> None:
    """A run that pauses goes on where it was, as often as need be."""
    array, begin = np.zeros(1, np.int64), Label()
    parts: list[Part] = [begin, plus(0, 1), Instruction("pause", 2, 10), Instruction("turn", 1, to=begin)]
    launch = Launch(parts, small=small, pause=2)
    launch.slice = 15
    slots = np.array([array.ctypes.data, 1000, 0, 0], np.int64)
    launch.run(slots)
    assert array[0] == 1000 and slots[1] == 0 and slots[3] == 0
