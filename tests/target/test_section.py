"""Bytes of a file as constant data, in the object formats of the systems there are."""

from pathlib import Path

import pytest

from mapsto.target.host import Host, host, is_x86, of_kind
from mapsto.target.native import object_code
from mapsto.target.section import included

DATA = bytes(range(256)) * 3
USER = "define i8 @last() { %x = load i8, ptr getelementptr (i8, ptr @data, i64 767) ret i8 %x }"


def object_for(machine: Host, path: Path) -> bytes:
    return object_code(included(machine.triple, "data", path) + USER.replace(") ret", ")\n ret"), machine)


@pytest.mark.skipif(not is_x86(host().triple), reason="this LLVM is for another processor")
@pytest.mark.parametrize(
    ("triple", "begin"),
    [
        ("x86_64-unknown-linux-gnu", b"\x7fELF"),
        ("x86_64-apple-macosx13.0.0", b"\xcf\xfa\xed\xfe"),
        ("x86_64-pc-windows-msvc", b"\x64\x86"),
    ],
)
def test_every_system(triple: str, begin: bytes, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    found = object_for(of_kind(triple, "x86-64-v3"), path)
    assert found.startswith(begin) and found.count(DATA) == 1


def test_any_path(tmp_path: Path) -> None:
    folder = tmp_path / 'quote" \\n 网'
    folder.mkdir()
    (folder / "data").write_bytes(DATA)
    assert DATA in object_for(host(), folder / "data")
