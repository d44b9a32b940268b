"""How long `import mapsto` takes: fresh processes with bytecode, NumPy and mapsto in turn, the median of each.

`python -m bench.import_time` prints the table. Loading NumPy is part of loading mapsto.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

STATEMENTS = ("import numpy", "import mapsto", "from mapsto import *")
ROUNDS = 10


def seconds(statement: str) -> float:
    """One statement in a fresh process ↦ how long it took there, without the start of Python."""
    code = f"import time; began = time.perf_counter()\n{statement}\nprint(time.perf_counter() - began)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    for statement in STATEMENTS:  # writes the bytecode
        seconds(statement)
    rounds = [[seconds(statement) for statement in STATEMENTS] for _ in range(ROUNDS)]
    for statement, times in zip(STATEMENTS, zip(*rounds, strict=True), strict=True):
        print(f"{statement:24} {statistics.median(times):.3f} s   (least {min(times):.3f}, most {max(times):.3f})")


if __name__ == "__main__":
    main()
