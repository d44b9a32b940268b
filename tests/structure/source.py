"""The source of the package as syntax trees, for the tests in this folder."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mapsto"


def modules() -> dict[str, ast.Module]:
    """Every file of the package: its dotted name (`mapsto.core.spec`; `mapsto.core` for `__init__.py`) ↦ its tree."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found
