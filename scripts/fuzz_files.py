"""Fuzz `mt.load` and `net.load_weights`: files that are almost sound load, or are refused by name, within a second.

    PYTHONPATH=. python scripts/fuzz_files.py FOLDER -max_total_time=90 -timeout=2 -rss_limit_mb=700

Uses atheris (`pip install atheris`, Linux), whose options follow the folder of the corpus; the inputs choose what is
changed in a small file (tests/files/mutate.py), so that they get past the checksums. At the end, and every 10,000
files, it prints how many files were tried, loaded and refused, the longest time and the most memory that one took.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import atheris
import h5py
import numpy as np

with atheris.instrument_imports(include=["mapsto.files", "mapsto.ir.parse", "mapsto.core.spec"]):
    import mapsto.files

import mapsto as mt
from tests.files.common import backwards, conv_net, loops_net, opinion, saved, tiny_net, whole_way
from tests.files.mutate import Stream, changed_archive, changed_bytes, changed_file, changed_tensors

LONGEST = 1.0  # seconds
MEMORY = 64 << 20  # bytes beyond the file
CODES: Counter[str] = Counter()
WORST = {"seconds": 0.0, "input": "", "rss": 0}
FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
NETS = (tiny_net(), whole_way(conv_net()), opinion(), backwards(), loops_net())
SEEDS = [saved(net, FOLDER).read_bytes() for net in NETS]
PATH = FOLDER / "fuzzed"
NET = tiny_net()
STORED = Path(__file__).parents[1] / "tests" / "stored" / "weights"


def weights() -> tuple[bytes, bytes, bytes]:
    """Sound files of weights: safetensors, .npz and HDF5."""
    mt.save_weights(NET, PATH)
    tensors = PATH.read_bytes()
    np.savez(PATH, **{name: np.asarray(value) for name, value in mt.select(NET, "**").items()})
    archive = PATH.with_suffix(".npz").read_bytes()
    with h5py.File(PATH, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"], group["1"] = np.ones((2, 1), np.float32), np.ones(1, np.float32)
    return tensors, archive, PATH.read_bytes()


TENSORS, ARCHIVE, HDF5 = weights()


def peak() -> int:
    """The most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one(content: bytes) -> None:
    stream = Stream(content)
    what, read = stream.below(9), mt.load
    if what < len(SEEDS):
        made = changed_file(SEEDS[what], stream, hashlib.sha256)
    else:
        read = NET.load_weights
        if what <= 6:
            made = changed_tensors(TENSORS, stream)
        elif what == 7:
            made = changed_archive(ARCHIVE, stream)
        else:
            made = changed_bytes(changed_bytes(HDF5, stream), stream)
    PATH.write_bytes(made)
    before, begin = peak(), time.perf_counter()
    try:
        read(PATH)
        code = "loaded"
    except (mt.FormatError, mt.LimitError, mt.DataError) as error:
        code = error.code
        if not code.startswith(("FILE-", "NPY-")) or len(str(error)) > 2000:
            raise AssertionError(f"refused in other words: {error}") from error
    seconds = time.perf_counter() - begin
    CODES[code] += 1
    if seconds > WORST["seconds"]:
        WORST.update(seconds=seconds, input=content.hex()[:200])
    if peak() - before > MEMORY + len(made):
        raise AssertionError(f"{peak() - before} bytes of memory for a file of {len(made)}")
    if seconds > LONGEST:
        time.sleep(0.2)  # perhaps the machine was busy: once more, by the time that this process had a core
        begin = time.process_time()
        with contextlib.suppress(mt.MapstoError):
            read(PATH)
        if time.process_time() - begin > LONGEST:
            raise AssertionError(f"{seconds:.2f} s for a file of {len(made)} bytes")
    if CODES.total() % 10_000 == 0:
        report()


def report() -> None:
    told = {**WORST, "rss": peak(), "files": CODES.total(), "codes": dict(CODES.most_common())}
    text = json.dumps(told)
    print(text, file=sys.stderr, flush=True)
    if "FUZZ_REPORT" in os.environ:
        Path(os.environ["FUZZ_REPORT"]).write_text(text)


if __name__ == "__main__":
    gc.freeze()
    atexit.register(report)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
