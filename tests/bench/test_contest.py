"""How turns are taken, what is made of the times, and a whole contest with mapsto alone."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from bench import contest, contestants, machine, peers
from bench.contestants import Contestant, Failed
from bench.networks import ROWS, batches, first_weights
from bench.runner import Task
from bench.worker import load, save


def test_turns_and_medians() -> None:
    """A machine that slows down to half: the ratio of medians stays near 3, since turns alternate."""
    clock = {"slowness": 1.0}
    seconds = {"ours": 1.0, "p": 3.0, "q": 4.0}

    def block(name: str) -> contest.Block:
        clock["slowness"] += 0.05
        return {"seconds": seconds[name] * clock["slowness"], "busy": 2.0, "faults": 0.0, "spun": 0.001}

    found = contest.compete(contest.turns("ours", ["p", "q"], 5), block)
    assert [len(found[name]) for name in ("ours", "p", "q")] == [10, 5, 5]
    figures = {name: contest.summary(blocks) for name, blocks in found.items()}
    assert figures["p"]["ms"] / figures["ours"]["ms"] == pytest.approx(3, rel=0.04)
    assert contest.paired(found["ours"], ["p", "q"], found, "q") == pytest.approx([4] * 5, rel=0.05)
    assert figures["p"]["spun_ms"] == 1.0 and figures["p"]["busy"] == 2.0


def test_noise_is_half_the_middle_half() -> None:
    blocks = [{"seconds": one} for one in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert contest.summary(blocks)["noise"] == pytest.approx(1 / 3, abs=1e-4)


def test_a_worker_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "7")  # ours to set, not the caller's
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    installed, tuned = (contestants.environment([0, 2], setting) for setting in ("installed", "tuned"))
    assert not [name for name in installed if name.startswith("MALLOC_")]
    assert int(tuned["MALLOC_MMAP_THRESHOLD_"]) >= 2**30
    assert installed["OMP_NUM_THREADS"] == installed["MAPSTO_THREADS"] == "2"
    assert installed["BENCH_CORES"] == "0,2"


def test_who_takes_part() -> None:
    names = [one.name for one in contestants.contestants(ROWS["dense-64"], list(contestants.LIBRARIES))]
    assert names == [
        "mapsto compile", "torch eager", "torch eager tuned", "torch compile", "torch compile tuned", "jax jit",
        "jax jit tuned", "jax jit ahead", "jax jit ahead tuned", "fma loop",
    ]  # fmt: skip
    inference = {one.framework for one in contestants.contestants(ROWS["cnn-1"], list(contestants.LIBRARIES))}
    assert "onnxruntime" in inference


def test_a_task_there_and_back(tmp_path) -> None:
    task = Task(ROWS["dense-32"], first_weights(ROWS["dense-32"]), *batches(ROWS["dense-32"], pool=2))
    save(task, tmp_path)
    found = load(tmp_path)
    assert found.row == task.row and found.weights.keys() == task.weights.keys()
    np.testing.assert_array_equal(found.images, task.images)
    np.testing.assert_array_equal(found.weights["dense_1.bias"], task.weights["dense_1.bias"])


def test_what_is_absent_or_breaks_is_told(tmp_path) -> None:
    for framework, word in (("nothing", "absent: No module named 'bench.on_nothing'"), ("mapsto", "failed")):
        one = Contestant(framework, "compile", "installed")
        with pytest.raises(Failed, match=word):  # no task stands in the folder
            one.start(tmp_path, sorted(machine.allowed())[:1])
        one.stop()


def test_memory_of_a_process() -> None:
    machine.forget_peak()
    before = machine.memory_now()
    block = np.ones(8 << 20)
    assert machine.memory_peak() - before > 0.9 * block.nbytes


def test_a_whole_contest(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """mapsto alone, against itself in NumPy; what is missing is skipped with a line."""
    monkeypatch.setitem(contestants.LIBRARIES, "onnxruntime", ["no_such_library"])
    file = tmp_path / "found.json"
    options = ["--rows", "dense-32,dense-1", "--only", "mapsto,onnxruntime", "--quick", "--seconds", "0.01"]
    monkeypatch.setattr(sys, "argv", ["peers", *options, "--json", str(file)])
    assert peers.main() == 0
    printed = capsys.readouterr().out
    assert "onnxruntime is skipped: no_such_library cannot be imported" in printed
    result = json.loads(file.read_text())
    assert result["machine"]["cpu"] and result["versions"]["mapsto"] and result["blocks"] == 2
    assert [row["name"] for row in result["rows"]] == ["dense-32", "dense-1"]
    mine = result["rows"][0]["contestants"][0]
    assert mine["ms"] > 0 and mine["difference"] < 1e-5 and len(mine["blocks_ms"]) == 2 and mine["peak_mib"] > 0


def test_another_training_is_dropped(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(peers, "TOLERANCE", 0.0)
    monkeypatch.setattr(sys, "argv", ["peers", "--rows", "dense-1", "--only", "mapsto", "--quick", "--seconds", "0.01"])
    assert peers.main() == 1
    assert "mapsto compile: not the same" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--rows", "cnn"], ["--only", "keras"]])
def test_unknown_names(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["peers", *words])
    with pytest.raises(SystemExit):
        peers.main()
    assert f"{words[1]!r}; there are" in capsys.readouterr().err


def test_what_others_take_is_seen() -> None:
    """A second process that spins on this process's only core: together they keep it busy."""
    core = min(machine.allowed())
    spin = f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"
    before, begun = machine.busy_seconds([core]), time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", spin]) as other:
        time.sleep(0.5)
        other.kill()
    assert machine.busy_seconds([core]) - before > 0.25 * (time.perf_counter() - begun)
