"""Reload, death and the end, under load (faults 68, 70, 72)."""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import mapsto as mt
from tests.server.common import Running, digit, running, until
from tests.server.conftest import trained

EXAMPLE = json.dumps({"example": [1, 2, 3, 4]})


@contextmanager
def asked_all_the_time(server: Running, file: bytes) -> Iterator[Counter[tuple[int, float]]]:
    """Four clients that ask without pause ↦ status and best probability of every answer, counted."""
    found: Counter[tuple[int, float]] = Counter()
    ending = threading.Event()

    def ask() -> None:
        while not ending.is_set():
            status, answer = server.ask(file)
            found[status, round(answer["answers"][0][0]["probability"], 4) if status == 200 else 0.0] += 1

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        yield found
    finally:
        ending.set()
        for client in clients:
            client.join()


@pytest.mark.parametrize("workers", [0, 1])
def test_reload_without_a_failed_request(digits: Path, tmp_path: Path, workers: int) -> None:
    served = tmp_path / "digits.mapsto"
    shutil.copy(digits, served)
    file, _ = digit(0)
    with running(served, workers=workers, watch=0.1) as server:
        with asked_all_the_time(server, file) as found:
            until(lambda: len(found) == 1)
            served.write_bytes(digits.read_bytes()[:-100])
            refused = server.event("reload refused")
            assert "damaged" in refused["reason"] or "cut off" in refused["reason"]
            assert refused["file"] == str(served)
            before = sum(found.values())
            until(lambda: sum(found.values()) > before + 20)
            assert len(found) == 1  # still the old one
            mt.save(trained(32, 2), served)
            server.event("reload")
            until(lambda: len(found) == 2)
            before = sum(found.values())
            until(lambda: sum(found.values()) > before + 20)
        assert {status for status, _ in found} == {200} and len(found) == 2
        assert server.metric('mapsto_reloads_total{model="digits",outcome="refused"}') == 1
        served.unlink()
        server.event("reload refused", 2)
        assert server.ask(file)[0] == 200


def children(server: Running) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.process.pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split() if Path(f"/proc/{word}").exists()]


def test_a_worker_dies(slow: Path) -> None:
    with running(slow, workers=1, queue=64) as server:
        started = server.event("worker started")["process"]
        answers: list[tuple[int, object]] = []

        def ask() -> None:
            answers.append(server.ask(EXAMPLE, "/v1/slow", Content_Type="application/json"))

        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        until(lambda: server.metric("mapsto_batch_size_count") >= 1)
        os.kill(started, signal.SIGKILL)
        server.event("worker died")
        assert server.metric("mapsto_ready") == 0
        for client in clients:
            client.join()
        statuses = Counter(status for status, _ in answers)
        assert set(statuses) <= {200, 500} and statuses[500] >= 1
        told = [answer for status, answer in answers if status == 500]
        assert all(answer["error"]["code"] == "INTERNAL" for answer in told)  # type: ignore[index]
        assert "Traceback" not in str(told) and ".py" not in str(told)
        server.event("worker started", 2)
        until(lambda: server.metric("mapsto_ready") == 1)
        assert server.ask(EXAMPLE, "/v1/slow", Content_Type="application/json")[0] == 200
        assert server.metric("mapsto_worker_deaths_total") == 1


def test_a_worker_that_dies_while_nobody_asks(digits: Path) -> None:
    with running(digits, workers=2) as server:
        os.kill(server.event("worker started")["process"], signal.SIGKILL)
        server.event("worker started", 3)
        assert all(server.ask(digit(0)[0])[0] == 200 for _ in range(10))


@pytest.mark.parametrize("workers", [0, 1])
def test_told_to_stop(slow: Path, workers: int) -> None:
    """Not ready at once, what is under way is answered, then nobody listens; and it is no failure."""
    with running(slow, workers=workers) as server:
        answers: list[int] = []

        def ask() -> None:
            answers.append(server.ask(EXAMPLE, "/v1/slow", Content_Type="application/json")[0])

        clients = [threading.Thread(target=ask) for _ in range(16)]
        for client in clients:
            client.start()
        until(lambda: server.metric("mapsto_batch_size_count") >= 1)
        processes = children(server)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.metric("mapsto_ready") == 0, 5)
        for client in clients:
            client.join()
        assert answers == [200] * 16
        assert server.process.wait(10) == 0
        server.reader.join(5)
        events = [one["event"] for one in server.log]
        assert "stopping" in events and events[-1] == "stopped"
        assert len(processes) == workers
        until(lambda: not any(Path(f"/proc/{number}").exists() for number in processes), 5)
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_workers_end_with_a_server_that_is_killed(digits: Path) -> None:
    with running(digits, workers=2) as server:
        processes = children(server)
        assert len(processes) == 2
        server.process.kill()
        until(lambda: not any(Path(f"/proc/{number}").exists() for number in processes), 10)


def test_warm_before_ready(slow: Path) -> None:
    """Until then it is refused, and told to come back; afterwards the first answer is as quick as any."""
    with running(slow, wait_for="listening") as server:
        status, answer = server.ask(EXAMPLE, "/v1/slow", Content_Type="application/json")
        if not [one for one in server.log if one["event"] == "ready"]:
            assert (status, answer["error"]["code"]) == (503, "STARTING")
        server.event("ready")
        assert server.ask(EXAMPLE, "/v1/slow", Content_Type="application/json")[0] == 200


def test_the_log_is_lines_of_json(digits: Path) -> None:
    with running(digits) as server:
        server.ask(digit(0)[0])
        line = server.event("request")
        assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/digits", 200) and line["ms"] > 0
        server.stop()
        assert all(isinstance(json.loads(line), dict) for line in server.lines)


def test_what_a_killed_server_left_goes_away(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its copies of files, at the next start; those of a server that runs stay."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running(digits) as server:
        server.process.kill()
        server.process.wait(30)
    left = set(tmp_path.iterdir())
    assert [path for folder in left for path in folder.iterdir()]
    with running(digits) as first:
        used = set(tmp_path.iterdir())
        assert used and not used & left
        with running(digits) as second:
            assert used < set(tmp_path.iterdir())
            assert first.ask(digit(0)[0])[0] == second.ask(digit(0)[0])[0] == 200
    assert not list(tmp_path.iterdir())
