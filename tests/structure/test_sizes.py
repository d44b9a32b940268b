"""Files and functions stay small enough to be read in one sitting; the total is printed (`pytest -s`)."""

import ast
from statistics import median

import pytest

from tests.structure.source import PACKAGE, ROOT, modules

FILE, MEDIAN, FUNCTION = 400, 200, 60

LINES = {
    str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
    for folder in (PACKAGE, ROOT / "tests")
    for path in sorted(folder.rglob("*.py"))
}


@pytest.mark.parametrize("path", LINES)
def test_file(path: str) -> None:
    assert LINES[path] <= FILE, f"{path} has {LINES[path]} lines: one subject a file"


def test_median_and_total() -> None:
    sizes = [count for path, count in LINES.items() if path.startswith("mapsto/")]
    print(f"mapsto: {sum(sizes)} lines in {len(sizes)} files, median {median(sizes):g}, largest {max(sizes)}")
    assert median(sizes) < MEDIAN


def test_functions() -> None:
    long = [
        f"{module}:{node.lineno} {node.name}: {lines} lines"
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION
    ]
    assert not long, long
