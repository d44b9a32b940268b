"""Text ↦ code ↦ addresses; and what is said of a text that LLVM refuses."""

import ctypes
import gc
import threading
from pathlib import Path

import pytest

from mapsto.core.errors import CompileError
from mapsto.target import native
from mapsto.target.host import host
from mapsto.target.native import load, object_code

TWO = """
define i64 @twice(i64 %x) {
  %y = add i64 %x, %x
  ret i64 %y
}
define i64 @square(i64 %x) {
  %y = mul i64 %x, %x
  ret i64 %y
}"""
# Calls of the C library and constants in memory: far from the code, and to be found by the linker.
FAR = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare double @llvm.fma.f64(double, double, double)
define double @far(ptr %p, i64 %n) {
  call void @llvm.memset.p0.i64(ptr %p, i8 65, i64 %n, i1 false)
  %y = call double @llvm.fma.f64(double 1.25, double 3.0, double 0.1)
  ret double %y
}"""


def call(address: int, x: int) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(x)


def test_functions_of_one_text() -> None:
    found = load(TWO, ["square", "twice"])
    assert (call(found["twice"], 21), call(found["square"], 5)) == (42, 25)
    assert load(TWO, ["square", "twice"]) is found
    assert call(load(TWO, ["twice"])["twice"], 4) == 8


def test_the_same_name_in_many_texts() -> None:
    addresses = [load(f"define i64 @f(i64 %x) {{ ret i64 {n} }}", ["f"])["f"] for n in range(20)]
    assert [call(address, 0) for address in addresses] == list(range(20))


def test_what_is_far_away() -> None:
    address = load(FAR, ["far"])["far"]
    space = ctypes.create_string_buffer(1000)
    result = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p, ctypes.c_int64)(address)(ctypes.addressof(space), 999)
    assert result == 3.85 and space.raw == b"A" * 999 + b"\0"


def test_several_threads_get_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_loaded", {})
    found = []
    callers = [threading.Thread(target=lambda: found.append(load(TWO, ["twice"])["twice"])) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 8 and len(set(found)) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("define i64 @f() { ret i32 0 }", "result type"),
        ("this is no code", "expected top-level entity"),
        ("define i64 @f(i1 %c) { br i1 %c, label %a, label %a\na: %x = phi i64 [0, %0]\n ret i64 %x }", "PHI"),
    ],
    ids=["wrong type", "no code", "not verified"],
)
@pytest.mark.parametrize("kept", [True, False])
def test_a_text_that_llvm_refuses(
    text: str, reason: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSTO_CACHE", str(tmp_path / "cache") if kept else "off")
    with pytest.raises(CompileError, match=reason) as error:
        load(text, ["f"])
    rows = {name: value for name, value, _ in error.value.operands}
    path = Path(str(rows["text"]))
    assert error.value.code == "NATIVE-01" and path.read_text() == text and str(path) in str(error.value)
    assert (path.parent == tmp_path / "cache") == kept
    path.unlink()


def test_refused_texts_that_the_collector_finds_do_not_crash() -> None:
    text = "define i64 @f(i1 %c) {{ br i1 %c, label %a, label %a\na: %x = phi i64 [{}, %0]\n ret i64 %x }}"
    for number in range(20):
        with pytest.raises(RuntimeError) as error:
            native._emitted(text.format(number), host(), "emit_object")  # pyright: ignore[reportPrivateUsage]
        error.value.args = (error.value,)  # a circle, so that everything in the traceback waits for the collector
        del error
        gc.collect()


def test_a_name_that_the_text_has_not() -> None:
    with pytest.raises(CompileError, match="not_there"):
        load(TWO, ["twice", "not_there"])


@pytest.mark.parametrize("code", [b"", b"\x7fELF", b"no object at all"])
def test_what_is_no_object_does_not_crash(code: bytes) -> None:
    with pytest.raises(RuntimeError):
        native.link(code, ["twice"])


def test_an_object_cut_off_does_not_crash() -> None:
    code = object_code(TWO, host())
    for end in range(1, len(code), 41):
        with pytest.raises(RuntimeError):
            native.link(code[:end], ["twice"])
