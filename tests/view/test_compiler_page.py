"""docs/compiler.md: what it shows is what is printed, and the files that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mapsto.core.errors import UsageError
from mapsto.target.host import host

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compiler.md").read_text(encoding="utf-8")
PAIRS = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def matches(shown: str, printed: str) -> bool:
    """Whether a text is the other one, where `…` stands for anything; trailing spaces do not count."""
    pattern = "".join(".*?" if part == "…" else re.escape(part) for part in re.split("(…)", shown.rstrip()))
    text = "\n".join(line.rstrip() for line in printed.rstrip().split("\n"))
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def test_what_is_shown_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTO_CPU", "avx2")
    try:
        host()
    except UsageError:
        pytest.skip("the page shows a processor with AVX2")
    names: dict[str, object] = {}
    for code, shown in PAIRS:
        exec(compile(code, "compiler.md", "exec"), names)
        printed = capsys.readouterr().out
        assert matches(shown, printed), f"{code}\nprints\n{printed}"
    assert len(PAIRS) == PAGE.count("```python")


def test_dots_stand_for_anything() -> None:
    assert matches("a\n…\nb …", "a\n1\n2\nb c \n")
    assert not matches("a\n…\nb", "a\n1\nc") and not matches("a.c", "abc")


def test_the_files_are_there() -> None:
    named = set(re.findall(r"`((?:ir|compiler|target|transform|tests)/[\w/.]*)`", PAGE))
    assert len(named) > 12
    assert not [name for name in named if not any((base / name).exists() for base in (ROOT, ROOT / "mapsto"))]
