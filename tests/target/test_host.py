"""The processor, as it is and as lower ones."""

import os
import subprocess
import sys

import pytest

from mapsto.core.errors import UsageError
from mapsto.target import host as hosts
from mapsto.target.host import Host, host, is_x86
from mapsto.target.native import _machine, llvm

ADD = """
define void @add(ptr %p) {
  %x = load <16 x float>, ptr %p, align 4
  %y = fadd <16 x float> %x, %x
  store <16 x float> %y, ptr %p, align 4
  ret void
}"""
x86 = pytest.mark.skipif(not is_x86(host().triple), reason="this processor is no x86")


def assembly(machine: Host) -> str:
    return _machine(machine).emit_assembly(llvm.parse_assembly(ADD))


def test_this_processor() -> None:
    found = host()
    assert found is host() and found.cpu and found.triple
    assert (found.vector_bytes, found.registers) in {(64, 32), (32, 16), (16, 16), (16, 32)}


@x86
@pytest.mark.parametrize(
    ("word", "size", "registers", "uses", "avoids"),
    [("sse", 16, 16, "xmm", "ymm"), ("avx2", 32, 16, "ymm", "zmm"), ("avx512", 64, 32, "zmm", "ymm")],
)
def test_a_lower_one(
    word: str, size: int, registers: int, uses: str, avoids: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAPSTO_CPU", raising=False)
    if host().vector_bytes < size:
        pytest.skip(f"this processor has not got {word}")
    monkeypatch.setenv("MAPSTO_CPU", word)
    found = host()
    assert (found.vector_bytes, found.registers) == (size, registers)
    text = assembly(found)
    assert uses in text and avoids not in text


@x86
def test_whole_registers_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """On models for which LLVM would keep to half of an AVX-512 register."""
    monkeypatch.delenv("MAPSTO_CPU", raising=False)
    if host().vector_bytes < 64:
        pytest.skip("this processor has not got AVX-512")
    assert host().features.endswith(",-prefer-256-bit")
    assert "zmm" in assembly(Host(host().triple, "skylake-avx512", host().features, 64, 32))


@x86
def test_a_processor_with_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first x86-64: neither AVX nor SSE4; and asked for more than it has."""
    llvm.initialize_native_target()
    monkeypatch.setattr(llvm._import(), "get_host_cpu_features", lambda: FewFeatures())
    found = hosts._host.__wrapped__("")
    assert (found.vector_bytes, found.registers) == (16, 16)
    with pytest.raises(UsageError, match="none of that kind") as error:
        hosts._host.__wrapped__("avx2")
    assert error.value.code == "NATIVE-03"


class FewFeatures(dict[str, bool]):
    def flatten(self) -> str:
        return "+sse2"


@pytest.mark.parametrize("word", ["AVX2", "neon", "avx"])
def test_no_kind_of_processor(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTO_CPU", word)
    with pytest.raises(UsageError) as error:
        host()
    assert error.value.code == "NATIVE-02" and "'avx2'" in str(error.value)


def test_llvm_is_loaded_when_it_is_needed() -> None:
    code = "import sys, mapsto as mt; mt.threads(2); assert 'llvmlite' not in sys.modules, 'loaded'"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
