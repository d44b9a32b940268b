"""The models over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response

from mapsto.server.batcher import Batcher
from mapsto.server.model import Served
from mapsto.server.settings import Settings


@dataclass(frozen=True)
class Live:
    """A model as it is served now."""

    served: Served
    batcher: Batcher


class Models(Mapping[str, Live]):
    """Name ↦ the model as it is served now. A reload replaces one of them at once."""

    def __init__(self, served: list[Served], settings: Settings) -> None:
        self.executor = ThreadPoolExecutor(1)
        self.decoders = ThreadPoolExecutor(2)
        self.settings = settings
        self.live = {one.name: self.lively(one) for one in served}

    def lively(self, served: Served) -> Live:
        settings = self.settings
        batcher = Batcher(served.run, self.executor, served.sizes[-1], settings.queue, settings.wait)
        return Live(served, batcher)

    def __getitem__(self, name: str) -> Live:
        return self.live[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.live)

    def __len__(self) -> int:
        return len(self.live)


def make_app(models: Models, settings: Settings) -> FastAPI:
    app = FastAPI()
    app.state.models = models
    app.state.settings = settings
    app.state.ready = True

    @app.get("/v1")
    async def listed() -> dict[str, list[str]]:
        return {"models": list(models)}

    @app.post("/v1/{name}")
    async def answer(name: str, request: Request) -> Response:
        live = models[name]
        row = await live.batcher.infer(live.served.decode(await request.body()))
        body = {"model": name, "answers": [live.served.encode(row)]}
        return Response(json.dumps(body), media_type="application/json")

    return app
