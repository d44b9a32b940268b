"""Lines of a graph that a stranger wrote: refused when the file is loaded, not when the answer is called."""

import json
from pathlib import Path

import pytest

import mapsto as mt
from tests.files.common import Header, edited, saved, tiny_net


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return saved(tiny_net(), tmp_path)


def with_line(path: Path, line: str) -> Path:
    """The file with one more line in its graph, before the return."""

    def change(header: Header) -> None:
        header["graph"] = header["graph"].replace("  return", f"  {line}\n  return")

    return edited(path, change)


NO_NUMBERS = {
    "f32": [
        "",
        " 1",
        "1_000",
        "0x10",
        "4.-128",
        "1e999",
        "1e39",
        "\u0661",
        "infinity",
        "+1",
        "True",
        "__import__('os')",
    ],
    "i8": ["", "1.0", "128", "1_0", "01", "-0", "nan", "\u0661", "9" * 100],
    "bool": ["", "true", "1"],
}


@pytest.mark.parametrize(("dtype", "text"), [(dtype, text) for dtype, all_ in NO_NUMBERS.items() for text in all_])
def test_constants_that_are_no_numbers(dtype: str, text: str, path: Path) -> None:
    with_line(path, f"z: {dtype}[] = const(text={json.dumps(text)}, dtype={json.dumps(dtype)})")
    with pytest.raises(mt.FormatError, match="a constant needs a number of") as caught:
        mt.load(path)
    assert caught.value.code == "FILE-19"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("neg", "h, h"), ("add", "h"), ("select", "h, h"), ("concat", ""), ("const", "h"), ("zero_mul", "h")],
)
def test_a_primitive_of_another_number_of_inputs(name: str, arguments: str, path: Path) -> None:
    settings = {"concat": "axis=0", "const": 'text="1.0", dtype="f32"'}.get(name, "")
    with_line(path, f"z: f32[1] = {name}({'; '.join(filter(None, (arguments, settings)))})")
    with pytest.raises(mt.FormatError, match=f"{name} takes .* inputs, not {len(arguments.split())}") as caught:
        mt.load(path)
    assert caught.value.code == "FILE-19"
