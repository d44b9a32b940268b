"""What every code says, word for word: the example that its explanation begins with, held in `snapshots/codes/`.

After a deliberate change, `UPDATE_SNAPSHOTS=1 python -m pytest tests/mistakes` writes them anew; read the difference.
"""

import os
import re
from pathlib import Path

import pytest

import mapsto
from mapsto.core.errors import LINES, MapstoError
from mapsto.core.version import VERSION
from mapsto.view.explain import PRELUDE, families, page

SNAPSHOTS = Path(__file__).parent / "snapshots" / "codes"
FAMILIES = [family for family, _, _ in families() if page(family)[1]]


def message(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the example says; without the test's folder, and sizes of files, which differ from release to release."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(MapstoError) as error:
        exec(compile(PRELUDE + code, "example.py", "exec"), {"__name__": "example"})
    text = str(error.value)
    assert len(text.split("\n")) <= LINES
    text = text.replace(str(folder), "…").replace(str(Path(mapsto.__file__).parent), "…")
    if "[FILE-" in text:
        text = re.sub(r"\b\d{3,}\b", "…", text.replace(VERSION, "…"))
    return f"{type(error.value).__name__}: {text}\n"


@pytest.mark.parametrize("family", FAMILIES)
def test_messages(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = "\n".join(
        message(one.wrong, tmp_path / one.code, monkeypatch) for one in sorted(page(family)[1].values(), key=str)
    )
    path = SNAPSHOTS / f"{family.lower()}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_no_snapshot_is_left_over() -> None:
    assert {path.stem.upper() for path in SNAPSHOTS.glob("*.txt")} == set(FAMILIES)
