"""A served net beside the same net under ONNX Runtime: `python -m bench.serving_peers`. Takes the extra `bench`.

Alone: what the server calls for a batch (`Served.run`), the compiled program under it, and a session with two threads
and one with one, of which the better counts; each in a process of its own on the same two cores, in turns.
End to end: `mapsto serve`, and the same server whose batches a session runs (`bench.serving_onnx`), side by side; a
client asks each in turn over so many connections.

Claimed: alone 1.5 times the throughput, end to end 1.0 times with a p99 that is no worse.

python -m bench.serving_peers --nets small --parts alone     # one net, one part; stored beside the others
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

import mapsto as mt
from bench import contest, machine, on_onnxruntime, peers, reference, serving_client, worker
from bench.contestants import Contestant, environment
from bench.networks import SERVED, SERVED_NETS, batches, first_weights
from bench.on_mapsto import MapstoRunner
from bench.runner import Task
from mapsto import image

CONNECTIONS = (1, 8, 32)
SERVERS = {"mapsto": "mapsto", "onnxruntime": "bench.serving_onnx"}
PARTS = ("alone", "end to end")
ALONE = [("mapsto", "served"), ("mapsto", "program"), ("onnxruntime", "session"), ("onnxruntime", "one thread")]
APART = 1e-3  # by how much answers may differ; logits are of the order of 1


def task_of(name: str) -> Task:
    row = SERVED[name]
    return Task(row, first_weights(row), *batches(row))


def alone(task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """One net at one batch ↦ the figures of everybody who runs it, checked against NumPy."""
    everybody = [Contestant(framework, variant, "installed") for framework, variant in ALONE]
    with tempfile.TemporaryDirectory() as folder:
        worker.save(task, Path(folder))
        expected = reference.follow(task, peers.STEPS)
        try:
            for one in everybody:
                one.start(Path(folder), options.cores)
                one.facts.update(peers.checked(task, one, Path(folder), expected))
            by_name = {one.name: one for one in everybody}

            def block(name: str) -> contest.Block:
                one = by_name[name]
                steps = contest.steps_for(one.facts["seconds"], options.seconds, peers.MOST[False])

                def run() -> contest.Block:
                    time.sleep(peers.PAUSE)
                    return one.ask("block", steps=steps, seconds=peers.LONGEST * options.seconds)

                return contest.quietest(run, options.tries, peers.QUIET)

            ours, *others = by_name
            found = contest.compete(contest.turns(ours, others, options.blocks), block)
        finally:
            for one in everybody:
                one.stop()
    figures: dict[str, Any] = {name: contest.summary(blocks) for name, blocks in found.items()}
    for name, one in by_name.items():
        figures[name]["rate"] = round(1e3 * task.row.batch / figures[name]["ms"])
        figures[name]["difference"] = one.facts["difference"]
    theirs = min((name for name in others if name.startswith("onnx")), key=lambda name: figures[name]["ms"])
    ratios = [round(one, 3) for one in contest.paired(found[ours], others, found, theirs)]
    return {"contestants": figures, "best peer": theirs, "ratio": median(ratios), "ratios": ratios}


def in_files(task: Task, folder: Path) -> tuple[Path, list[bytes]]:
    """The net with a decoder before it as a file for either server ↦ that file, and pictures to ask about."""
    height, width, channels = task.row.example
    net = MapstoRunner(task).net
    mode = "RGB" if channels == 3 else "L"
    mt.save(mt.each(image.decode((height, width), mode)) >> net, folder / "net.mapsto")
    (folder / "net.onnx").write_bytes(on_onnxruntime.model_of(task, "n").SerializeToString())
    pictures = []
    for one in task.images[0][:8]:
        made = io.BytesIO()
        Image.fromarray(one if channels == 3 else one[:, :, 0]).save(made, "PNG")
        pictures.append(made.getvalue())
    return folder / "net.mapsto", pictures


@contextmanager
def server(module: str, file: Path, threads: int, workers: int) -> Iterator[str]:
    """A server in a process of its own, stopped at the end ↦ its port."""
    command = [sys.executable, "-m", module, "serve", str(file), "--port", "0", "--workers", str(workers)]
    given = {**environment(sorted(machine.allowed())[:threads], "installed"), "BENCH_ONNX": str(file.parent)}
    given["BENCH_ONNX_THREADS"] = str(threads)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=given)
    assert process.stderr is not None
    try:
        lines = map(json.loads, process.stderr)
        yield next(line for line in lines if line["event"] == "ready")["address"].rpartition(":")[2]
    finally:
        process.terminate()
        process.communicate()


def answers(port: str, pictures: list[bytes]) -> np.ndarray:
    """What a server says of pictures, f64[n, 10]."""
    found = []
    for picture in pictures:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/net", picture, {"Content-Type": "image/png"})
        with urllib.request.urlopen(asked, timeout=10) as reply:
            found.append(json.load(reply)["answers"][0])
    return np.array(found)


def end_to_end(task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """One net behind both servers ↦ answers a second and percentiles in ms, by connections."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, pictures = in_files(task, folder)
        (folder / "picture.png").write_bytes(pictures[0])
        threads = len(options.cores)
        with (
            server(SERVERS["mapsto"], file, threads, options.workers) as ours,
            server(SERVERS["onnxruntime"], file, threads, options.workers) as theirs,
        ):
            apart = float(np.abs(answers(ours, pictures) - answers(theirs, pictures)).max())
            if not apart <= APART:
                raise SystemExit(f"the servers' answers differ by {apart:.1e}")
            ports = dict(zip(SERVERS, (ours, theirs), strict=True))
            found: dict[str, Any] = {"difference": apart}
            for connections in CONNECTIONS:
                words = ["net", str(folder / "picture.png"), str(connections), str(options.load_seconds), "0"]

                def block(name: str, words: list[str] = words) -> contest.Block:
                    return serving_client.client(["closed", ports[name], *words])["200"]

                blocks = contest.compete(list(SERVERS) * options.rounds, block)
                found[str(connections)] = {name: of_blocks(made) for name, made in blocks.items()}
    return found


def of_blocks(blocks: list[contest.Block]) -> dict[str, Any]:
    """Blocks of a server ↦ the medians of their figures, and the figures."""
    return {
        **{name: round(median([one[name] for one in blocks]), 3) for name in ("rate", "p50", "p99")},
        "blocks": blocks,
    }


def shown_alone(title: str, found: dict[str, Any]) -> None:
    figures = found["contestants"]
    told = ", ".join(f"{name} {one['rate']:,}/s ({1e3 * one['ms']:.1f} µs)" for name, one in figures.items())
    most = max(one["others"] for one in figures.values())
    print(f"{title}: {told}; {found['ratio']:.2f} × (others took {most:.0%})", flush=True)


def shown_served(title: str, found: dict[str, Any]) -> None:
    for connections in map(str, CONNECTIONS):
        both = found[connections]
        told = [f"{name} {one['rate']:,.0f}/s p50 {one['p50']} p99 {one['p99']} ms" for name, one in both.items()]
        ratio = both["mapsto"]["rate"] / both["onnxruntime"]["rate"]
        print(f"{title}, {connections} connections: {', '.join(told)}; {ratio:.2f} ×", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serving_peers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nets", default=",".join(SERVED_NETS), help="%(default)s")
    parser.add_argument("--parts", default=",".join(PARTS), help="%(default)s")
    parser.add_argument("--blocks", type=int, default=5, help="rounds over those that run alone (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.1, help="of such a block (%(default)s)")
    parser.add_argument("--tries", type=int, default=3, help="of a block that others disturb (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over the servers (%(default)s)")
    parser.add_argument("--load-seconds", type=float, default=0.5, help="of one load (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes that compute behind a server (%(default)s)")
    parser.add_argument("--json", type=Path, help="where the results go (bench/results/serving/DATE-CPU.json)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.cores = machine.distinct_cores(sorted(machine.allowed()))[:2]
    result: dict[str, Any] = {"when": time.strftime("%Y-%m-%d %H:%M"), "machine": machine.facts()}
    place = peers.destination(result)
    file = options.json or place.parent / "serving" / place.name
    if file.exists():  # parts that were measured before stay
        result = {**json.loads(file.read_text(encoding="utf-8")), **result}
    for name in options.nets.split(","):
        title = SERVED_NETS[name][0]
        if "alone" in options.parts:
            for key in (key for key in SERVED if key.startswith(f"{name}-")):
                found = result.setdefault("alone", {})[key] = alone(task_of(key), options)
                shown_alone(SERVED[key].title, found)
        if "end to end" in options.parts:
            found = result.setdefault("end to end", {})[name] = end_to_end(task_of(f"{name}-served-8"), options)
            shown_served(title, found)
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"stored  {file}")


if __name__ == "__main__":
    main()
