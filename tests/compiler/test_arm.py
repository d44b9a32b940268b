"""Code for ARM, made here and run nowhere: LLVM takes it, it has whole registers multiply and add, and calls nobody."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.compiler.pipeline import planned
from mapsto.ir.graph import Graph
from mapsto.target.host import Host
from mapsto.target.llvm import module_of
from mapsto.target.native import assembly_code, llvm, object_code

LINUX = Host("aarch64-unknown-linux-gnu", "neoverse-n1", "", 16, 32)
MAC = Host("arm64-apple-darwin", "apple-m1", "", 16, 32)
BEGINS = {LINUX: b"\x7fELF", MAC: b"\xcf\xfa\xed\xfe"}
AARCH64 = 183  # the machine in the head of an ELF file, at byte 18


@pytest.fixture(scope="module", autouse=True)
def arm_is_there() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        llvm.Target.from_triple(LINUX.triple)
    except RuntimeError:
        pytest.skip("this llvmlite makes no code for ARM")


def zeros(*shape: int, dtype: str = "float32") -> xp.Array:
    return xp.asarray(np.zeros(shape, dtype))


def conv_slopes() -> Graph:
    """The gradients of a convolution's kernel, bias and input."""
    x = zeros(4, 9, 9, 8)
    net: Any = nn.Conv2D(16, 3, padding="same").init(mt.key(0), x)
    return mt.graph(mt.grad(lambda pair: xp.sum(xp.tanh(pair[0](pair[1])))))((net, x)).graph


PROGRAMS = {
    "matmul": lambda: mt.graph(xp.matmul)(zeros(64, 48), zeros(48, 40)).graph,
    "softmax": lambda: mt.graph(nn.softmax)(zeros(16, 50)).graph,
    "conv_slopes": conv_slopes,
}


def text_for(machine: Host, graph: Graph) -> str:
    """The kernels of a graph, for another machine, as LLVM IR."""
    kernels = [written.kernel for written in planned(graph, machine).written.values()]
    return module_of(kernels, machine)[0]


@pytest.mark.parametrize("name", PROGRAMS)
def test_vectors_are_multiplied_and_added(name: str) -> None:
    text = text_for(LINUX, PROGRAMS[name]())
    code = object_code(text, LINUX)
    assert code[:4] == BEGINS[LINUX] and int.from_bytes(code[18:20], "little") == AARCH64
    assembly = assembly_code(text, LINUX)
    assert re.search(r"\bfmla\s+v\d+\.4s", assembly)
    assert not re.search(r"\bblr?\s", assembly)  # no function of a library is called, not even fmaf


def test_the_sum_of_a_product_stays_in_registers() -> None:
    """A large product adds up in more than half of the registers, and nowhere number by number."""
    assembly = assembly_code(text_for(LINUX, mt.graph(xp.matmul)(zeros(256, 256), zeros(256, 256)).graph), LINUX)
    sums = set(re.findall(r"\bfmla\s+(v\d+)\.4s", assembly))
    assert len(sums) > LINUX.registers // 2
    assert not re.search(r"\bfmadd\s+s", assembly)


def test_a_mac_is_told_apart() -> None:
    code = object_code(text_for(MAC, PROGRAMS["matmul"]()), MAC)
    assert code[:4] == BEGINS[MAC]
