"""Many processes start at once on one cache while somebody damages it: `python -m tests.target.storm [folder]`.

The full one, 32 processes with 20 starts each, takes minutes; the tests run a small one.
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

TEXTS = 12
START = f"""
import ctypes, warnings
warnings.simplefilter("ignore")  # notes of damaged entries are expected
from mapsto.target.native import load
for n in range({TEXTS}):
    ir = f"define i64 @f(i64 %x) {{{{ %y = add i64 %x, {{n}} ret i64 %y }}}}"
    answer = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(load(ir, ["f"])["f"])(100)
    assert answer == 100 + n, answer
"""


def storm(folder: Path, processes: int, starts: int) -> list[str]:
    """A folder for a cache ↦ what went wrong, process by process: nothing."""
    wrong: list[str] = []
    over = threading.Event()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MAPSTO_CACHE": str(folder)}

    def start_often() -> None:
        for _ in range(starts):
            done = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True)
            if done.returncode or done.stderr:
                wrong.append(f"{done.returncode}: {done.stderr}")

    def damage() -> None:
        generator = random.Random(4)
        while not over.wait(0.02):
            with suppress(OSError, IndexError, ValueError):  # there is nothing yet, or it was replaced in between
                harm(generator.choice(sorted(folder.glob("[!.]*"))), generator)

    threads = [threading.Thread(target=start_often) for _ in range(processes)]
    vandal = threading.Thread(target=damage)
    for thread in (*threads, vandal):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    vandal.join()
    subprocess.run([sys.executable, "-c", START], env=environment, check=True)  # mends what was damaged last
    return wrong


def harm(path: Path, generator: random.Random) -> None:
    """Flip a bit of a file, cut it off, or remove it."""
    kind = generator.choice(("flip", "cut", "remove"))
    if kind == "flip":
        data = bytearray(path.read_bytes())
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        path.write_bytes(data)
    elif kind == "cut":
        os.truncate(path, generator.randrange(path.stat().st_size))
    else:
        path.unlink()


if __name__ == "__main__":
    place = Path(sys.argv[1]) if sys.argv[1:] else Path(tempfile.mkdtemp()) / "cache"
    began = time.monotonic()
    print(*storm(place, processes=32, starts=20), sep="\n")
    print(f"640 starts in {time.monotonic() - began:.0f} s on {place}")
