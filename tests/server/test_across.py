"""Requests that arrive slowly: across a reload, and many of them at once (faults 64, 68, 71)."""

import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mapsto.server.models import served_from
from mapsto.server.pool import Pool, WorkerDied
from mapsto.server.settings import Settings
from tests.server.common import digit, head, one_answer, running, until

TENSOR = {"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}
BODIES = {
    "/v1/slow": json.dumps({"example": [1, 2, 3, 4]}).encode(),
    "/v2/models/slow/infer": json.dumps({"inputs": [TENSOR]}).encode(),
}


@pytest.mark.parametrize("path", BODIES)
def test_a_body_that_arrives_across_a_reload_is_answered(slow: Path, tmp_path: Path, path: str) -> None:
    served, body = tmp_path / "slow.mapsto", BODIES[path]
    shutil.copy(slow, served)
    with running(served, watch=0.1) as server, server.connect() as place:
        opening = head(len(body), path).replace(b"image/png", b"application/json")
        place.sendall(opening + body[:5])
        server.metric("mapsto_ready")  # the head has been read
        shutil.copy(slow, tmp_path / "new")
        (tmp_path / "new").rename(served)
        server.event("reload")
        place.sendall(body[5:])
        assert b" 200 " in one_answer(place)
        assert server.metric("mapsto_requests_under_way") == 1  # the one that asks for this


def test_a_pool_that_has_ended_says_so(slow: Path) -> None:
    """Whoever waits for a process, asks one, or asks later."""
    settings = Settings()
    served = served_from(slow, "slow", settings)
    load = {"do": "load", "name": "slow", "path": str(slow), "sizes": [1], "max_pixels": settings.max_pixels}

    async def asked() -> list[object]:
        pool = Pool(1, [load], 60, lambda event, process: None)
        await pool.start()
        items = [np.ones(4, np.float32)]
        assert len(await pool.run(served, items)) == 1
        waiting = [asyncio.ensure_future(pool.run(served, items)) for _ in range(3)]
        await asyncio.sleep(0)
        await pool.end()
        waiting.append(asyncio.ensure_future(pool.run(served, items)))
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)

    assert [type(one) for one in asyncio.run(asked())] == [WorkerDied] * 4


def test_bodies_that_do_not_arrive_take_nobodys_place(digits: Path) -> None:
    with running(digits, queue=8) as server:
        places = [server.connect() for _ in range(100)]
        for place in places:
            place.sendall(head(1000) + bytes(10))
        assert server.metric("mapsto_requests_under_way") == 1
        assert server.metric("mapsto_requests_arriving") == 100
        file, _ = digit(0)
        assert {server.ask(file)[0] for _ in range(20)} == {200}
        with server.connect() as other:  # head and body apart
            other.sendall(head(len(file)))
            other.sendall(file)
            assert b" 200 " in one_answer(other)
        for place in places:
            place.close()
        until(lambda: server.metric("mapsto_requests_arriving") == 0)
        assert server.metric("mapsto_requests_under_way") == 1


def test_bytes_of_bodies_that_do_not_arrive_are_bounded(digits: Path) -> None:
    with running(digits, max_bytes=20_000, queue=64) as server:
        places = [server.connect() for _ in range(20)]
        for place in places:
            place.sendall(head(20_000) + bytes(19_000))
        until(lambda: server.metric('mapsto_requests_total{model="digits",status="503"}') >= 4)
        assert server.ask(digit(0)[0])[0] == 200
        for place in places:
            place.close()
        until(lambda: server.metric("mapsto_requests_arriving") == 0)
