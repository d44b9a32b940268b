"""Exported nets: called from C they give what the loaded file gives, and need nothing but the C library."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import image, nn, xp
from mapsto.files.export import export
from mapsto.target.host import KINDS, host, is_x86
from tests.files.common import conv_net, dense_net, images, saved, whole_way
from tests.files.exporting import answered, called, needs_cc, tool, undefined

x86 = pytest.mark.skipif(not is_x86(host().triple), reason="this processor is no x86")
RANDOM = np.random.default_rng(0)


class Attention(mt.Mapping):
    """`x ↦ x + softmax(q kᵀ / √d) v`, and a norm: `f32[n, t, d] ↦ f32[n, t, d]`."""

    def __init__(self, width: int) -> None:
        self.q, self.k, self.v, self.norm = nn.Dense(width), nn.Dense(width), nn.Dense(width), nn.LayerNorm()

    def __call__(self, x: Any) -> Any:
        scores = xp.einsum("ntd,nsd->nts", self.q(x), self.k(x)) / x.shape[-1] ** 0.5
        return self.norm(x + xp.einsum("nts,nsd->ntd", nn.softmax(scores), self.v(x)))


def normed_net() -> mt.Mapping:
    """Convolution, batch norm with statistics that it has seen, pooling."""
    x = images(32)
    net = image.scale(1 / 255) >> nn.Conv2D(16, 3, padding="same") >> nn.BatchNorm() >> nn.relu >> nn.MaxPool2D(2)
    net = (net >> nn.Conv2D(32, 3) >> nn.gelu >> nn.Flatten() >> nn.Dense(10) >> nn.softmax).init(mt.key(0), x)
    return mt.training(net)(mt.key(1), x)[1]


def attention_net() -> mt.Mapping:
    net = Attention(16) >> Attention(16) >> nn.GlobalAvgPool() >> nn.Dense(5)
    return net.init(mt.key(3), xp.ones((1, 12, 16)))


def words_net() -> mt.Mapping:
    return (nn.Embedding(30, 8) >> nn.Flatten() >> nn.Dense(3)).init(mt.key(0), xp.zeros((1, 4), dtype=xp.int32))


def small_net() -> mt.Mapping:
    return (nn.Dense(9) >> nn.tanh >> nn.Dense(4)).init(mt.key(0), xp.ones((1, 21)))


def numbers(batch: int) -> np.ndarray:
    return normal(21)(batch)


def normal(*shape: int) -> Callable[[int], np.ndarray]:
    return lambda batch: RANDOM.normal(size=(batch, *shape)).astype(np.float32)


NETS: dict[str, tuple[Callable[[], mt.Mapping], Callable[[int], np.ndarray]]] = {
    "dense": (dense_net, images),
    "whole_way": (lambda: whole_way(conv_net()), images),
    "normed": (normed_net, images),
    "attention": (attention_net, normal(12, 16)),
    "words": (words_net, lambda batch: RANDOM.integers(0, 30, (batch, 4)).astype(np.int32)),
    "half": (lambda: small_net().cast(xp.float16), lambda batch: numbers(batch).astype(xp.float16)),
    "brain": (lambda: small_net().cast(xp.bfloat16), lambda batch: numbers(batch).astype(xp.bfloat16)),
    "doubles": (lambda: small_net().cast(xp.float64), lambda batch: numbers(batch).astype(np.float64)),
}
PLAIN = {"itself": lambda x: x, "turned": lambda x: -x, "above": lambda x: x > 0, "one": lambda x: xp.sum(x, axis=(1,))}


@pytest.fixture(scope="module", params=NETS)
def net(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A saved file, and examples for it."""
    make, examples = NETS[request.param]
    return saved(make(), tmp_path_factory.mktemp(request.param)), examples


@needs_cc
@pytest.mark.parametrize("batch", [1, 3])
def test_the_same_bits(net: tuple[Path, Any], batch: int, tmp_path: Path) -> None:
    path, examples = net
    x = examples(batch)
    wanted = answered(mt.load(path), x)
    made = export(path, tmp_path, batch=batch)
    assert sorted(tmp_path.iterdir()) == [made.header, made.code]
    status, found = called(made, x, wanted, threads=2, calls=50)
    assert status == 0 and found.tobytes() == wanted.tobytes()


@needs_cc
@x86
@pytest.mark.parametrize("cpu", KINDS)
def test_kinds_of_processors(net: tuple[Path, Any], cpu: str, tmp_path: Path) -> None:
    if host().vector_bytes < KINDS[cpu][0]:
        pytest.skip(f"this processor is no {cpu}")
    path, examples = net
    x = examples(2)
    wanted = answered(mt.load(path), x)
    made = export(path, tmp_path, batch=2, cpu=cpu)
    status, found = called(made, x, wanted)
    assert status == 0
    part = 2e-2 if wanted.dtype.itemsize == 2 else 2e-6
    tolerance = part * max(1.0, float(np.abs(wanted.astype(np.float64)).max()))
    np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), rtol=0, atol=tolerance)
    if shutil.which("objdump"):
        text = tool("objdump", "-d", made.code)
        assert ("%zmm" in text) <= (cpu == "x86-64-v4") and ("%ymm" in text) <= (cpu in ("x86-64-v3", "x86-64-v4"))


@needs_cc
@pytest.mark.parametrize("cpu", ["native", "x86-64"])
def test_nothing_but_the_c_library(net: tuple[Path, Any], cpu: str, tmp_path: Path) -> None:
    if cpu != "native" and not is_x86(host().triple):
        pytest.skip("this processor is no x86")
    made = export(net[0], tmp_path, cpu=cpu)
    names = undefined(made.code)
    libraries = [ctypes.CDLL(ctypes.util.find_library(name)) for name in "cm"]
    assert not [name for name in names if not any(hasattr(library, name) for library in libraries)]
    text = tool("nm", made.code)
    assert not [line for line in text.splitlines() if line.split()[-2] in "bBdC"], "data that could change"
    visible = {line.split()[-1] for line in text.splitlines() if line.split()[-2] in "TDR"}
    classes = {f"{made.name}_classes"} if mt.load(net[0]).classes else set[str]()
    assert visible == {f"{made.name}_run", *classes}


@needs_cc
@pytest.mark.parametrize("name", PLAIN)
def test_plain_functions(name: str, tmp_path: Path) -> None:
    """The input itself as the result; truth values; one number for an example."""
    x = normal(7)(3)
    path = saved(mt.fn(PLAIN[name]), tmp_path, example=x)
    wanted = answered(mt.load(path), x)
    status, found = called(export(path, tmp_path, batch=3, name=name), x, wanted)
    assert status == 0 and found.tobytes() == wanted.tobytes()


@needs_cc
@x86
def test_rounding_on_the_first_processors_takes_libm(tmp_path: Path) -> None:
    """They have no instruction for it, and libm needs one function for each way of rounding."""
    x = 9 * normal(7)(1)
    path = saved(mt.fn(lambda x: xp.round(x) + xp.floor(x / 2) * xp.ceil(x / 3) - xp.trunc(x)), tmp_path, example=x)
    wanted = answered(mt.load(path), x)
    made = export(path, tmp_path, cpu="x86-64")
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    assert undefined(made.code) and all(hasattr(libm, name) for name in undefined(made.code))
    status, found = called(made, x, wanted)
    assert status == 0 and found.tobytes() == wanted.tobytes()
    assert not undefined(export(path, tmp_path, cpu="x86-64-v2").code)


@needs_cc
def test_an_index_out_of_range(tmp_path: Path) -> None:
    made = export(saved(words_net(), tmp_path), tmp_path)
    y = np.zeros((1, 3), np.float32)
    for wrong in (30, -1, 2**31 - 1, -(2**31)):
        x = np.array([[1, 2, wrong, 3]], np.int32)
        assert called(made, x, y)[0] == 1, wrong
    assert called(made, np.array([[0, 29, 5, 5]], np.int32), y)[0] == 0


@needs_cc
def test_a_header_for_c_and_for_c_plus_plus(tmp_path: Path) -> None:
    classes = ["shoe */ bag", "été", 'a "quoted" one\\', "", *"456789"]
    path = saved(
        conv_net() >> nn.top_k(2, classes), tmp_path, recipe={"data": "digits", "note": "a */ b /* c", "n": [1, 2]}
    )
    made = export(path, tmp_path)
    text = made.header.read_text(encoding="utf-8")
    for words in (
        "net.mapsto",
        "u8[1,8,8,1]",
        "f32[1,10]",
        "top_k(k=2",
        '"digits"',
        "int net_run(const uint8_t x[1 * ",
    ):
        assert words in text
    tool("cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", made.header)
    if shutil.which("c++"):
        tool("c++", "-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", made.header)
    (tmp_path / "main.c").write_text(
        '#include "net.h"\n#include <stdio.h>\n'
        "int main(void) { for (int i = 0; i < 10; i++) puts(net_classes[i]); return 0; }\n"
    )
    tool("cc", "-Wall", "-Werror", tmp_path / "main.c", made.code, "-lm", "-o", tmp_path / "main")
    assert tool(tmp_path / "main").split("\n")[:10] == classes


@needs_cc
def test_two_nets_in_one_program(tmp_path: Path) -> None:
    for name, make in (("a", dense_net), ("b", lambda: whole_way(conv_net()))):
        export(saved(make(), tmp_path), tmp_path, name=name)
    (tmp_path / "main.c").write_text(
        '#include "a.h"\n#include "b.h"\nstatic char w[a_workspace_bytes + b_workspace_bytes];\nint main(void)\n'
        "{ uint8_t x[64] = {0}; float y[10]; return a_run(x, y, w) + b_run(x, y, w); }\n"
    )
    tool("cc", "-Wall", "-Werror", tmp_path / "main.c", tmp_path / "a.o", tmp_path / "b.o", "-lm", "-o", tmp_path / "m")
    tool(tmp_path / "m")


@needs_cc
def test_a_shared_library(tmp_path: Path) -> None:
    path = saved(whole_way(conv_net()), tmp_path)
    made = export(path, tmp_path, shared=True, batch=5)
    assert sorted(tmp_path.iterdir()) == sorted([path, made.header, made.code])
    library = ctypes.CDLL(str(made.code))
    x, wanted = images(5), answered(mt.load(path), images(5))
    y, (size,) = (
        np.zeros_like(wanted),
        (int(line.split()[2]) for line in made.header.read_text().splitlines() if "_bytes " in line),
    )
    workspace = np.zeros(size + 3, np.uint8)
    address = workspace.ctypes.data + 3
    assert (
        library.net_run(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_void_p(address)) == 0
    )
    assert y.tobytes() == wanted.tobytes()


@needs_cc
def test_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / 'a "b"\\ (é) 网'
    folder.mkdir()
    path = saved(dense_net(), folder)
    wanted = answered(mt.load(path), images(1))
    assert called(export(path, folder), images(1), wanted)[1].tobytes() == wanted.tobytes()


def test_megabytes_of_weights_take_no_time(tmp_path: Path) -> None:
    """40 MB, for which LLVM IR would have 120 MB of text."""
    net = (nn.Dense(3000) >> nn.Dense(3)).init(mt.key(0), xp.ones((1, 3400)))
    made = export(saved(net, tmp_path), tmp_path)
    assert made.weights == 4 * (3400 * 3000 + 3000 + 3 * 3000 + 3)
    assert 0 < made.code.stat().st_size - made.weights < 100_000


@pytest.mark.parametrize(("stem", "name"), [("my-net v2", "my_net_v2"), ("int", "int"), ("_9", None), ("网", None)])
def test_names(stem: str, name: str | None, tmp_path: Path) -> None:
    path = saved(dense_net(), tmp_path).rename(tmp_path / f"{stem}.mapsto")
    if name is not None:
        assert export(path, tmp_path).name == name
        return
    with pytest.raises(mt.UsageError, match="no name in C") as error:
        export(path, tmp_path)
    assert error.value.code == "EXPORT-02" and export(path, tmp_path, name="other").code.name == "other.o"


def host_net() -> mt.Mapping:
    return mt.fn(lambda x: xp.sort(x, axis=1))


@pytest.mark.parametrize(
    ("code", "make", "options"),
    [
        ("EXPORT-01", host_net, {}),
        ("EXPORT-02", dense_net, {"name": "a-b"}),
        ("ARG-01", dense_net, {"batch": 0}),
        ("NATIVE-05", dense_net, {"cpu": "pentium"}),
        ("FILE-07", dense_net, {"folder": "nowhere"}),
    ],
)
def test_refusals_leave_nothing(code: str, make: Any, options: dict[str, Any], tmp_path: Path) -> None:
    path = saved(make(), tmp_path, example=None if make is dense_net else xp.ones((1, 5)))
    with pytest.raises(mt.MapstoError) as error:
        export(path, tmp_path / options.pop("folder", "."), **options)
    assert error.value.code == code and error.value.fix
    assert code != "EXPORT-01" or "sort" in str(error.value)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_of_that_name(tmp_path: Path) -> None:
    path = saved(dense_net(), tmp_path)
    (tmp_path / "net.h").mkdir()
    with pytest.raises(mt.FormatError, match="is a folder"):
        export(path, tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["net.h", "net.mapsto"]


@pytest.mark.parametrize(("script", "code"), [(None, "EXPORT-03"), ("echo 'ld: no way' >&2; exit 1", "EXPORT-04")])
def test_without_a_linker(script: str | None, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    if script is not None:
        (bin / "cc").write_text(f"#!/bin/sh\n{script}\n")
        (bin / "cc").chmod(0o755)
    path = saved(dense_net(), tmp_path)
    monkeypatch.setenv("PATH", str(bin))
    with pytest.raises(mt.UsageError) as error:
        export(path, tmp_path, shared=True)
    assert error.value.code == code and (script is None or "ld: no way" in str(error.value))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bin", "net.mapsto"]


def test_a_disk_that_is_full_leaves_the_old_one(tmp_path: Path) -> None:
    """Files of this process may not grow past 20 kB, which the object is longer than."""
    path = saved(whole_way(conv_net()), tmp_path)
    old = export(path, tmp_path)
    before = {one: one.read_bytes() for one in tmp_path.iterdir()}
    code = (
        "import resource, mapsto as mt; from mapsto.files.export import export\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        f"try: export({str(path)!r}, {str(tmp_path)!r}, batch=2)\n"
        "except mt.FormatError as error: print(error.code)\n"
    )
    assert old.weights > 3000
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "FILE-04", done.stderr
    assert {one: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_batch_that_no_memory_holds(tmp_path: Path) -> None:
    with pytest.raises(mt.LimitError, match="fewer examples a call"):
        export(saved(small_net(), tmp_path), tmp_path, batch=100_000_000_000)
    assert [one.name for one in tmp_path.iterdir()] == ["net.mapsto"]
