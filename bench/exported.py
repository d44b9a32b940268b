"""A net called from C beside the same file by `mt.load`: `python -m bench.exported`. It takes the C compiler, `cc`."""

import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

import mapsto as mt
from mapsto import image, nn
from mapsto.files.export import export

BATCHES = (1, 8, 64)
BLOCKS, SECONDS = 15, 0.03  # that are timed, and that each lasts about

PROGRAM = """
#define _POSIX_C_SOURCE 199309L
#include "net.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static uint8_t x[BATCH * 28 * 28];
static float y[BATCH * 10];
static char workspace[net_workspace_bytes];

int main(int count, char **arguments)
{
    int calls = count > 1 ? atoi(arguments[1]) : 1, blocks = count > 2 ? atoi(arguments[2]) : 1, wrong = 0;
    for (int i = 0; i < BATCH * 28 * 28; i++) x[i] = (uint8_t)(i * 37);
    for (int block = 0; block < blocks; block++) {
        double begin = now();
        for (int i = 0; i < calls; i++) wrong |= net_run(x, y, workspace);
        printf("%.9f\\n", (now() - begin) / calls);
    }
    return wrong;
}
"""


def net() -> mt.Mapping:
    """120,490 numbers, 482 kB: two convolutions and two dense layers on pictures of 28×28."""
    convolutions = nn.Conv2D(16, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2)
    whole = image.scale(1 / 255) >> convolutions >> nn.Flatten() >> nn.Dense(142) >> nn.relu >> nn.Dense(10)
    return (whole >> nn.softmax).init(mt.key(0), np.zeros((1, 28, 28, 1), np.uint8))


def from_c(folder: Path, batch: int, calls: int) -> float:
    """Seconds of a call, the median of the blocks."""
    (folder / "main.c").write_text(PROGRAM)
    words = ["cc", "-O2", f"-DBATCH={batch}", "main.c", "net.o", "-lm", "-o", "main"]
    subprocess.run(words, cwd=folder, check=True)
    done = subprocess.run([folder / "main", str(calls), str(BLOCKS)], capture_output=True, text=True, check=True)
    return median(map(float, done.stdout.split()))


def from_python(answer: mt.Mapping, x: np.ndarray) -> tuple[float, int]:
    """Seconds of a call, the median of the blocks; and how many calls a block has."""
    begin, calls = time.perf_counter(), 0
    while time.perf_counter() - begin < SECONDS:
        answer(x)
        calls += 1
    taken = []
    for _ in range(BLOCKS):
        begin = time.perf_counter()
        for _ in range(calls):
            answer(x)
        taken.append((time.perf_counter() - begin) / calls)
    return median(taken), calls


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mt.save(net(), folder / "net.mapsto")
        answer = mt.load(folder / "net.mapsto")
        for batch in BATCHES:
            begin = time.perf_counter()
            made = export(folder / "net.mapsto", folder, batch=batch)
            taken = time.perf_counter() - begin
            x = (np.arange(batch * 784) * 37).astype(np.uint8).reshape(batch, 28, 28, 1)
            times = []
            for threads in (1, 2):
                mt.threads(threads)
                answer(x)
                seconds, calls = from_python(answer, x)
                times.append(f"{1e6 * seconds:.1f} on {threads}")
            in_c = from_c(folder, batch, calls)
            size = made.code.stat().st_size
            print(f"batch {batch}: {size:,} bytes, of which {made.weights:,} weights, exported in {taken:.2f} s")
            print(f"  µs a call: {1e6 * in_c:.1f} from C; by mt.load {', '.join(times)} threads")


if __name__ == "__main__":
    main()
