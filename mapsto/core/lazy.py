"""Slow and optional libraries: a stand-in that imports on first use, and says how to install what is missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from mapsto.core.errors import UsageError


class _Optional:
    """Stands for a module; the first look at one of its attributes imports it."""

    def __init__(self, module_name: str, extra: str, instead: str, parts: Sequence[str]) -> None:
        self._module_name = module_name
        self._extra = extra
        self._instead = instead
        self._parts = parts
        self._module: Any = None

    def __getattr__(self, name: str) -> Any:
        # Tools such as doctest, inspect and copy ask any object for `__wrapped__` and the like: that is not use.
        if name.startswith("_"):
            raise AttributeError(name)
        if self._module is None:
            self._module = self._import()
        return getattr(self._module, name)

    def _import(self) -> Any:
        try:
            for part in self._parts:
                importlib.import_module(f"{self._module_name}.{part}")
            return importlib.import_module(self._module_name)
        except ImportError as problem:
            what = f'"mapsto[{self._extra}]"' if self._extra else "mapsto"
            fix = f"pip install {what}" + (f", or {self._instead}" if self._instead else "")
            raise UsageError("LIB-01", library=self._module_name, reason=problem, fix=fix) from problem

    def __repr__(self) -> str:
        return f"<{self._module_name}, {'not imported yet' if self._module is None else 'imported'}>"


def optional(module_name: str, extra: str, instead: str = "", parts: Sequence[str] = ()) -> Any:
    """Name of a module ↦ a stand-in for it, imported on first use.

    `extra` is the extra of mapsto that installs the library, or "" for one that mapsto itself needs; `instead` says
    what else helps, as the end of a sentence "…, or {instead}"; `parts` are modules within a package, imported with it.
    Names that begin with an underscore cannot be reached through the stand-in. For its types, import the module
    `if TYPE_CHECKING`, and make the stand-in under `else`.

    Raises UsageError (LIB-01) with the command that installs it, at the first use and not before.

    >>> json = optional("json", extra="data")
    >>> json
    <json, not imported yet>
    >>> json.dumps([1, 2])
    '[1, 2]'
    """
    return _Optional(module_name, extra, instead, parts)


def brought(package: str, name: str, module_name: str) -> Any:
    """A name that a package has from a module not imported yet ↦ what it stands for, from now on in the package.

    Where the module is the package's own of that name, `mapsto.view` for `view`, it is the module itself.

    >>> brought("mapsto", "l2", "mapsto.compose.paths").__name__
    'l2'
    """
    module = importlib.import_module(module_name)
    found = module if module_name == f"{package}.{name}" else getattr(module, name)
    setattr(sys.modules[package], name, found)
    return found
