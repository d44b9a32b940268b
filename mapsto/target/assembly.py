"""A kernel as those below see it: as LLVM IR, and as the instructions of a processor."""

from __future__ import annotations

import re

from mapsto.ir.loops import Kernel
from mapsto.target.host import Host, host
from mapsto.target.llvm import module_of
from mapsto.target.native import assembly_code


def llvm_text(kernel: Kernel, machine: Host | None = None) -> str:
    """A kernel ↦ its LLVM IR, for a machine or for this one.

    >>> from mapsto.ir.loops_text import parse
    >>> kernel = parse("kernel one(y: out f32[1]):\\n  y[0] = 1.5")
    >>> print(llvm_text(kernel).splitlines()[-3])
      store float 0x3FF8000000000000, ptr %v5, align 4
    """
    return module_of([kernel], machine)[0]


def assembly(kernel: Kernel, machine: Host | None = None) -> str:
    """A kernel ↦ its instructions and labels, for a machine or for this one; without directives and constants.

    Raises CompileError (NATIVE-01) if LLVM refuses the kernel.

    >>> from mapsto.ir.loops_text import parse
    >>> assembly(parse("kernel one(y: out f32[1]):\\n  y[0] = 1.5")).splitlines()[0]
    'one:'
    """
    machine = machine or host()
    lines = iter(assembly_code(llvm_text(kernel, machine), machine).expandtabs(8).splitlines())
    begin = re.compile(rf"_?{kernel.name}:")  # macOS sets an underscore before every name
    for line in lines:
        if begin.match(line):
            break
    kept = [f"{kernel.name}:"]
    for line in lines:
        if re.match(r"\.?L?func_end", line.strip()):
            break
        if line.endswith(":") or re.match(r"\.?LBB", line) or not line.lstrip().startswith("."):
            kept.append(line.rstrip())
    return "\n".join(kept)
