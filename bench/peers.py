"""One network, the same weights, the same batches, every framework that is present: `python -m bench.peers`.

python -m bench.peers                            # all rows; the results go to bench/results/
python -m bench.peers --rows cnn-128 --quick     # one row, a few short blocks; nothing is stored
python -m bench.peers --only torch,jax           # without mapsto
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import contest, machine, reference, table, worker
from bench.contestants import LIBRARIES, Contestant, Failed, absent, contestants
from bench.kinds import flops, follow, task_of
from bench.networks import ROWS, Arrays, Row
from bench.runner import Task

OURS = "mapsto"
STEPS = 20  # whose losses must agree
TOLERANCE = 1e-4  # of losses, each by its own size
DRIFT = 3e-2  # of final weights, by how far training moved them; a single place near a kink makes 5e-3
QUIET, REPEATS = 0.1, 4  # a block in which other processes took more of the cores is run again, at most so often
LONGEST = 3  # times the seconds meant for a block; while others have a core, steps can take a hundred times longer
PAUSE = 0.05  # seconds between blocks, in which the threads of the last one fall asleep
MOST = {True: 500, False: 20_000}  # steps of a block, in training and in inference
RESULTS = Path(__file__).parent / "results"


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default=",".join(ROWS), help="names, with commas between: %(default)s")
    parser.add_argument("--only", default=",".join(LIBRARIES), help="frameworks, with commas between: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a few short blocks; nothing is stored")
    parser.add_argument("--blocks", type=int, help="rounds over all peers (7; quick: 2)")
    parser.add_argument("--seconds", type=float, help="of one block (0.4; quick: 0.05)")
    parser.add_argument("--threads", type=int, default=2, help="for everybody (%(default)s)")
    parser.add_argument("--json", type=Path, help="where the results go (bench/results/DATE-CPU.json)")
    found = parser.parse_args()
    found.rows, found.only = found.rows.split(","), found.only.split(",")
    found.blocks = found.blocks or (2 if found.quick else 7)
    found.seconds = found.seconds or (0.05 if found.quick else 0.4)
    for kind, names, known in (("row", found.rows, ROWS), ("framework", found.only, LIBRARIES)):
        for name in names:
            if name not in known:
                parser.error(f"no {kind} {name!r}; there are {', '.join(known)}")
    return found


def checked(task: Task, one: Contestant, folder: Path, expected: tuple[np.ndarray, Arrays]) -> dict[str, Any]:
    """The first steps of a contestant against NumPy's ↦ what it said of them, with the differences.

    Raises Failed if they are not the same training.
    """
    said = one.ask("follow", steps=STEPS)
    with np.load(folder / said.pop("file"), allow_pickle=False) as file:
        weights = {name.removeprefix("weight/"): file[name] for name in file.files if name.startswith("weight/")}
        said["difference"] = reference.disagreement(file["found"], expected[0])
    if task.row.trains:
        said["drift"] = reference.drift(weights, expected[1], task.weights)
    if not (said["difference"] <= TOLERANCE and said.get("drift", 0.0) <= DRIFT):
        apart = f"losses or logits differ by {said['difference']:.1e}, weights by {said.get('drift', 0.0):.1e}"
        raise Failed(f"{one.name}: not the same: {apart}")
    return said


def started(task: Task, options: argparse.Namespace, folder: Path) -> tuple[list[Contestant], list[str]]:
    """The contestants of a row that do what NumPy does, and a line for each that does not."""
    worker.save(task, folder)
    expected = follow(task, STEPS)
    ready, dropped = [], []
    for one in contestants(task.row, options.only):
        try:
            one.start(folder, options.cores)
            if one.framework != "fma":
                one.facts.update(checked(task, one, folder, expected))
            ready.append(one)
        except Failed as problem:
            dropped.append(str(problem))
            print(f"    {problem}", flush=True)
            one.stop()
    return ready, dropped


def taken(row: Row, ready: list[Contestant], options: argparse.Namespace) -> dict[str, list[contest.Block]]:
    """All blocks of a row, in turns: by name of the contestant, as they came."""
    by_name = {one.name: one for one in ready}

    def block(name: str) -> contest.Block:
        one = by_name[name]
        steps = contest.steps_for(one.facts.get("seconds", 0.02), options.seconds, MOST[row.trains])

        def run() -> contest.Block:
            time.sleep(PAUSE)
            return one.ask("block", steps=steps, seconds=LONGEST * options.seconds)

        return contest.quietest(run, 1 if options.quick else 1 + REPEATS, QUIET)

    mine = next((one.name for one in ready if one.framework == OURS), None)
    peers = [one.name for one in ready if one.framework != OURS]
    found = contest.compete(contest.turns(mine, peers, options.blocks), block)
    if mine:
        for peer in peers:
            ratios = contest.paired(found[mine], peers, found, peer)
            by_name[peer].facts["ratios"] = [round(ratio, 3) for ratio in ratios]
    return found


def figures(one: Contestant, blocks: list[contest.Block]) -> dict[str, Any]:
    """A contestant and its blocks ↦ what the file says of it."""
    names = {"framework": one.framework, "variant": one.variant, "setting": one.setting}
    kept = {name: one.facts[name] for name in ("ratios", "difference", "drift") if name in one.facts}
    more = {
        "first_seconds": round(one.facts["first_seconds"], 3),
        "peak_mib": round(one.facts["peak_bytes"] / 2**20, 1),
    }
    return {**names, **contest.summary(blocks), **more, **kept}


def run_row(row: Row, options: argparse.Namespace) -> dict[str, Any]:
    """One row of the table: start everybody, compare, take turns, stop everybody."""
    task = task_of(row)
    with tempfile.TemporaryDirectory() as name:
        ready, dropped = started(task, options, Path(name))
        try:
            found = taken(row, ready, options) if ready else {}
        finally:
            for one in ready:
                one.stop()
    result: dict[str, Any] = {"name": row.name, "title": row.title, "flops": flops(row), "dropped": dropped}
    result["versions"] = {name: version for one in ready for name, version in one.facts["versions"].items()}
    for one in ready:
        if one.framework == "fma":
            loop = contest.summary(found[one.name])
            result["peak_gflops"] = round(one.facts["flops"] / loop["ms"] / 1e6, 1)
            result["peak_noise"], result["peak_others"] = loop["noise"], loop["others"]
    result["contestants"] = [figures(one, found[one.name]) for one in ready if one.framework != "fma"]
    return result


def destination(result: dict[str, Any]) -> Path:
    """Results ↦ the file for them: the day and the processor."""
    cpu = re.sub(r"[^a-z0-9]+", "-", result["machine"]["cpu"].lower()).strip("-")
    return RESULTS / f"{result['when'].split()[0]}-{cpu}.json"


def main() -> int:
    """Runs the rows, prints the tables, stores the results; 1 if a framework failed or disagreed."""
    options = arguments()
    options.cores = machine.distinct_cores(sorted(machine.allowed()))[: options.threads]
    for name in list(options.only):
        if missing := absent(name):
            print(f"{name} is skipped: {', '.join(missing)} cannot be imported", flush=True)
            options.only.remove(name)
    when = time.strftime("%Y-%m-%d %H:%M")
    result: dict[str, Any] = {"when": when, "machine": machine.facts(), "threads": len(options.cores)}
    result |= {"blocks": options.blocks, "block_seconds": options.seconds, "versions": {}, "rows": []}
    file = options.json or (None if options.quick else destination(result))
    for name in options.rows:
        print(f"{ROWS[name].title} …", flush=True)
        row = run_row(ROWS[name], options)
        result["versions"] |= row.pop("versions")
        result["rows"].append(row)
        print(table.details(row), flush=True)
        if file:  # after every row, so that an interrupt loses one at most
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("\n" + table.text(result))
    if file:
        print(f"stored  {file}")
    return 1 if any(row["dropped"] for row in result["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
