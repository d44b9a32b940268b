"""One network, the same weights, the same batches, every framework that is present: `python -m bench.peers`.

    python -m bench.peers                            # all rows; the results go to bench/results/
    python -m bench.peers --rows cnn-128 --quick     # one row, a few short blocks; nothing is stored
    python -m bench.peers --only torch,jax           # without mapsto
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import contest, machine, reference, table, worker
from bench.contestants import LIBRARIES, Contestant, Failed, absent, contestants
from bench.networks import ROWS, Arrays, Row, batches, first_weights, flops
from bench.runner import Task

OURS = "mapsto"
STEPS = 20  # whose losses must agree
TOLERANCE = 1e-4
DRIFT = 1e-2
PAUSE = 0.05  # seconds between blocks, in which the threads of the last one fall asleep
RESULTS = Path(__file__).parent / "results"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default=",".join(ROWS), help="names, with commas between: %(default)s")
    parser.add_argument("--only", default=",".join(LIBRARIES), help="frameworks, with commas between: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a few short blocks; nothing is stored")
    parser.add_argument("--blocks", type=int, help="rounds over all peers")
    parser.add_argument("--seconds", type=float, help="of one block")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where the results go")
    found = parser.parse_args()
    found.rows, found.only = found.rows.split(","), found.only.split(",")
    found.blocks = found.blocks or (2 if found.quick else 7)
    found.seconds = found.seconds or (0.05 if found.quick else 0.4)
    for name, known in ((name, ROWS) for name in found.rows):
        if name not in known:
            parser.error(f"no row {name!r}; there are {', '.join(known)}")
    for name in found.only:
        if name not in LIBRARIES:
            parser.error(f"no framework {name!r}; there are {', '.join(LIBRARIES)}")
    return found


def checked(task: Task, one: Contestant, folder: Path, expected: tuple[np.ndarray, Arrays]) -> dict[str, Any]:
    """The first steps of a contestant against NumPy's ↦ what it said of them, with the differences.

    Raises Failed if they are not the same training.
    """
    said = one.ask("follow", STEPS)
    with np.load(folder / said.pop("file"), allow_pickle=False) as file:
        weights = {name.removeprefix("weight/"): file[name] for name in file.files if name.startswith("weight/")}
        said["difference"] = reference.disagreement(file["found"], expected[0])
    if task.row.trains:
        said["drift"] = reference.drift(weights, expected[1], task.weights)
    if not (said["difference"] <= TOLERANCE and said.get("drift", 0) <= DRIFT):
        raise Failed(f"{one.name}: not the same training: difference {said['difference']:.1e}, drift {said.get('drift', 0):.1e}")
    return said


def started(task: Task, frameworks: list[str], folder: Path, cores: list[int], log: Any) -> tuple[list[Contestant], list[str]]:
    """The contestants of a row that do what NumPy does, and a line for each that does not."""
    worker.save(task, folder)
    expected = reference.follow(task, STEPS)
    ready, dropped = [], []
    for one in contestants(task.row, frameworks):
        try:
            one.start(folder, cores, log)
            if one.framework != "fma":
                one.facts.update(checked(task, one, folder, expected))
            ready.append(one)
        except Failed as problem:
            dropped.append(str(problem))
            print(f"    {problem}", flush=True)
            one.stop()
    return ready, dropped


def run_row(row: Row, options: argparse.Namespace, cores: list[int], log: Any) -> dict[str, Any]:
    """One row of the table: start everybody, compare, take turns, stop everybody."""
    task = Task(row, first_weights(row), *batches(row))
    with tempfile.TemporaryDirectory() as name:
        ready, dropped = started(task, options.only, Path(name), cores, log)
        by_name = {one.name: one for one in ready}
        most = 500 if row.trains else 20_000

        def block(name: str) -> contest.Block:
            time.sleep(PAUSE)
            one = by_name[name]
            return one.ask("block", contest.steps_for(one.facts.get("seconds", 0.02), options.seconds, most))

        mine = next((one.name for one in ready if one.framework == OURS), None)
        peers = [one.name for one in ready if one.framework != OURS]
        found = contest.compete(contest.turns(mine, peers, options.blocks), block)
        for one in ready:
            one.stop()
    result: dict[str, Any] = {"name": row.name, "title": row.title, "flops": flops(row), "dropped": dropped, "contestants": []}
    for one in ready:
        figures = contest.summary(found[one.name])
        if one.framework == "fma":
            result["peak_gflops"] = round(one.facts["flops"] / figures["ms"] / 1e6, 1)
            continue
        if mine and one.name != mine:
            ratios = contest.paired(found[mine], peers, found, one.name)
            figures["ratios"] = [round(ratio, 3) for ratio in ratios]
        names = {"framework": one.framework, "variant": one.variant, "setting": one.setting}
        kept = {name: one.facts[name] for name in ("difference", "drift", "first_seconds") if name in one.facts}
        result["contestants"].append({**names, **figures, **kept, "peak_mib": round(one.facts["peak_bytes"] / 2**20, 1)})
        result.setdefault("versions", {}).update(one.facts["versions"])
    return result


def main() -> int:
    options = arguments()
    cores = machine.distinct_cores(sorted(machine.allowed()))[: options.threads]
    skipped = {name: missing for name in options.only if (missing := absent(name))}
    for name, missing in skipped.items():
        print(f"{name} is skipped: {', '.join(missing)} cannot be imported", flush=True)
    options.only = [name for name in options.only if name not in skipped]
    result: dict[str, Any] = {"when": time.strftime("%Y-%m-%d %H:%M"), "machine": machine.facts(), "threads": len(cores)}
    result |= {"blocks": options.blocks, "block_seconds": options.seconds, "versions": {}, "rows": []}
    for name in options.rows:
        print(f"{ROWS[name].title} …", flush=True)
        row = run_row(ROWS[name], options, cores, subprocess.DEVNULL)
        result["versions"] |= row.pop("versions", {})
        result["rows"].append(row)
        print(table.details(row), flush=True)
    print(table.text(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if any(row["dropped"] for row in result["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
