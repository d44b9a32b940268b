"""A module imports only from a lower floor or its own package, never inside a function."""

import ast
from collections.abc import Iterator

import pytest

from tests.structure.source import modules

FACADE = "mapsto"
FLOORS = {
    "core": 0,
    "ir": 1,
    "prims": 2,
    "array": 3,
    "xp": 3,
    "random": 3,
    "transform": 4,
    "target": 4,
    "compiler": 5,
    "compose": 6,
    **dict.fromkeys(["nn", "losses", "metrics", "optim", "data", "image", "text", "audio"], 7),
    **dict.fromkeys(["train", "files", "laws", "server", "view"], 8),
    **dict.fromkeys(["cli", FACADE], 9),
    "__main__": 10,
}
# (importer, imported) of one floor. Keep it short: a pair here is a package that could not be understood alone.
# Sets of pictures decode them, as `image` does; it knows nothing of data sets. What is served is a file, and one law is
# of files.
PAIRS: set[tuple[str, str]] = {
    ("xp", "array"),
    ("random", "array"),
    ("data", "image"),
    ("server", "files"),
    ("laws", "files"),
}
# The only files that may import by name at run time: the façade, and the proxy for slow or optional libraries.
LAZY = {FACADE, "mapsto.core.lazy"}

MODULES = modules()


def package(module: str) -> str:
    """`mapsto.core.spec` ↦ `core`; `mapsto` ↦ `mapsto`."""
    return module.split(".")[1] if "." in module else module


def imported(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every import of this project in a module: its line and the package it names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, package(a.name)) for a in node.names if a.name.split(".")[0] == "mapsto")
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, package(module)  # refused below if it leaves the package
        elif isinstance(node, ast.ImportFrom) and node.module == "mapsto":
            yield from ((node.lineno, a.name if a.name in FLOORS else FACADE) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mapsto."):
            yield node.lineno, package(node.module or "")


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    mine = package(module)
    assert mine in FLOORS, f"{module}: give the package {mine!r} a floor"
    wrong = [
        f"line {line}: {mine} (floor {FLOORS[mine]}) imports {theirs} (floor {FLOORS[theirs]})"
        for line, theirs in imported(module, MODULES[module])
        if theirs != mine and FLOORS[theirs] >= FLOORS[mine] and (mine, theirs) not in PAIRS
    ]
    assert not wrong, f"{module}: {wrong}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    wrong = [
        f"line {inner.lineno}: in {function.name}"
        for function in ast.walk(MODULES[module])
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not wrong, f"{module}: {wrong}"


@pytest.mark.parametrize("module", MODULES)
def test_no_side_doors(module: str) -> None:
    """No relative import out of the own package, and imports by name at run time only where laziness lives."""
    wrong = []
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.ImportFrom) and node.level > 1:
            wrong.append(f"line {node.lineno}: a relative import out of its package")
        called = node.func if isinstance(node, ast.Call) else None
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name in ("import_module", "__import__") and module not in LAZY:
            wrong.append(f"line {node.lineno}: {name}")
    assert not wrong, f"{module}: {wrong}"


def test_only_the_command_line_and_the_facade_import_view() -> None:
    viewers = {package(m) for m, tree in MODULES.items() if any(theirs == "view" for _, theirs in imported(m, tree))}
    assert viewers <= {"view", "cli", FACADE}


def test_same_floor_pairs_are_used() -> None:
    used = {(package(m), theirs) for m, tree in MODULES.items() for _, theirs in imported(m, tree)}
    assert used >= PAIRS
