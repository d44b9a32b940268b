"""Bytes of a file as constant data of an object, by directives of the assembler that LLVM has in itself.

As a constant in LLVM IR 50 MB would take 2.4 s as a string and 25 s as numbers; the assembler takes 0.2 s.
"""

from __future__ import annotations

import os
from pathlib import Path

ALIGNED = 64


def included(triple: str, symbol: str, path: Path) -> str:
    """The name of a system, a name in LLVM IR, and a file ↦ IR that defines the name, `ptr @symbol`, as the bytes.

    The name stays within the object, and the bytes begin at a multiple of 64.

    >>> print(included("x86_64-apple-darwin23.0", "bytes", Path("b.bin")).splitlines()[0])
    module asm ".section __TEXT,__const"
    """
    label = symbol
    if "apple" in triple or "darwin" in triple:
        section, label = "__TEXT,__const", f"_{symbol}"  # macOS sets an underscore before every name
    elif "windows" in triple:
        section = '.rdata,"dr"'
    else:
        section = f'.rodata.{symbol},"a",@progbits'
    lines = [f".section {section}", f".balign {ALIGNED}", f"{label}:", f'.incbin "{quoted(path)}"', ".text"]
    text = [f'module asm "{in_ir(line)}"' for line in lines]
    return "\n".join([*text, f"@{symbol} = external hidden constant i8, align {ALIGNED}\n"])


def quoted(path: Path) -> str:
    """A path within quotes of the assembler, in which every unusual byte is three octal digits.

    >>> quoted(Path('a b"c'))
    'a\\\\040b\\\\042c'
    """
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
    return "".join(chr(byte) if chr(byte) in plain else f"\\{byte:03o}" for byte in os.fsencode(path))


def in_ir(text: str) -> str:
    """A text within quotes of LLVM IR.

    >>> in_ir('"\\\\n')
    '\\\\22\\\\5Cn'
    """
    return text.replace("\\", "\\5C").replace('"', "\\22")


def c_string(text: str) -> str:
    """A text ↦ its bytes in UTF-8 and a NUL, as a constant of LLVM IR.

    >>> c_string("é")
    '[3 x i8] c"\\\\C3\\\\A9\\\\00"'
    """
    numbers = [*text.encode("utf-8", "replace"), 0]
    return f'[{len(numbers)} x i8] c"' + "".join(f"\\{number:02X}" for number in numbers) + '"'
