"""An error is read: at most twelve lines, and the last ones say where it happened and what to do."""

import numpy as np
import pytest

from mapsto.core.errors import ShapeError


@pytest.mark.parametrize("count", [0, 1, 9, 10, 30])
def test_the_line_and_the_fix_are_never_cut(count):
    rows = tuple((f"input {i}", f"f32[{i}]", "") for i in range(count))
    lines = str(ShapeError("SHAPE-02", function="concat", operands=rows, fix="make them agree")).split("\n")
    assert len(lines) <= 12
    assert lines[-2].split() == ["line", lines[-2].split()[1]] and lines[-1].split()[0] == "fix"
    assert lines[1].split() == (["input", "0", "f32[0]"] if count else ["line", lines[1].split()[1]])
    left_out = count - sum(line.startswith("  input") for line in lines)
    assert (f"and {left_out} more" in str(lines)) == (left_out > 0)


def test_a_value_of_many_lines_takes_one():
    error = ShapeError("ARRAY-02", function="f", x="a\nb", least=1, operands=(("x", np.ones((30, 2)), ""),), fix="c\nd")
    assert len(str(error).split("\n")) <= 4


def test_a_long_value_keeps_its_beginning_and_its_end():
    error = ShapeError("ARRAY-02", function="f", x=["y" * 10_000, "end"], least=1, fix="write a word")
    first, *_, last = str(error).splitlines()
    assert len(first) < 700 and " … " in first and first.startswith("f") and "[ARRAY-02]" in first
    assert last.endswith("write a word")
