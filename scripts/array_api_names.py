"""The stubs of the array API standard ↦ tests/stored/array_api_2024_12.json, which tests/array/test_names.py follows.

    python scripts/array_api_names.py FOLDER        # a clone of array-api-tests with its submodule array-api

The file holds the arguments of the functions of the namespace, of its extensions, of inspection and of the array, as
Python writes a signature, and the names of attributes, constants and element types. Complex types are left out.
"""

import argparse
import importlib
import inspect
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "array_api_2024_12.json"
CATEGORIES = "creation data_type elementwise indexing linear_algebra manipulation searching set sorting statistical"
# In a list; in `data_types.py` they are only described.
TYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()


def stub(name: str) -> ModuleType:
    """One module of the stubs."""
    return importlib.import_module(f"array_api_stubs._2024_12.{name}")


def arguments(function: Any) -> str:
    """A function ↦ its arguments without their types: `(x, /, *, axis=None)`."""
    found = [one.replace(annotation=one.empty) for one in inspect.signature(function).parameters.values()]
    return str(inspect.Signature([one for one in found if one.name != "self"]))


def functions(module: ModuleType, names: Iterable[str]) -> dict[str, str]:
    """Functions of a module by name."""
    members = {name: getattr(module, name) for name in sorted(names)}
    return {name: arguments(one) for name, one in members.items() if isinstance(one, FunctionType)}


def main() -> None:
    """Read and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=Path)
    sys.path.insert(0, str(parser.parse_args().suite / "array-api" / "src"))
    array, info = stub("array_object").array, stub("info")
    own: dict[str, Any] = {"__array_namespace_info__": arguments(info.__array_namespace_info__)}
    for category in (*CATEGORIES.split(), "utility"):
        module = stub(f"{category}_functions")
        own |= functions(module, module.__all__)
    members = {name: value for name, value in vars(array).items() if name != "__init__"}
    stored = {
        "functions": own,
        "linalg": functions(stub("linalg"), stub("linalg").__all__),
        "fft": functions(stub("fft"), stub("fft").__all__),
        "inspection": functions(info, set(info.__all__) - {"__array_namespace_info__"}),
        "methods": {name: arguments(one) for name, one in members.items() if isinstance(one, FunctionType)},
        "attributes": sorted(name for name, one in members.items() if isinstance(one, property)),
        "constants": sorted(stub("constants").__all__),
        "types": TYPES,
    }
    FILE.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
