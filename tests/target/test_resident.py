"""What LLVM's library leaves in memory is given back, and nothing that was ever written."""

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mapsto.target import native, resident
from mapsto.target.host import host
from mapsto.target.native import load, object_code
from tests.target.test_native import TWO, call

SMAPS = Path("/proc/self/smaps")
LINUX = pytest.mark.skipif(not SMAPS.exists(), reason="no other system tells what is resident")
MIB = 2**20


def parts() -> Iterator[tuple[int, int, str, dict[str, int]]]:
    """Every part of this process's memory: first address, address behind, what it may be used for, bytes by kind."""
    for text in re.split(r"\n(?=[0-9a-f]+-)", SMAPS.read_text()):
        head, *lines = text.splitlines()
        begin, end = (int(number, 16) for number in head.split()[0].split("-"))
        sizes = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if line.endswith(" kB")}
        yield begin, end, head.split()[1], sizes


def library() -> list[tuple[int, int]]:
    return list(resident.library_pages(resident.MAPS.read_text()))


def held() -> int:
    """Bytes of what can be given back that are resident."""
    ranges = library()
    return sum(sizes["Rss"] for begin, end, _, sizes in parts() if any(a <= begin < b for a, b in ranges))


@LINUX
def test_only_what_nobody_has_written_is_given_back() -> None:
    host()
    ranges = library()
    assert sum(end - begin for begin, end in ranges) > 50 * MIB
    for begin, end, use, sizes in parts():
        if any(begin < b and a < end for a, b in ranges):
            assert "w" not in use
            assert sizes["Anonymous"] == sizes["Swap"] == 0


@LINUX
def test_it_is_given_back_and_read_again() -> None:
    object_code(TWO, host())
    assert held() > 10 * MIB
    resident.give_back()
    assert held() < MIB
    code = object_code(TWO, host())
    resident.give_back()
    assert object_code(TWO, host()) == code
    assert call(load(TWO, ["twice"])["twice"], 4) == 8


def test_while_others_compile() -> None:
    texts = [f"define i64 @f(i64 %x) {{ %y = mul i64 %x, {n}\n ret i64 %y }}" for n in range(1000, 1040)]
    found: list[int] = []
    worker = threading.Thread(target=lambda: found.extend(call(load(text, ["f"])["f"], 3) for text in texts))
    worker.start()
    while worker.is_alive():
        resident.give_back()
    worker.join()
    assert found == [3 * n for n in range(1000, 1040)]


def test_not_after_every_small_text(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    monkeypatch.setattr(native, "give_back", lambda: done.append(native._read))
    monkeypatch.setattr(native, "_read", 0)
    long = TWO + ";" * (native.LONG // 4)
    for _ in range(12):
        object_code(long, host())
        native.settle()
    assert done == [4 * len(long)] * 3


def test_files_that_are_no_libraries(tmp_path: Path) -> None:
    for data in (b"", b"\x7fELF", b"MZ" + bytes(100), b"\x7fELF\x01\x01" + bytes(100)):
        path = tmp_path / f"libLLVM{len(data)}.so"
        path.write_bytes(data)
        assert resident.read_only(str(path)) == ()
    assert resident.read_only(str(tmp_path / "libLLVM is not there")) == ()
    assert list(resident.library_pages("")) == []
    assert (
        list(resident.library_pages("7f00-7f01 r--p 00000000 fe:00 55 /lib/libc.so.6\n7f01-7f02 rw-p 0 0:0 0\n")) == []
    )


STEP = """
    import os, sys
    import numpy as np
    from bench import machine, on_mapsto
    from bench.networks import ROWS, batches, first_weights
    from bench.runner import Task

    row = ROWS["cnn-128"]
    runner = on_mapsto.make(Task(row, first_weights(row), *batches(row, pool=3)), "compile")
    machine.forget_peak()
    before = machine.memory_now()
    runner.step(0)
    most = machine.memory_peak() - before
    machine.forget_peak()
    for number in (0, 1, 2):
        runner.step(number)
    print(most, machine.memory_peak() - before)
"""


@LINUX
def test_a_first_step_needs_less_than_any_peer(tmp_path: Path) -> None:
    """PyTorch needs 89 MiB for its first steps and those after them; here with an empty cache, and with a full one."""
    names = {"PYTHONPATH": os.pathsep.join(sys.path), "MAPSTO_CACHE": str(tmp_path / "cache"), "MAPSTO_THREADS": "2"}
    for first, later in ((80, 40), (55, 45)):
        made = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(STEP)],
            env={**os.environ, **names},
            capture_output=True,
            text=True,
            check=True,
        )
        most, after = (int(number) / MIB for number in made.stdout.split())
        assert 10 < most < first
        assert 10 < after < later
