"""Native functions as builtins of Python: called in 0.1 µs, with the lock held, where ctypes takes 0.3 more.

A builtin is a C function of Python objects. So each native function gets one around it, in LLVM IR, that takes integers
for its words: documented parts of Python's C interface, which the process itself has.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

NEEDED = ("PyLong_AsVoidPtr", "Py_IncRef", "_Py_NoneStruct", "PyCFunction_NewEx")
FASTCALL = 0x80  # METH_FASTCALL: the arguments come as an array of objects

DECLARED = """
declare ptr @PyLong_AsVoidPtr(ptr)
declare void @Py_IncRef(ptr)
@_Py_NoneStruct = external global i8
"""


class Method(ctypes.Structure):
    """PyMethodDef. It must stay for as long as the builtin does."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("about", ctypes.c_char_p),
    )


_methods: list[Method] = []


def available() -> bool:
    """Whether this Python has builtins of that kind, and its process the names that they need."""
    return sys.implementation.name == "cpython" and all(hasattr(ctypes.pythonapi, name) for name in NEEDED)


def source(name: str, function: str, words: int) -> str:
    """LLVM IR of the C function `name` around a native function of so many words, which returns nothing."""
    lines: list[str] = []
    for i in range(words):
        lines.append(f"%at{i} = getelementptr ptr, ptr %args, i64 {i}")
        lines.append(f"%object{i} = load ptr, ptr %at{i}")
        lines.append(f"%word{i} = call ptr @PyLong_AsVoidPtr(ptr %object{i})")
    given = ", ".join(f"ptr %word{i}" for i in range(words))
    lines.append(f"call void @{function}({given})")
    lines.append("call void @Py_IncRef(ptr @_Py_NoneStruct)")
    body = "\n  ".join(lines)
    return f"define ptr @{name}(ptr %self, ptr %args, i64 %count) {{\n  {body}\n  ret ptr @_Py_NoneStruct\n}}\n"


def builtin(name: str, address: int) -> Callable[..., Any]:
    """The address of such a C function ↦ the builtin. It takes integers, as many as words, and checks nothing.

    >>> from mapsto.target.native import load
    >>> native = "define void @put(ptr %at, ptr %word) {\\n store ptr %word, ptr %at\\n ret void\\n}\\n"
    >>> put = builtin("put_it", load(DECLARED + native + source("put_it", "put", 2), ["put_it"])["put_it"])
    >>> place = ctypes.c_int64()
    >>> put(ctypes.addressof(place), 42), place.value
    (None, 42)
    """
    method = Method(name.encode(), address, FASTCALL, None)
    _methods.append(method)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
    return make(ctypes.addressof(method), None, None)
