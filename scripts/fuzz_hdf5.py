"""Fuzz `net.load_weights` with HDF5 files of strange structure: each loads, or is refused by name, within a second.

    PYTHONPATH=. python scripts/fuzz_hdf5.py --seconds 90 --seed 1

The same files come for the same seed (tests/files/mutate_hdf5.py), each as it is and with its bytes changed. What ends
it: a crash, an error that is none of ours, more than a second of work, more memory than the file and 64 MiB, any file
opened but the one named. The file that did it is kept, where the first line says. Linux alone says which files
are opened and how much memory is had.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import mapsto as mt
from tests.files.common import tiny_net
from tests.files.mutate import Stream, changed_bytes
from tests.files.mutate_hdf5 import strange_file
from tests.files.opened import Watched

LONGEST = 1.0  # seconds
HANGS = 60  # seconds after which nothing is awaited any more
MEMORY = 64 << 20  # bytes beyond the file
CHOICES = 400  # bytes that say what is in a file
CHANGED = 3  # versions of it with bytes changed, one after the other


def peak() -> int:
    """The most memory since `clear`, in bytes."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def clear() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def choices(seed: str) -> Stream:
    """Choices by a text."""
    return Stream(random.Random(seed).randbytes(CHOICES))


def files(seed: int, other: Path) -> Iterator[bytes]:
    """Without end: a file, and what becomes of it by changes of bytes."""
    for number in count():
        made = strange_file(choices(f"{seed} {number}"), other)
        yield made
        for version in range(CHANGED):
            made = changed_bytes(made, choices(f"{seed} {number} {version}"))
            yield made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=90, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    (folder / "elsewhere").mkdir()
    other, path, net = folder / "elsewhere" / "other.h5", folder / "fuzzed", tiny_net()
    other.write_bytes(strange_file(Stream(b""), other))
    watched, codes = Watched(folder / "elsewhere"), Counter[str]()
    worst = {"seconds": 0.0, "memory": 0}
    print(f"the file that is read: {path}", flush=True)
    end = time.monotonic() + options.seconds
    for number, made in enumerate(files(options.seed, other)):
        if time.monotonic() > end:
            break
        path.write_bytes(made)
        faulthandler.dump_traceback_later(HANGS, exit=True)
        clear()
        before, began, _ = peak(), time.process_time(), watched.opened
        try:
            net.load_weights(path)
            code = "loaded"
        except (mt.FormatError, mt.LimitError) as error:
            code = error.code
        seconds, memory, opened = time.process_time() - began, peak() - before - len(made), watched.opened
        if opened:  # perhaps by what wrote the file, and was still about
            with contextlib.suppress(mt.MapstoError):
                net.load_weights(path)
            opened = watched.opened
        if seconds > LONGEST or memory > MEMORY or opened:
            raise SystemExit(f"file {number}, {path}: {seconds:.2f} s, {memory >> 20} MiB, another opened: {opened}")
        codes[code] += 1
        worst = {"seconds": max(seconds, worst["seconds"]), "memory": max(memory, worst["memory"])}
    shutil.rmtree(folder)
    print(json.dumps({"seed": options.seed, "files": codes.total(), **worst, "codes": dict(codes.most_common())}))


if __name__ == "__main__":
    main()
