"""What the two READMEs promise is what happens: same commands in both, the same in `.ci/run`, and code that runs."""

import re
from pathlib import Path

import pytest

from tests.structure.source import ROOT

READMES = ["README.md", "README.zh.md"]


def blocks(readme: str, language: str) -> list[str]:
    text = (ROOT / readme).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(readme: str) -> list[str]:
    """The two commands that do everything: each one line of its own, beginning with a new virtual environment."""
    return [
        line for block in blocks(readme, "bash") for line in block.splitlines() if line.startswith("python3 -m venv")
    ]


@pytest.mark.parametrize("readme", READMES)
def test_two_commands(readme: str) -> None:
    train, test = commands(readme)
    assert train.endswith("mapsto train --data digits")
    assert "-m pytest" in test


def test_both_languages_say_the_same() -> None:
    assert blocks("README.md", "bash") == blocks("README.zh.md", "bash")
    assert [strip_comments(b) for b in blocks("README.md", "python")] == [
        strip_comments(b) for b in blocks("README.zh.md", "python")
    ]


def test_ci_runs_the_readme_command() -> None:
    assert commands("README.md")[1] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_every_page_is_listed() -> None:
    listed = re.findall(
        r"^- \[`.*?`\]\((.*?)\)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    pages = {path.name for path in (ROOT / "docs").iterdir()} - {"README.md"}
    assert pages == {page for page in listed if not page.startswith("..")}
    assert all((ROOT / "docs" / page).exists() for page in listed)


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "readme"}  # one page: later blocks use what earlier ones made
    for code in blocks("README.md", "python"):
        exec(compile(code, "README.md", "exec"), names)


def strip_comments(code: str) -> str:
    return re.sub(r"\s*#.*$", "", code, flags=re.MULTILINE)
