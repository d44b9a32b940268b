"""A seeded part of scripts/fuzz_files.py: almost sound files load, or are refused, quickly and in little memory."""

import hashlib
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.files.common import backwards, conv_net, saved, tiny_net, whole_way
from tests.files.mutate import Stream, changed_archive, changed_bytes, changed_file, changed_tensors

TRIES = 1500
ROOT = Path(mt.__file__).parents[1]


@pytest.mark.parametrize("seed", range(4))
def test_answers(seed: int, tmp_path: Path) -> None:
    source, codes = random.Random(seed), Counter[str]()
    make = (lambda: whole_way(conv_net()), tiny_net, backwards)[seed % 3]
    sound = saved(make(), tmp_path).read_bytes()
    path = tmp_path / "fuzzed"
    for _ in range(TRIES):
        stream = Stream(source.randbytes(100))
        path.write_bytes(changed_file(sound, stream, hashlib.sha256))
        begin = time.perf_counter()
        try:
            mt.load(path)
            codes["loaded"] += 1
        except (mt.FormatError, mt.LimitError) as error:
            codes[error.code] += 1
        assert time.perf_counter() - begin < 2  # 1 ms on an idle core
    assert len(codes) > 12 and codes["FILE-19"] > 20, codes  # they do get past the checksums


def test_weights(tmp_path: Path) -> None:
    net, source, codes = tiny_net(), random.Random(0), Counter[str]()
    path, archive = tmp_path / "fuzzed", tmp_path / "x.npz"
    mt.save_weights(net, path)
    np.savez(archive, **{name: np.asarray(value) for name, value in mt.select(net, "**").items()})
    tensors, packed = path.read_bytes(), archive.read_bytes()
    for i in range(TRIES):
        stream = Stream(source.randbytes(60))
        path.write_bytes(changed_archive(packed, stream) if i % 2 else changed_tensors(tensors, stream))
        try:
            net.load_weights(path)
            codes["loaded"] += 1
        except (mt.FormatError, mt.LimitError, mt.DataError) as error:
            codes[error.code] += 1
    assert len(codes) > 8, codes


def test_changed_bytes_changes_something() -> None:
    source = random.Random(0)
    tried = [changed_bytes(b"sound", Stream(source.randbytes(20))) for _ in range(200)]
    assert sum(one != b"sound" for one in tried) > 150


MEASURE = """
import resource, sys
import mapsto as mt, mapsto.files, mapsto.files.weights
from mapsto import nn, xp
net = nn.Dense(1).init(mt.key(0), xp.ones((1, 2)))
read = mt.load if sys.argv[2] == "load" else net.load_weights
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
try:
    read(sys.argv[3])
except mt.MapstoError:
    pass
open("/proc/self/clear_refs", "w").write("5")
before = peak()
import time
begin = time.perf_counter()
try:
    read(sys.argv[1])
    code = "loaded"
except mt.MapstoError as error:
    code = error.code
print(code, peak() - before, time.perf_counter() - begin)
"""


def measured(path: Path, how: str, small: Path) -> tuple[str, int, float]:
    """What reading a file comes to, in a process of its own: the code, and the memory and time that it took."""
    asked = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), how, str(small)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    code, memory, seconds = asked.stdout.split()
    return code, int(memory), float(seconds)


def header_of(text: bytes) -> bytes:
    return b"mapsto\0\x01" + len(text).to_bytes(8, "little") + text + hashlib.sha256(text).digest()


MEGABYTES = {
    "empty lists": (header_of(b'{"a":[' + b"[]," * 245_000 + b"[]]}"), "FILE-14"),
    "objects": (header_of(b'{"a":[' + b'{"a":1},' * 95_000 + b"{}]}"), "FILE-14"),
    "objects with spaces": (header_of(b'{"a":[' + b'{"a" :1},' * 240_000 + b"{}]}"), "FILE-14"),
    "keys": (header_of(b"{" + b",".join(b'"%d" :1' % i for i in range(249_000)) + b"}"), "FILE-14"),
    "wide letters": (header_of(b'{"a":"' + b"x" * ((4 << 20) - 100) + '😀"}'.encode()), "FILE-14"),
    "a long header": (header_of(b'{"a":"' + b"x" * (40 << 20) + b'"}'), "FILE-23"),
}


@pytest.mark.parametrize("name", MEGABYTES)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux says how much memory was taken")
def test_a_refusal_takes_little_memory(name: str, tmp_path: Path) -> None:
    content, code = MEGABYTES[name]
    small = saved(tiny_net(), tmp_path)
    (tmp_path / "x").write_bytes(content)
    found, memory, seconds = measured(tmp_path / "x", "load", small)
    assert found == code
    assert memory <= len(content) + (64 << 20), f"{memory >> 20} MiB"
    assert seconds < 2, seconds


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux says how much memory was taken")
def test_large_tensors_are_held_once(tmp_path: Path) -> None:
    """A file of 120 MB, sound and damaged: the numbers are read into the arrays that the net keeps, never copied."""
    small = saved(tiny_net(), tmp_path)
    large = tmp_path / "large"
    mt.save(nn.Embedding(30_000, 1000).init(mt.key(0), xp.zeros((1, 1), dtype=xp.int64)), large)
    code, memory, _ = measured(large, "load", small)
    assert code == "loaded" and memory <= large.stat().st_size + (64 << 20), f"{memory >> 20} MiB"
    with open(large, "r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    code, memory, _ = measured(large, "load", small)
    assert code == "FILE-12"
    assert memory <= large.stat().st_size + (64 << 20), f"{memory >> 20} MiB"
