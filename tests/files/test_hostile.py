"""Files made by a stranger, with checksums that fit: refused before anything is built, and quickly.

Where each row of the catalogue of faults is tested: tests/structure/test_faults.py.
"""

import io
import json
import os
import pickle
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto.files.contents import digest
from tests.files.common import Header, blob_of, conv_net, edited, saved, tiny_net, whole_way, with_header

WEIGHT, BIAS = "weight", "bias"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return saved(tiny_net(), tmp_path)


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, ("exploded",)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    return file.getvalue()


def array_file() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Bomb()], object), allow_pickle=True)
    return file.getvalue()


FOREIGN = {
    "pickle": (pickle.dumps(Bomb()), "a pickle"),
    "pickle of the first protocol": (pickle.dumps(Bomb(), protocol=0), "not a mapsto file"),
    "pt": (zipped(), "zip archive"),
    "npy of objects": (array_file(), "NumPy array"),
    "safetensors": (blob_of({}, b""), "not a mapsto file"),
    "text": (b"import os\n", "not a mapsto file"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_formats(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    content, words = FOREIGN[name]
    path.write_bytes(content)
    with pytest.raises(mt.FormatError, match=words):
        mt.load(path)
    assert not Path("exploded").exists()


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(mt.FormatError, match="no such file"):
        mt.load(tmp_path / "nothing.mapsto")
    with pytest.raises(mt.FormatError, match="not a regular file"):
        mt.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(mt.FormatError, match="not a regular file"):
        mt.load(tmp_path / "pipe")


TEXTS = {
    "a key twice": (b'{"format":1,"format":1}', mt.FormatError, "'format' twice"),
    "a list": (b"[]", mt.FormatError, "no JSON object"),
    "nothing": (b"", mt.FormatError, "does not read as JSON"),
    "no UTF-8": (b'{"a":"\xff"}', mt.FormatError, "does not read as JSON"),
    "NaN": (b'{"a":NaN}', mt.FormatError, "does not read as JSON"),
    "a number without end": (b'{"a":' + b"9" * 10_000 + b"}", mt.FormatError, "does not read as JSON"),
    "a number beyond all floats": (b'{"recipe":{"a":1e999}}', mt.FormatError, "does not read as JSON: 1e999 is larger"),
    "half a letter in the recipe": (rb'{"recipe":{"\ud800":1}}', mt.FormatError, "half of a letter"),
    "half a letter in a name": (rb'{"tensors":{"a\udfff":1}}', mt.FormatError, "half of a letter"),
    "a whole letter in two halves": (rb'{"recipe":{"\ud83d\ude00":1}}', mt.FormatError, "lacks"),
    "missing keys": (b'{"format":1}', mt.FormatError, "lacks"),
    "deep lists": (b'{"a":' + b"[" * 100_000 + b"}", mt.LimitError, "nested too deep"),
    "deep objects": (b'{"a":' * 90_000 + b"1" + b"}" * 90_000, mt.LimitError, "nested too deep"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_headers(name: str, path: Path) -> None:
    text, kind, words = TEXTS[name]
    start = time.perf_counter()
    with pytest.raises(kind, match=words):
        mt.load(with_header(path, text))
    assert time.perf_counter() - start < 2


def test_a_million_entries(path: Path) -> None:
    for count, words in ((1_000_000, "a header of [0-9]+ bytes"), (200_000, "keys")):
        with_header(path, json.dumps({str(i): 0 for i in range(count)}).encode())
        start = time.perf_counter()
        with pytest.raises(mt.LimitError, match=words):
            mt.load(path)
        assert time.perf_counter() - start < 1  # 0.03 s on an idle core


def test_a_million_values(path: Path) -> None:
    with_header(path, b'{"a":[' + b"[]," * 1_000_000 + b"[]]}")
    with pytest.raises(mt.LimitError, match="values; the limit is 500000"):
        mt.load(path)


def test_many_tensors(path: Path) -> None:
    edited(path, lambda header: header["tensors"].update({str(i): 0 for i in range(50_000)}))
    with pytest.raises(mt.LimitError, match="50002 tensors; the limit is 10000"):
        mt.load(path)


def put(**changes: Any) -> Callable[[Header], None]:
    return lambda header: header.update(changes)


def graph(old: str, new: str) -> Callable[[Header], None]:
    def change(header: Header) -> None:
        assert old in header["graph"]
        header["graph"] = header["graph"].replace(old, new)

    return change


def tensor(spec: str) -> Callable[[Header], None]:
    return lambda header: header["tensors"][WEIGHT].update(spec=spec)


def steps(end: str, *records: Any) -> Callable[[Header], None]:
    return put(**{end: list(records)})


def step(name: Any, each: Any = True, **settings: Any) -> Header:
    return {"step": name, "each": each, "settings": settings}


ARGUMENTS = "contract(" + "a" * 100
HEADERS = {
    "another format inside": (put(format=2), "format version 2"),
    "a truth value for a number": (put(format=True), "wrong JSON type"),
    "an unknown key": (put(code="import os"), "beyond what is known"),
    "a number for a list": (put(before=3), "wrong JSON type"),
    "a list for the recipe": (put(recipe=[]), "wrong JSON type"),
    "an unknown dtype": (
        tensor("f8[2,1]"),
        "no spec that format version 1 knows(.|\n)*install the mapsto",
    ),
    "an unknown dtype of the input": (put(input="c64[2]"), "no spec"),
    "a weak tensor": (tensor("f32*[2,1]"), "weak"),
    "extents beyond 64 bits": (tensor("f32[4294967296,4294967296]"), "no spec"),
    "an extent that begins with 0": (put(input="f32[02]"), "no spec"),
    "an extent in other digits": (put(input="f32[\u0662]"), "no spec"),
    "spaces in a spec": (put(input=" f32[2]"), "no spec"),
    "an extent of many digits": (tensor(f"f32[{'9' * 5000}]"), "no spec"),
    "another shape of a tensor": (tensor("f32[1,2]"), "are not those that the header"),
    "a name twice": (put(hidden=[WEIGHT, WEIGHT]), "each once"),
    "a name too few": (put(hidden=[WEIGHT]), "each once"),
    "names in another order": (put(hidden=[BIAS, WEIGHT]), "are not those that the header"),
    "another input": (put(input="f32[3]"), "are not those that the header"),
    "another output": (put(output="f32[2]"), "are not those that the header"),
    "a tensor that is no object": (lambda h: h["tensors"].update(weight=3), "no JSON object"),
    "an unknown host step": (steps("before", step("os.system", command="true")), "'os.system'; those known there are"),
    "a host step by class": (steps("before", {"class": "mapsto.image.Decode"}), "keys step, each"),
    "a host step at the wrong end": (steps("after", step("decode", size=[8, 8], mode="L")), "known there are top_k"),
    "a host step of no name": (steps("after", step(["top_k"])), "known there"),
    "another mode": (steps("before", step("decode", size=[8, 8], mode="CMYK")), "mode is one of"),
    "a mode that is a list": (steps("before", step("decode", size=[8, 8], mode=["L"])), "mode is one of"),
    "a size of truth values": (steps("before", step("decode", size=[True, 8], mode="L")), "whole number"),
    "a size of many pixels": (steps("before", step("decode", size=[10**5, 10**5], mode="L")), "pixels"),
    "a size of three": (steps("before", step("decode", size=[8, 8, 8], mode="L")), "height, width"),
    "a setting too many": (steps("before", step("decode", size=[8, 8], mode="L", url="file:///")), "the settings"),
    "a picture that the net does not take": (steps("before", step("decode", size=[8, 8], mode="L")), "does not make"),
    "k of nothing": (steps("after", step("top_k", False, k=0, classes=[])), "whole number"),
    "classes that are numbers": (steps("after", step("top_k", False, k=1, classes=[1])), "list of strings"),
    "each as a number": (steps("after", step("top_k", 1, k=1, classes=[])), "the settings"),
    "no graph": (put(graph=""), "not of the form"),
    "an unknown primitive": (graph("contract(", "eval("), "no primitive eval"),
    "a later primitive": (graph("contract(", "contract.2("), r"no primitive contract of version 2(.|\n)*install"),
    "a spec that is wrong": (graph("f32[1,1] = contract", "f32[1,2] = contract"), "contract yields"),
    "a name that is not there": (graph("return ", "return zz"), "zz"),
    "a guard": (graph("  return", '  guard "x" a\n  return'), "not of the form"),
    "code": (graph("  return", "  import os\n  return"), "not of the form"),
    "an attribute of another kind": (graph('x="ik"', "x=7"), "does not read"),
    "an input too many": (graph("reshape(a;", "reshape(a, b;"), "reshape takes 1 inputs, not 2"),
    "no input": (graph("reshape(a; ", "reshape("), "reshape takes 1 inputs, not 0"),
    "an attribute twice": (graph("shape=[1, 2]", "shape=[1, 2], shape=[1, 2]"), "shape is set twice"),
    "an attribute that is a shape": (graph("shape=[1, 2]", 'shape="ab"'), "does not read"),
    "an attribute without end": (graph("shape=[1, 2]", f"shape=[{'1, ' * 100_000}2]"), "not of the form"),
    "letters of another alphabet": (graph("  h: ", "  η: "), "not of the form"),
    "an array of many axes": (graph("h: f32[1]", f"h: f32[{'1,' * 99}1]"), "not of the form"),
    "names without end": (graph("contract(", ARGUMENTS), "line 3 of the graph"),
    "names that hide": (graph("contract(", ARGUMENTS + "!"), "not of the form"),
    "a return that is none": (graph("  return ", f"  z: f32[1] = {ARGUMENTS}!"), "not of the form"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_fields(name: str, path: Path) -> None:
    change, words = HEADERS[name]
    edited(path, change)
    start = time.perf_counter()
    with pytest.raises(mt.FormatError, match=words) as caught:
        mt.load(path)
    assert time.perf_counter() - start < 1
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 1000


LIMITS = {
    "an attribute nested too deep": (
        graph("shape=[1, 2]", "shape=" + "[" * 995 + "]" * 995),
        "nested too deep",
    ),
    "work for a thousand years": (
        graph(
            "  return",
            "  y: f32[1,1] = reshape(c; shape=[1, 1])\n"
            "  z: f32[32768,32768] = broadcast(y; shape=[32768, 32768], axes=[0, 1])\n"
            '  w: f32[32768,32768] = contract(z, z; x="ik", y="kj", out="ij")\n'
            "  return",
        ),
        r"would take [0-9]+ steps for one example, up to its contract",
    ),
    "a window of 2^60 places": (
        graph(
            "  return",
            "  y: f32[1,1,1] = reshape(c; shape=[1, 1, 1])\n"
            f'  z: f32[1,1,1] = window_sum(y; out="y", size=[{2**60}], stride=[1], dilation=[1], before=[{2**60 - 1}], '
            "x_extent=[1], y_extent=[1])\n"
            "  return",
        ),
        r"would take [0-9]+ steps for one example, up to its window_sum",
    ),
    "many arrays at one time": (
        graph(
            "  return",
            "  y: f32[1,1] = reshape(c; shape=[1, 1])\n"
            + "".join(f"  z{i}: f32[32768,32767] = broadcast(y; shape=[32768, 32767], axes=[0, 1])\n" for i in range(9))
            + f"  w: f32[294912,32767] = concat({', '.join(f'z{i}' for i in range(9))}; axis=0)\n"
            "  return",
        ),
        "at one time|would make",
    ),
    "a graph of many lines": (lambda header: header.update(graph=header["graph"] + "\n" * 300_000), "lines"),
    "an array of a million times a million": (
        graph(
            "  return",
            "  y: f32[1,1] = reshape(c; shape=[1, 1])\n"
            "  z: f32[1000000,1000000] = broadcast(y; shape=[1000000, 1000000], axes=[0, 1])\n"
            "  return",
        ),
        r"would make f32\[1000000,1000000\]",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str, path: Path) -> None:
    change, words = LIMITS[name]
    edited(path, change)
    start = time.perf_counter()
    with pytest.raises(mt.LimitError, match=words):
        mt.load(path)
    assert time.perf_counter() - start < 2


BLOB_HEADERS: dict[str, Any] = {
    "sound": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F32", [2, 1], 4, 12)}, None),
    "overlapping": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F32", [2, 1], 2, 10)}, "do not read"),
    "holed": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F32", [2, 1], 6, 14)}, "do not read"),
    "holed at the end": ({BIAS: ("F32", [1], 0, 4)}, "do not read"),
    "shape and span differ": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F32", [3, 1], 4, 12)}, "do not read"),
    "shape overflows": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F32", [2**62, 2**62], 4, 12)}, "do not read"),
    "backwards": ({BIAS: ("F32", [1], 4, 0), WEIGHT: ("F32", [2, 1], 4, 12)}, "do not read"),
    "beyond the end": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F32", [2, 1], 4, 2**63)}, "do not read"),
    "another name": ({BIAS: ("F32", [1], 0, 4), "wait": ("F32", [2, 1], 4, 12)}, r"missing \['weight'\]"),
    "another shape": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F32", [1, 2], 4, 12)}, r"is f32\[1,2\]"),
    "another dtype": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("I32", [2, 1], 4, 12)}, r"is i32\[2,1\]"),
    "an unknown dtype": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F128", [2, 1], 4, 12)}, "do not read"),
    "a dtype that is not ours": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("F8_E4M3", [8, 1], 4, 12)}, "do not read"),
    "complex numbers": ({BIAS: ("F32", [1], 0, 4), WEIGHT: ("C64", [1, 1], 4, 12)}, "do not read"),
}


@pytest.mark.parametrize("name", BLOB_HEADERS)
def test_blobs(name: str, path: Path) -> None:
    entries, words = BLOB_HEADERS[name]
    blob = blob_of(
        {n: {"dtype": d, "shape": s, "data_offsets": [a, b]} for n, (d, s, a, b) in entries.items()}, b"x" * 12
    )

    def change(header: Header) -> None:
        header["tensors"][BIAS]["sha256"] = digest(np.frombuffer(b"xxxx", np.float32))
        header["tensors"][WEIGHT]["sha256"] = digest(np.frombuffer(b"xxxxxxxx", np.float32))

    edited(path, change, blob)
    if words is None:
        mt.load(path)
        return
    with pytest.raises(mt.FormatError, match=words):
        mt.load(path)


ENTRY = '"weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}'


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"", "longer than the tensors"),
        (b"\xff" * 8 + b"{}", "longer than the tensors"),
        (blob_of("{" + ENTRY + "," + ENTRY + "}", b"x" * 8), "'weight' twice"),
        (blob_of("[]", b""), "no JSON object"),
    ],
)
def test_own_header_of_the_blob(blob: bytes, words: str, path: Path) -> None:
    with pytest.raises(mt.FormatError, match=words):
        mt.load(edited(path, blob=blob))


def test_a_blob_of_one_gigabyte_that_is_not_there(path: Path) -> None:
    with pytest.raises(mt.FormatError, match="cut off"):
        mt.load(edited(path, put(blob={"size": 2**30, "sha256": ""})))
    with pytest.raises(mt.FormatError, match="something follows"):
        mt.load(edited(path, put(blob={"size": -1, "sha256": ""})))


def test_an_edited_file_that_is_sound(tmp_path: Path) -> None:
    """The tests above change one thing each; with none changed, their files load."""
    path = edited(saved(whole_way(conv_net()), tmp_path))
    assert mt.load(path).classes


def test_what_is_shown_cannot_move_the_cursor(path: Path) -> None:
    """`mapsto show` prints what a stranger wrote: letters only."""
    edited(path, put(recipe={"note\x1b[2J": "\x1b]0;x\x07 [bold]", "loss": 0.5}, mapsto="1\x1b[31m[red]"))
    command = [sys.executable, "-m", "mapsto", "show", str(path)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(mt.__file__).parents[1]).stdout
    assert "\x1b" not in shown and "\x07" not in shown
    assert "[bold]" in shown and "[red]" in shown and "loss" in shown


OPENED = """
import sys
import mapsto as mt
mt.load(sys.argv[1])
seen = []
sys.addaudithook(lambda event, args: seen.append((event, str(args[0]) if args else "")))
mt.load(sys.argv[1])
wanted = ("open", "socket", "urllib", "subprocess", "os.system", "import", "exec", "compile", "pickle", "ctypes.dlopen")
print([one for one in seen if one[0].startswith(wanted)])
"""


def test_nothing_else_is_opened(path: Path) -> None:
    """Whatever names, paths and addresses a file holds, what is opened is the file."""
    hostile = {"net": "file:///etc/passwd", "url": "http://localhost:1/", "import": "os", "path": "../../etc/passwd"}
    edited(path, put(recipe=hostile, mapsto="../../../etc/passwd"))
    command = [sys.executable, "-c", OPENED, str(path)]
    asked = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(mt.__file__).parents[1])
    assert asked.stdout.strip() == str([("open", str(path))])
