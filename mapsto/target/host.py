"""The processor that code is made for: its vectors, its registers, and the words by which LLVM knows it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from mapsto.core.errors import UsageError
from mapsto.core.lazy import optional
from mapsto.target.resident import give_back

llvm = optional("llvmlite.binding", extra="")

# Word of MAPSTO_CPU ↦ what the processor must have, the level of x86-64 that is named to LLVM, bytes, registers.
LEVELS = {
    "sse": ({"sse4.2"}, "x86-64-v2", 16, 16),
    "avx2": ({"avx2", "fma", "f16c"}, "x86-64-v3", 32, 16),
    "avx512": ({"avx512f", "avx512bw", "avx512dq", "avx512vl"}, "x86-64-v4", 64, 32),
}
# Names of kinds of x86, by which a processor may be asked for that this one need not be ↦ bytes, registers.
KINDS = {"x86-64": (16, 16), **{cpu: (width, registers) for _, cpu, width, registers in LEVELS.values()}}
NEON = 16, 32  # bytes of a register and their number, on every processor that is no x86
WHOLE = ",-prefer-256-bit"  # LLVM would use half of an AVX-512 register on some models


@dataclass(frozen=True)
class Host:
    """What code generation has to know of a processor.

    `vector_bytes` is the width of a vector register, `registers` their number; `triple`, `cpu` and `features` are
    LLVM's names for the system, the model, and the instructions it has (`+avx2`) and has not (`-avx512f`).
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int

    @property
    def fma(self) -> bool:
        """Whether it multiplies and adds with one rounding."""
        return self.vector_bytes > 16 or not is_x86(self.triple)

    @property
    def half(self) -> bool:
        """Whether it casts between float16 and float32."""
        return self.fma  # on x86, AVX2 is named only where there is F16C too


def host() -> Host:
    """The processor of this machine, or the lower one that the environment variable MAPSTO_CPU names.

    MAPSTO_CPU is "sse", "avx2" or "avx512": code is then made for any processor with these, as if this one had no more.

    Raises UsageError (NATIVE-02 for another word, NATIVE-03 if this processor has not got that).

    >>> host().vector_bytes in (16, 32, 64)
    True
    """
    return _host(os.environ.get("MAPSTO_CPU", ""))


@cache
def _host(word: str) -> Host:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()  # for directives of the assembler in a text
    triple = llvm.get_process_triple()
    found = llvm.get_host_cpu_features()
    give_back()  # to be loaded and to start it reads more than it will ever read again
    has = {name for name, there in found.items() if there}
    if word:
        return lowered(word, triple, has)
    features, (width, registers) = found.flatten(), NEON
    if is_x86(triple):
        _, _, width, registers = LEVELS[(reached(has) or ["sse"])[-1]]
    if width == 64:
        features += WHOLE
    return Host(triple, llvm.get_host_cpu_name(), features, width, registers)


def lowered(word: str, triple: str, has: set[str]) -> Host:
    """A word of MAPSTO_CPU, a system, and LLVM's names for what its processor has ↦ the processor of that kind.

    Raises UsageError (NATIVE-02, NATIVE-03).

    >>> lowered("sse", "x86_64-unknown-linux-gnu", {"sse4.2", "avx2", "fma", "f16c"}).cpu
    'x86-64-v2'
    """
    if word not in LEVELS:
        choices = ", ".join(map(repr, LEVELS))
        raise UsageError(
            "NATIVE-02", word=word, operands=(("choices", choices, ""),), fix="use one of these, or unset it"
        )
    if word not in reached(has):
        kinds = ", ".join(reached(has)) or "none of them"
        raise UsageError("NATIVE-03", word=word, operands=(("it has", kinds, ""),), fix="unset MAPSTO_CPU")
    return of_kind(triple, LEVELS[word][1])


def of_kind(triple: str, kind: str) -> Host:
    """A system and a kind of x86 ↦ any processor of that kind."""
    width, registers = KINDS[kind]
    return Host(triple, kind, WHOLE.lstrip(",") if width == 64 else "", width, registers)


def named(kind: str) -> Host:
    """A kind of processor ↦ what code for it has to know; this one need not be of that kind.

    "native" is `host()`; on a 64-bit x86 the others are its levels, "x86-64" to "x86-64-v4".

    Raises UsageError (NATIVE-05) for another word.

    >>> named("native") == host()
    True
    """
    here = host()
    choices = ("native", *(KINDS if is_x86(here.triple) else ()))
    if kind not in choices:
        rows = (("choices", ", ".join(choices), ""),)
        raise UsageError("NATIVE-05", kind=kind, operands=rows, fix="use one of these")
    return here if kind == "native" else of_kind(here.triple, kind)


def reached(has: set[str]) -> list[str]:
    """What a processor has, in LLVM's names ↦ the kinds of x86 that it is, from the lowest on.

    >>> reached({"sse4.2", "avx2", "fma", "f16c"})
    ['sse', 'avx2']
    """
    return [word for word, (needed, _, _, _) in LEVELS.items() if needed <= has]


def is_x86(triple: str) -> bool:
    """Whether a system's name is that of a 64-bit x86.

    >>> is_x86("x86_64-unknown-linux-gnu"), is_x86("aarch64-apple-darwin")
    (True, False)
    """
    return triple.startswith(("x86_64", "amd64"))
