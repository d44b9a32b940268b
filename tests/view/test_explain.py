"""Every code is explained, and every explanation is true: its example raises that code, and the mended one does not."""

import os
from pathlib import Path

import pytest

import mapsto as mt
from mapsto.cli import main
from mapsto.core.codes import HEADLINES
from mapsto.core.errors import MapstoError
from mapsto.view.explain import PAGES, PRELUDE, explain, families, page

EXPLAINED = {code for family, _, _ in families() for code in page(family)[1]} & HEADLINES.keys()


def run(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    exec(compile(PRELUDE + code, "example.py", "exec"), {"__name__": "example"})


def test_every_code_is_explained() -> None:
    missing = sorted(HEADLINES.keys() - EXPLAINED)
    assert not missing, f"write a section for each of these in mapsto/view/pages: {missing}"


def test_every_page_is_of_a_family() -> None:
    assert {path.stem.upper() for path in PAGES.glob("*.md")} <= {family for family, _, _ in families()}
    for family, about, codes in families():
        assert about, f"{family} has no page with a title"
        assert set(page(family)[1]) <= set(codes)


@pytest.mark.parametrize("code", sorted(EXPLAINED))
def test_the_first_example_raises_it(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MapstoError) as error:
        run(explain(code).wrong, tmp_path, monkeypatch)
    assert error.value.code == code, str(error.value)


@pytest.mark.parametrize("code", sorted(EXPLAINED))
def test_the_second_does_not(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(explain(code).mended, tmp_path, monkeypatch)


@pytest.mark.parametrize("code", sorted(EXPLAINED))
def test_it_reads_well(code: str) -> None:
    found = explain(code)
    lines = str(found).split(os.linesep)
    assert found.wrong != found.mended and all(len(line) <= 126 for line in lines)
    assert found.meaning.endswith(".") and 60 <= len(found.meaning) <= 480, len(found.meaning)


def test_of_an_error_and_in_lower_case() -> None:
    with pytest.raises(mt.MapstoError) as error:
        mt.nn.Dense(3)(mt.xp.ones((1, 2)))
    assert explain(error.value).code == explain("map-02").code == explain("[MAP-02]").code == "MAP-02"


def test_an_unknown_code_names_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(mt.UsageError, match="did you mean SHAPE-03"):
        explain("SHAPE-3")
    assert main(["explain", "nonsense"]) == 1
    assert "[ARG-02]" in capsys.readouterr().err


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "shape-03"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("SHAPE-03  ‹left› and ‹right› disagree on axis ‹axis›") and "raises it:" in told
    assert main(["explain"]) == 0
    told = capsys.readouterr().out
    assert all(code in told for code in HEADLINES)
