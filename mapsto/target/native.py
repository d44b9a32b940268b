"""Kernels ↦ LLVM IR text ↦ object code ↦ addresses of functions, each text compiled and linked once in a process.

LLVM's own passes are not run: the text already says what the machine is to do, and code generation alone (level 3)
takes a third of the time. llvmlite has one lock around itself, so one lock here costs nothing and keeps a fork safe.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any

from mapsto.core.errors import CompileError
from mapsto.core.lazy import optional
from mapsto.core.version import VERSION
from mapsto.ir.loops import Kernel
from mapsto.target import cache as disk
from mapsto.target.host import Host, host
from mapsto.target.llvm import module_of
from mapsto.target.resident import give_back

llvmlite_version = optional("llvmlite._version", extra="")
llvm = optional("llvmlite.binding", extra="")

OPTIONS = {"opt": 3, "reloc": "pic", "codemodel": "small"}
LONG = 100_000  # characters that LLVM takes 50 ms for; then 3 ms to give back what it held are little

_lock = threading.RLock()
_loaded: dict[tuple[bytes, tuple[str, ...]], dict[str, int]] = {}
_numbers = count()
_read = 0  # characters of texts compiled since memory was given back


def object_code(ir: str, host: Host) -> bytes:
    """LLVM IR as text ↦ the object file of its functions for a processor.

    Raises CompileError (NATIVE-01) if LLVM refuses the text, which is then written to a file that the error names.

    >>> object_code("define i64 @one() { ret i64 1 }", host())[:4] in (b"\\x7fELF", b"\\xcf\\xfa\\xed\\xfe")
    True
    """
    return _emitted(ir, host, "emit_object")


def assembly_code(ir: str, host: Host) -> str:
    """LLVM IR as text ↦ the assembly of its functions for a processor, directives and all.

    Raises CompileError (NATIVE-01) if LLVM refuses the text.

    >>> "one:" in assembly_code("define i64 @one() { ret i64 1 }", host())
    True
    """
    return _emitted(ir, host, "emit_assembly")


def _emitted(ir: str, host: Host, form: str) -> Any:
    global _read
    with _lock:
        _read += len(ir)
        try:
            # Types and constants end with the context. What is left to the collector ends in any order: after an error
            # it took the context before the module in it, and the process crashed.
            with llvm.create_context() as context, llvm.parse_assembly(ir, context) as module:
                module.verify()
                return getattr(_machine(host), form)(module)
        except RuntimeError as problem:
            raise refused(ir, problem) from problem


def load(ir: str, names: Sequence[str]) -> dict[str, int]:
    """LLVM IR as text, and names of functions that it defines ↦ their addresses in this process, for good.

    Raises CompileError (NATIVE-01) if LLVM refuses the text.

    >>> import ctypes
    >>> address = load("define i64 @twice(i64 %x) { %y = add i64 %x, %x\\n ret i64 %y }", ["twice"])["twice"]
    >>> ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(21)
    42
    """
    machine = host()
    key = key_of(ir, machine)
    with _lock:
        found = _loaded.get((key, tuple(names)))
        if found is None:
            code = disk.read(key)
            if code is None:
                code = object_code(ir, machine)
                disk.write(key, code)
            try:
                found = link(code, names)
            except RuntimeError as problem:
                raise refused(ir, problem) from problem
            _loaded[key, tuple(names)] = found
        return found


def load_kernels(kernels: Sequence[Kernel]) -> dict[str, int]:
    """Kernels ↦ the addresses of their functions, by name. Kernels that do the same have one function.

    Raises CompileError (NATIVE-01) if LLVM refuses one.

    >>> from mapsto.ir.loops_text import parse
    >>> found = load_kernels([parse(f"kernel {name}(y: out f32[1]):\\n  y[0] = 1.5") for name in ("one", "two")])
    >>> found["one"] == found["two"]
    True
    """
    if not kernels:
        return {}
    text, functions = module_of(kernels)
    addresses = load(text, [*dict.fromkeys(functions.values())])
    return {name: addresses[function] for name, function in functions.items()}


def settle() -> None:
    """Give back the memory that LLVM needed, if it has had much to do since the last time."""
    global _read
    with _lock:
        if _read >= LONG:
            give_back()
            _read = 0


def key_of(ir: str, host: Host) -> bytes:
    """All that object code depends on ↦ its key in memory and on disk."""
    versions = (VERSION, llvmlite_version.get_versions()["version"], str(llvm.llvm_version_info))
    return disk.key_of(ir, *versions, host.triple, host.cpu, host.features, str(OPTIONS))


def link(code: bytes, names: Sequence[str]) -> dict[str, int]:
    """An object file ↦ addresses of functions in it. Raises RuntimeError for what does not link."""
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in names:
        builder.export_symbol(name)
    library = builder.link(_jit(), f"mapsto-{next(_numbers)}")  # LLVM takes no name twice, even of one that is gone
    library.detach()  # stays to the end: a program may hold the address, a worker be in it while the interpreter exits
    return {name: library[name] for name in names}


def refused(ir: str, reason: Exception) -> CompileError:
    """The error about a text that LLVM refuses; the text is kept in a file."""
    rows = (("reason", reason, ""), ("text", disk.write_text(disk.key_of(ir), ir), ""))
    return CompileError("NATIVE-01", operands=rows, fix="this is a mistake in mapsto: report it with that file")


@cache
def _machine(host: Host) -> Any:
    return llvm.Target.from_triple(host.triple).create_target_machine(cpu=host.cpu, features=host.features, **OPTIONS)


@cache
def _jit() -> Any:
    """JITLink gives an object one block of memory, so that the small code model reaches from any part to any other."""
    return llvm.create_lljit_compiler(_machine(host()), use_jit_link=True)


# No other thread is inside of LLVM when this process forks: a lock that it held would stay taken in the child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
