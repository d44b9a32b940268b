"""`import mapsto` brings what every program needs, and little more: slow libraries come when they are first used."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mapsto
from tests.structure.source import ROOT, modules

# What Python had to import for them is counted by `python -X importtime -c "import mapsto"`.
HEAVY = "PIL asyncio email http importlib.metadata llvmlite logging multiprocessing numpy.random pooch rich".split()
HEAVY += "scipy sklearn sqlite3 ssl unittest urllib.request xml".split()
# These come with our own packages of the upper floors, which wait as well.
LATER = "json safetensors tarfile tempfile zipfile mapsto.compiler mapsto.target".split()
LATER += [name for name in mapsto.LATER.values() if name != "mapsto.view"]  # part of which registers the rest

SCRIPT = """
import sys, time
began = time.perf_counter()
{statement}
took = time.perf_counter() - began
print(took, *(name for name in {heavy} if name in sys.modules))
"""


def fresh(statement: str, heavy: list[str], folder: Path) -> tuple[float, list[str]]:
    """A statement run in a fresh process, with the bytecode of an earlier one ↦ seconds, and which of `heavy` came."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(folder)}
    command = [sys.executable, "-c", SCRIPT.format(statement=statement, heavy=heavy)]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, *came = done.stdout.split()
    return float(seconds), came


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [("import mapsto", HEAVY + LATER), ("from mapsto import *", HEAVY)],
    ids=["import mapsto", "everything"],
)
def test_heavy_libraries_wait(statement: str, heavy: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "bytecode"  # one for both, for compiling takes two seconds
    seconds, came = fresh(statement, heavy, folder)
    print(f"\n{statement}: {seconds:.3f} s")
    assert not came


def test_all_names_come() -> None:
    """The names that come later are those that type checkers see, from the same modules."""
    facade = modules()["mapsto"]
    (typed,) = [node for node in facade.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {
        alias.asname or alias.name: f"mapsto.{alias.name}" if node.module == "mapsto" else node.module
        for node in typed.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == mapsto.LATER
    for name in mapsto.LATER:
        assert getattr(mapsto, name) is vars(mapsto)[name]
