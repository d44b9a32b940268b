"""The loop that measures the machine's peak does the arithmetic that it is counted for."""

import re

import pytest

from bench import fma


@pytest.mark.parametrize("threads", [1, 2])
def test_the_sums_are_sums(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the sums becomes sum/2 + 1, in three rounds from 1: 1.5, 1.75, 1.875."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    monkeypatch.setattr(fma, "ROUNDS", 3)
    loop = fma.Loop()
    assert loop.step(0) == threads * fma.SUMS * 1.875
    assert loop.flops == 2 * threads * loop.width * fma.SUMS * 3


@pytest.mark.parametrize("width", [4, 8, 16])
def test_every_sum_is_one_instruction_a_round(width: int) -> None:
    body = fma.loop_text(width).partition("loop:\n")[2].partition("done:")[0]
    assert len(re.findall(r"call <\d+ x float> @llvm.fma", body)) == fma.SUMS
