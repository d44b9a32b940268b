"""The Open Inference Protocol: a real client, Triton's, and requests by hand, before a real server."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mapsto as mt
from mapsto import data, nn, xp
from mapsto.core.errors import MapstoError
from mapsto.core.spec import DTYPES
from mapsto.server.inference_v2 import read
from mapsto.server.model import Served
from mapsto.server.v2_tensors import DATATYPES, numbers_in_bytes, told_in_bytes
from tests.server.common import Running, digit, running

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # gevent, which the client is built on, has some of its own
    triton = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")


@pytest.fixture(scope="module")
def files(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The net that knows digits, one that takes numbers, and one that takes pixels."""
    folder = tmp_path_factory.mktemp("v2")
    mt.save(nn.Dense(3).init(mt.key(0), np.ones((1, 4), np.float32)), folder / "numbers.mapsto")
    mt.save((nn.Flatten() >> nn.Dense(10)).init(mt.key(0), data.load("digits").x[:1]), folder / "pixels.mapsto")
    return [digits, folder / "numbers.mapsto", folder / "pixels.mapsto"]


@pytest.fixture(scope="module")
def server(files: list[Path]) -> Iterator[Running]:
    with running(*files, max_examples=100) as server:
        yield server


@pytest.fixture
def client(server: Running) -> Iterator[Any]:
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    yield client
    client.close()


def tensor(values: np.ndarray, binary: bool, kind: str = "") -> Any:
    kind = kind or triton.np_to_triton_dtype(values.dtype)
    made = triton.InferInput("input", list(values.shape), kind)
    return made.set_data_from_numpy(values, binary_data=binary)


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits") and client.is_model_ready("digits", "1")
    assert not client.is_model_ready("letters") and not client.is_model_ready("digits", "2")
    assert client.get_server_metadata()["name"] == "mapsto"
    found = client.get_model_metadata("numbers")
    assert found["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}]
    assert found["outputs"] == [{"name": "output", "datatype": "FP32", "shape": [-1, 3]}]
    names = [(one["name"], one["datatype"], one["shape"]) for one in client.get_model_metadata("digits")["outputs"]]
    assert names == [("output", "FP32", [-1, 10]), ("label", "BYTES", [-1, 3]), ("probability", "FP32", [-1, 3])]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100])
@pytest.mark.parametrize("binary", [False, True])
def test_numbers_of_several_sizes(client: Any, files: list[Path], size: int, binary: bool) -> None:
    """What comes back is what the file answers in this process, in the same order."""
    x = np.random.default_rng(size).normal(size=(size, 4)).astype(np.float32)
    output = triton.InferRequestedOutput("output", binary_data=binary)
    answer = client.infer("numbers", [tensor(x, binary)], outputs=[output], request_id="42")
    found = answer.as_numpy("output")
    assert found.dtype == np.float32 and answer.get_response()["id"] == "42"
    np.testing.assert_allclose(found, np.asarray(mt.load(files[1])(x)), rtol=1e-5, atol=1e-5)
    pixels = data.load("digits").x[:size]
    found = client.infer("pixels", [tensor(pixels, binary)]).as_numpy("output")
    np.testing.assert_allclose(found, np.asarray(mt.load(files[2])(pixels)), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_pictures_as_bytes(client: Any, shape: tuple[int, ...]) -> None:
    shown = [digit(number) for number in range(5)]
    pictures = np.array([file for file, _ in shown], object).reshape(shape)
    answer = client.infer("digits", [tensor(pictures, True)])
    labels = [row[0].decode() for row in answer.as_numpy("label")]
    assert sum(label == name for label, (_, name) in zip(labels, shown, strict=True)) >= 4
    p, best = answer.as_numpy("output"), answer.as_numpy("probability")
    assert p.shape == (5, 10) and np.allclose(p.sum(1), 1, atol=1e-4) and np.allclose(p.max(1), best[:, 0])


def test_classification(client: Any) -> None:
    asked = triton.InferRequestedOutput("output", class_count=2)
    answer = client.infer("digits", [tensor(np.array([digit(0)[0]], object), True)], outputs=[asked])
    (found,) = answer.as_numpy("output")
    value, index, label = found[0].decode().split(":")
    assert len(found) == 2 and index == label == digit(0)[1] and 0.5 < float(value) <= 1
    x = np.ones((1, 4), np.float32)
    answer = client.infer("numbers", [tensor(x, True)], outputs=[triton.InferRequestedOutput("output", class_count=1)])
    assert answer.as_numpy("output")[0, 0].decode().count(":") == 1  # without names of classes


def test_the_client_hears_what_was_wrong(client: Any) -> None:
    def said(*arguments: Any, **more: Any) -> str:
        with pytest.raises(triton.InferenceServerException) as refusal:
            client.infer(*arguments, **more)
        return str(refusal.value)

    x = np.ones((2, 5), np.float32)
    assert "'input' is FP32[2,5], and the model takes FP32[-1,4]" in said("numbers", [tensor(x, True)])
    assert "'input' is FP64[2,4]" in said("numbers", [tensor(np.ones((2, 4)), True)])
    assert "limit of 100 examples" in said("numbers", [tensor(np.ones((101, 4), np.float32), True)])
    assert "no model 'letters'" in said("letters", [tensor(x, True)])
    assert "no version '7'" in said("numbers", [tensor(x, True)], model_version="7")
    wanted = [triton.InferRequestedOutput("logits")]
    assert "no output 'logits'" in said("numbers", [tensor(x[:, :4].copy(), True)], outputs=wanted)
    one_bad = np.array([digit(0)[0], b"no picture"], object)
    assert "neither PNG nor JPEG" in said("digits", [tensor(one_bad, True)])
    assert client.infer("digits", [tensor(one_bad[:1], True)]).as_numpy("label").shape == (1, 3)


def test_what_the_gate_refuses_is_the_protocols_object(digits: Path) -> None:
    """A missing token and a body that is too large, before the request is read."""
    with running(digits, token="sesame", max_bytes=2000) as server:
        client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
        assert client.is_server_ready()
        with pytest.raises(triton.InferenceServerException, match=r"^\[401\] this server answers those who know"):
            client.get_model_metadata("digits")
        token = {"Authorization": "Bearer sesame"}
        assert client.get_model_metadata("digits", headers=token)["name"] == "digits"
        large = tensor(np.array([bytes(3000)], object), True)
        with pytest.raises(triton.InferenceServerException, match=r"^\[413\] the body is larger"):
            client.infer("digits", [large], headers=token)
        client.close()


def test_by_hand_in_json(server: Running) -> None:
    """Nested or flat data, ids, parameters that nobody knows; every refusal is the protocol's object."""
    path, nested = "/v2/models/numbers/infer", [[1, 2, 3, 4], [5, 6, 7, 8]]
    one = {"name": "input", "datatype": "FP32", "shape": [2, 4], "data": nested, "parameters": {"colour": "red"}}
    status, first = server.ask(json.dumps({"id": "a", "inputs": [one]}), path, Content_Type="application/json")
    flat = {**one, "data": [number for row in nested for number in row]}
    _, second = server.ask(json.dumps({"inputs": [flat], "outputs": [{"name": "output"}]}), path + "", X="y")
    assert status == 200 and first["id"] == "a" and "id" not in second
    assert first["model_name"] == "numbers" and first["model_version"] == "1"
    assert first["outputs"] == second["outputs"] and first["outputs"][0]["shape"] == [2, 3]
    with_points = {**one, "shape": [2.0, 4.0]}  # whole numbers all the same, as JSON has it
    assert server.ask(json.dumps({"inputs": [with_points]}), path)[1]["outputs"] == first["outputs"]
    wrong = [
        b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"inputs": []}', b'{"inputs": [1]}', b'{"inputs": [{}, {}]}',
        json.dumps({"inputs": [{**one, "data": [1, 2, 3]}]}),
        json.dumps({"inputs": [{**one, "data": [*nested[:1], [1, 2, "x", 4]]}]}),
        json.dumps({"inputs": [{**one, "data": [*nested[:1], [1, 2, True, 4]]}]}),
        json.dumps({"inputs": [{**one, "data": [*nested[:1], [1, 2, 1e300, 4]]}]}),
        json.dumps({"inputs": [{**one, "data": [*nested[:1], [1, 2, float("nan"), 4]]}]}),
        json.dumps({"inputs": [{**one, "shape": [2, -4]}]}),
        json.dumps({"inputs": [{**one, "shape": [0, 4], "data": []}]}),
        json.dumps({"inputs": [{**one, "shape": [2**61, 4]}]}),
        json.dumps({"inputs": [{**one, "parameters": {"binary_data_size": 32}}]}),
        json.dumps({"inputs": [{**one, "parameters": {"shared_memory_region": "x"}}]}),
        json.dumps({"inputs": [one], "outputs": [{"name": "output"}, {"name": "output"}]}),
        json.dumps({"inputs": [one], "outputs": [{"name": "output", "parameters": {"classification": -1}}]}),
        json.dumps({"inputs": [one], "outputs": [{"name": "output", "parameters": {"classification": 1.5}}]}),
        json.dumps({"inputs": [one], "outputs": [{"name": "output", "parameters": {"binary_data": "yes"}}]}),
        json.dumps({"inputs": [one], "parameters": {"binary_data_output": {}}}),
        json.dumps({"inputs": [one], "outputs": None}),
    ]  # fmt: skip
    for body in wrong:
        status, answer = server.ask(body, path)
        assert 400 <= status < 500 and list(answer) == ["error"], (body[:80], status, answer)
        assert isinstance(answer["error"], str) and answer["error"], body[:80]
    for length in ("-1", "x", "9" * 30, "1e3", "100000"):
        assert server.ask(json.dumps({"inputs": [one]}), path, Inference_Header_Content_Length=length)[0] == 400


def test_a_picture_in_base64(server: Running) -> None:
    text = "iVBORw0KGgo="
    one = {"name": "input", "datatype": "BYTES", "shape": [1], "data": [text]}
    status, answer = server.ask(json.dumps({"inputs": [one]}), "/v2/models/digits/infer")
    assert status == 400 and "damaged or cut off" in answer["error"]
    status, answer = server.ask(json.dumps({"inputs": [{**one, "data": ["%%%"]}]}), "/v2/models/digits/infer")
    assert status == 422 and "base64" in answer["error"]


@pytest.mark.parametrize("name", DTYPES)
def test_every_element_type(name: str, tmp_path: Path) -> None:
    """Each goes in and out as bytes and in JSON, and numbers it does not have are refused."""
    dtype = DTYPES[name]
    kind = next(kind for kind, one in DATATYPES.items() if one == dtype)
    assert kind == ("BF16" if name == "bf16" else triton.np_to_triton_dtype(dtype))
    x = np.array([[0, 1], [1, 0]], dtype)
    assert told_in_bytes(x) == x.tobytes()
    mt.save(mt.fn(lambda x: xp.flip(x, axis=1)), tmp_path / "net.mapsto", example=xp.asarray(x))
    served = Served("net", mt.load(tmp_path / "net.mapsto"))
    one = {"name": "input", "datatype": kind, "shape": [2, 2]}
    text = json.dumps({"inputs": [{**one, "parameters": {"binary_data_size": x.nbytes}}]}).encode()
    ways = [read(served, text + x.tobytes(), str(len(text)), 8)[1]]
    listed = x.tolist() if name in ("bool", "f16", "bf16", "f32", "f64") else x.astype(int).tolist()
    ways.append(read(served, json.dumps({"inputs": [{**one, "data": listed}]}).encode(), None, 8)[1])
    for items in ways:
        assert np.stack(items).dtype == dtype and np.array_equal(np.stack(items), x)
    wrong = [[0, 1], [1, 2]] if name == "bool" else [[0, 1], [1, 1e400]] if "f" in name else [[0, 1], [1, 2**64]]
    with pytest.raises(MapstoError):
        read(served, json.dumps({"inputs": [{**one, "data": wrong}]}).replace("Infinity", "1e999").encode(), None, 8)


def test_bytes_that_are_no_truth_values() -> None:
    assert numbers_in_bytes(b"\x02\x00", mt.xp.zeros((2,), dtype=bool).spec, "x").tobytes() == b"\x01\x00"


@pytest.fixture(scope="module")
def served(files: list[Path]) -> Served:
    return Served("numbers", mt.load(files[1]))


GOOD = json.dumps({"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}).encode()
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["input", "FP32"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "data", "shape", "x"]), inner),
    max_leaves=12,
)
KEYS = st.sampled_from(["name", "datatype", "shape", "data", "parameters", "binary_data_size"])


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    changed=st.dictionaries(KEYS, ANY, max_size=3),
    beside=st.dictionaries(st.sampled_from(["id", "parameters", "outputs", "inputs"]), ANY, max_size=2),
    length=st.none() | st.integers(-2, 200).map(str) | st.text(max_size=4),
    tail=st.binary(max_size=40),
)
def test_whatever_comes_is_read_or_refused(
    served: Served, changed: dict[str, Any], beside: dict[str, Any], length: str | None, tail: bytes
) -> None:
    request = json.loads(GOOD)
    request["inputs"][0].update(changed)
    body = json.dumps({**request, **beside}).encode() + tail
    for said in (length, str(len(body) - len(tail))):
        try:
            _, items = read(served, body, said, 8)
        except MapstoError as error:
            assert error.code.startswith(("INFER", "SERVE"))
        else:
            assert all(np.shape(item) == (4,) for item in items)
