"""Results ↦ tables: which peer counts, the ratios, and what stands in the README between two marks."""

import json
from pathlib import Path

import pytest

from bench import serving_table, table

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "bench" / "results").glob("*.json"))
SERVING = sorted((ROOT / "bench" / "results" / "serving").glob("*.json"))


def contestant(framework: str, variant: str, setting: str, ms: float) -> dict:
    more = {
        "noise": 0.02,
        "peak_mib": 10.0,
        "faults": 0.0,
        "busy": 2.0,
        "spun_ms": 1.0,
        "others": 0.0,
        "first_seconds": 0.5,
    }
    return {"framework": framework, "variant": variant, "setting": setting, "ms": ms, "difference": 1e-7, **more}


ROW = {
    "name": "cnn-128",
    "title": "inference, CNN, batch 128",
    "flops": 3_000_000_000,
    "peak_gflops": 500.0,
    "peak_noise": 0.01,
    "peak_others": 0.3,
    "contestants": [
        contestant("mapsto", "compile", "installed", 10.0),
        contestant("torch", "eager", "installed", 40.0),
        contestant("torch", "eager", "tuned", 25.0),
        contestant("torch", "channels_last", "installed", 30.0),
        contestant("torch", "channels_last", "tuned", 28.0),
        contestant("onnxruntime", "session", "installed", 27.0),
    ],
}
RESULT = {
    "machine": {"cpu": "Test CPU"},
    "threads": 2,
    "blocks": 7,
    "when": "2030-01-02 03:04",
    "versions": {"torch": "2.13.0", "mapsto": "0.1.0", "optax": "0.2"},
    "rows": [ROW],
}


def test_the_best_peer_counts() -> None:
    cells = table.cells(ROW)
    assert cells == ["10.0", "27.0 (ONNX Runtime session)", "2.70", "25.0 (PyTorch eager)", "2.50", "60%, 24%"]


def test_a_row_without_ours_or_without_peers() -> None:
    mine, *others = ROW["contestants"]
    assert table.cells(ROW | {"contestants": others})[::2] == ["–", "–", "–"]
    assert table.cells(ROW | {"contestants": [mine]}) == ["10.0", "–", "–", "–", "–", "60%, –"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["inference, CNN, batch 128", "mapsto 0.1.0, PyTorch 2.13.0", "500 GFLOP/s"]),
        ("zh", ["推理，CNN", "批大小 128"]),
    ],
)
def test_markdown(language: str, words: list[str]) -> None:
    found = table.markdown(RESULT, language)
    head, rule, row, empty, foot = found.split("\n")
    assert head.count("|") == rule.count("|") == row.count("|") == 8 and not empty
    assert all(word in found for word in words) and "Test CPU" in foot and "2030-01-02" in foot


def test_pages_are_rewritten(tmp_path, capsys) -> None:
    file, page, chinese = tmp_path / "r.json", tmp_path / "README.md", tmp_path / "README.zh.md"
    file.write_text(json.dumps(RESULT))
    for one in (page, chinese):
        one.write_text("before\n<!-- speed -->\n<!-- /speed -->\nafter\n", encoding="utf-8")
    table.main(str(file), str(page), str(chinese))
    once = page.read_text(encoding="utf-8")
    assert once.startswith("before\n<!-- speed -->\n| one step") and once.endswith("<!-- /speed -->\nafter\n")
    assert "推理" in chinese.read_text(encoding="utf-8")
    table.main(str(file), str(page))
    assert page.read_text(encoding="utf-8") == once
    assert "PyTorch eager" in capsys.readouterr().out


@pytest.mark.parametrize(
    "page", ["", "<!-- speed -->", "<!-- /speed --> <!-- speed -->", 2 * "<!-- speed --><!-- /speed -->"]
)
def test_marks_that_are_not_there(page: str) -> None:
    with pytest.raises(ValueError, match="each once"):
        table.replaced(page, "table")


def test_every_contestant_has_a_line() -> None:
    lines = table.details(ROW | {"contestants": [one | {"ratios": [2.0, 3.0]} for one in ROW["contestants"]]}).split(
        "\n"
    )
    assert len(lines) == 1 + len(ROW["contestants"]) + 1
    assert lines[-1].endswith("others were using this machine")
    assert "mapsto compile" in lines[1] and "2.00–3.00" in lines[2]


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_table_of_the_readme_is_made_from_stored_results(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    stored = [json.loads(file.read_text(encoding="utf-8")) for file in RESULTS]
    language = "zh" if ".zh." in name else "en"
    assert any(table.replaced(page, table.markdown(result, language)) == page for result in stored)


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_serving_table_of_the_readme_is_made_from_stored_results(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    stored = [json.loads(file.read_text(encoding="utf-8")) for file in SERVING]
    language = "zh" if ".zh." in name else "en"
    made = [serving_table.markdown(result, language) for result in stored if "end to end" in result]
    assert any(table.replaced(page, one, serving_table.MARK) == page for one in made)


def test_a_serving_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def load(rate: float, p99: float) -> dict:
        return {"rate": rate, "p50": 1.0, "p99": p99, "blocks": [{}, {}, {}]}

    both = {"mapsto": load(3000.0, 5.678), "onnxruntime": load(2000.0, 12.0)}
    found = {
        "when": "2030-01-02 03:04",
        "machine": {"cpu": "Test CPU", "cores": 2},
        "alone": {f"small-served-{batch}": {"ratio": batch / 4} for batch in (64, 8)},
        "end to end": {"small": {"difference": 1e-7, "1": both, "32": both}},
    }
    file, page = tmp_path / "r.json", tmp_path / "README.zh.md"
    file.write_text(json.dumps(found))
    page.write_text("before\n<!-- serving -->\n<!-- /serving -->\n<!-- speed -->\n<!-- /speed -->\n", encoding="utf-8")
    serving_table.main(str(file), str(page))
    assert "| small CNN on 28×28×1，32 个连接 | 3,000 | 2,000 | 1.50 | 5.68 | 12.0 |" in page.read_text(
        encoding="utf-8"
    )
    assert page.read_text(encoding="utf-8").endswith("<!-- speed -->\n<!-- /speed -->\n")
    foot = serving_table.markdown(found, "en").split("\n")[-1]
    assert "of 3 alternating loads" in foot and "at batch 8, 64: small CNN on 28×28×1 2.00, 16.00." in foot
    assert "1 connection  " in capsys.readouterr().out
