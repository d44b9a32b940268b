"""ONNX Runtime: inference of a graph made by hand, pictures as [n, channels, height, width]."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bench.layouts import channels_first, flattened_from
from bench.networks import Arrays, layers_of
from bench.runner import Task

OPSET = 17


def versions() -> dict[str, str]:
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}


def model_of(task: Task, batch: int | str | None = None) -> onnx.ModelProto:
    """A task ↦ its network as ONNX: u8 pictures in, logits out, for the task's batch or for another; a name is any."""
    row, batch, flat = task.row, batch or task.row.batch, flattened_from(task.row)
    given = {path: np.ascontiguousarray(channels_first(path, array, flat)) for path, array in task.weights.items()}
    given["scale"] = np.array(1 / 255, np.float32)
    nodes = [
        helper.make_node("Cast", ["x"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["cast", "scale"], ["value_0"]),
    ]
    now = "value_0"
    for number, layer in enumerate(layers_of(row), 1):
        made = f"value_{number}"
        named = [f"{layer.path}.weight", f"{layer.path}.bias"]
        if layer.kind == "conv":
            nodes.append(helper.make_node("Conv", [now, *named], [made], kernel_shape=[3, 3]))
        elif layer.kind == "dense":
            nodes.append(helper.make_node("Gemm", [now, *named], [made], transB=1))
        elif layer.kind == "pool":
            nodes.append(helper.make_node("MaxPool", [now], [made], kernel_shape=[2, 2], strides=[2, 2]))
        else:
            nodes.append(helper.make_node({"relu": "Relu", "flatten": "Flatten"}[layer.kind], [now], [made]))
        now = made
    extents = (row.example[-1], *row.example[:-1])
    graph = helper.make_graph(
        nodes,
        row.name,
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [batch, *extents])],
        [helper.make_tensor_value_info(now, TensorProto.FLOAT, [batch, 10])],
        [numpy_helper.from_array(array, name) for name, array in given.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def session_of(model: bytes | str, threads: int) -> Any:
    """A graph, or the path of one ↦ a session of so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Session:
    """The graph in one session."""

    def __init__(self, task: Task, threads: int) -> None:
        model = model_of(task)
        onnx.checker.check_model(model)
        self.session = session_of(model.SerializeToString(), threads)
        axes = (0, 1, 4, 2, 3) if task.row.pictures else (0, 1, 2)
        self.images = list(np.ascontiguousarray(task.images.transpose(axes)))
        self.first = task.weights

    def restart(self) -> None:
        """Inference changes nothing."""

    def step(self, number: int) -> np.ndarray:
        logits: Any = self.session.run(None, {"x": self.images[number]})[0]
        return logits

    def wait(self) -> None:
        """Nothing runs on: a session returns when it is done."""

    def numbers(self, found: np.ndarray) -> np.ndarray:
        return found

    def weights(self) -> Arrays:
        return self.first


def make(task: Task, variant: str) -> Session:
    """By default with as many threads as the others have."""
    return Session(task, 1 if variant == "one thread" else int(os.environ["OMP_NUM_THREADS"]))
