"""Fuzz `net.load_weights` with HDF5 files of strange structure: each loads, or is refused by name, within a second.

    PYTHONPATH=. python scripts/fuzz_hdf5.py --files 20000 --seed 1

The same files come for the same seed (tests/files/mutate_hdf5.py). What ends it: a crash, an error that is none of
ours, more than a second, more memory than the file and 64 MiB, or any file opened but the one that is named. The file
that did it is kept, where the first line says. Linux alone says which files are opened and how much memory is had.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import mapsto as mt
from tests.files.common import tiny_net
from tests.files.mutate import Stream
from tests.files.mutate_hdf5 import strange_file
from tests.files.opened import Watched

LONGEST = 1.0  # seconds
MEMORY = 64 << 20  # bytes beyond the file
CHOICES = 400  # bytes that say what is in a file


def peak() -> int:
    """The most memory since `clear`, in bytes."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def clear() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    (folder / "elsewhere").mkdir()
    other, path, net = folder / "elsewhere" / "other.h5", folder / "fuzzed", tiny_net()
    other.write_bytes(strange_file(Stream(b""), other))
    watched, codes = Watched(folder / "elsewhere"), Counter[str]()
    worst = {"seconds": 0.0, "memory": 0}
    print(f"the file that is read: {path}", flush=True)
    for number in range(options.files):
        made = strange_file(Stream(random.Random(f"{options.seed} {number}").randbytes(CHOICES)), other)
        path.write_bytes(made)
        clear()
        before, began, _ = peak(), time.perf_counter(), watched.opened
        try:
            net.load_weights(path)
            code = "loaded"
        except (mt.FormatError, mt.LimitError) as error:
            code = error.code
        seconds, memory = time.perf_counter() - began, peak() - before - len(made)
        if seconds > LONGEST or memory > MEMORY or watched.opened:
            raise SystemExit(f"file {number}, {path}: {seconds:.2f} s, {memory >> 20} MiB, opened {watched.opened}")
        codes[code] += 1
        worst = {"seconds": max(seconds, worst["seconds"]), "memory": max(memory, worst["memory"])}
    shutil.rmtree(folder)
    print(json.dumps({"seed": options.seed, "files": options.files, **worst, "codes": dict(codes.most_common())}))


if __name__ == "__main__":
    main()
