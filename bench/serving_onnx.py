"""mapsto's server with ONNX Runtime in place of the nets: `python -m bench.serving_onnx serve FILE.mapsto …`.

The application, the batcher and the process that computes are the server's own; that process runs this module with
one class exchanged. Graphs lie in the folder BENCH_ONNX by the model's name; BENCH_ONNX_THREADS is for each.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.on_onnxruntime import session_of
from mapsto import cli
from mapsto.server import pool, worker
from mapsto.server.model import Numbers, Served


class OnnxServed(Served):
    """A model whose batches a session runs, in one go and as many examples as there are."""

    def __init__(self, name: str, *rest: Any) -> None:
        super().__init__(name, *rest)
        graph = Path(os.environ["BENCH_ONNX"], f"{name}.onnx")
        self.session = session_of(str(graph), int(os.environ["BENCH_ONNX_THREADS"]))

    def run(self, batch: Numbers) -> Numbers:
        pictures = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        return self.session.run(None, {"x": pictures})[0]


if __name__ == "__main__":
    if sys.argv[1].isdecimal():  # the process that computes: the number of its socket
        worker.Served = OnnxServed
        worker.main(int(sys.argv[1]))
    else:
        pool.worker_module = importlib.import_module("bench.serving_onnx")
        sys.exit(cli.main())
