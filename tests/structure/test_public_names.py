"""The façade's names are few, and change only on purpose.

`python -m tests.structure.test_public_names` rewrites the list from what the façade says.
"""

from pathlib import Path
from types import ModuleType

import mapsto

LIST = Path(__file__).with_name("public_names.txt")
MOST = 80


def test_names_are_the_listed_ones() -> None:
    assert sorted(mapsto.__all__) == LIST.read_text().split()


def test_every_name_is_there() -> None:
    missing = [name for name in mapsto.__all__ if not hasattr(mapsto, name)]
    assert not missing
    assert set(mapsto.__all__) <= set(dir(mapsto))


def test_names_are_few() -> None:
    assert len(mapsto.__all__) == len(set(mapsto.__all__)) <= MOST


def test_no_name_hides_a_package() -> None:
    """A function named like a package would vanish the moment that package is imported."""
    here = Path(mapsto.__file__).parent
    packages = {path.parent.name for path in here.glob("*/__init__.py")} | {path.stem for path in here.glob("[!_]*.py")}
    hidden = [
        name
        for name in packages & set(mapsto.__all__)
        if not (isinstance(found := getattr(mapsto, name), ModuleType) and found.__name__ == f"mapsto.{name}")
    ]
    assert not hidden


if __name__ == "__main__":
    LIST.write_text("\n".join(sorted(mapsto.__all__)) + "\n")
