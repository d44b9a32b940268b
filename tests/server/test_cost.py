"""One cheap request keeps nobody waiting: what it costs is counted before it is paid (faults 63, 64, 66 and 69)."""

import base64
import http.client
import io
import json
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import mapsto as mt
from mapsto import nn, text
from mapsto.server.settings import Settings
from tests.server.common import Running, best, digit, head, multipart, one_answer, running
from tests.server.pictures import with_scans

SIDE = 7071  # as many pixels as a picture may have, in 6 KB
JSON = "application/json"
LISTS = b'{"example":[' + b"[]," * 5_592_385 + b"[]]}"  # 16 MB


def large_png(side: int = SIDE) -> bytes:
    """A palette with transparency, which takes the most work for its bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    first = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 3, 0, 0, 0)) + chunk(b"PLTE", bytes(6))
    rows = zlib.compress(bytes((side + 7) // 8 + 1) * side, 9)
    return b"\x89PNG\r\n\x1a\n" + first + chunk(b"tRNS", b"\x80\x80") + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


LARGE = large_png()


@pytest.fixture(scope="module")
def server(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("cost")
    mt.save(nn.Dense(2).init(mt.key(0), np.ones((1, 4), np.float32)), folder / "dense.mapsto")
    step = text.words(["good", "bad"], 8)
    net = (nn.Embedding(step.count, 2, padding=0) >> nn.Flatten()).init(mt.key(0), np.ones((1, 8), np.int32))
    mt.save(mt.each(step) >> net, folder / "words.mapsto")
    with running(digits, folder / "dense.mapsto", folder / "words.mapsto") as one:
        yield one


class Beside:
    """Another client, who asks for a digit again and again: `waited` is how long it took at most."""

    def __init__(self, server: Running) -> None:
        self.server, self.waited, self.count, self.over = server, 0.0, 0, False
        self.thread = threading.Thread(target=self.ask)

    def ask(self) -> None:
        file, _ = digit(0)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        while not self.over:
            began = time.monotonic()
            connection.request("POST", "/v1/digits", file, {"Content-Type": "image/png"})
            answer = connection.getresponse()
            answer.read()
            self.waited = max(self.waited, time.monotonic() - began)
            self.count += answer.status == 200
        connection.close()

    def __enter__(self) -> "Beside":
        self.thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.over = True
        self.thread.join()


def test_pixels_of_a_request(server: Running) -> None:
    """128 pictures of the largest size, 0.8 MB, took 82 s."""
    body, kind = multipart(*[LARGE] * 128)
    with Beside(server) as other:
        status, answer = server.ask(body, Content_Type=kind)
    assert (status, answer["error"]["code"]) == (413, "SERVE-11")
    assert other.waited < 0.5
    listed = json.dumps({"examples": [base64.b64encode(LARGE).decode()] * 3})
    assert server.ask(listed, Content_Type=JSON)[1]["error"]["code"] == "SERVE-11"
    tensor = {"name": "input", "datatype": "BYTES", "shape": [3], "data": json.loads(listed)["examples"]}
    status, answer = server.ask(json.dumps({"inputs": [tensor]}), "/v2/models/digits/infer", Content_Type=JSON)
    assert status == 413 and "SERVE-11" in answer["error"]


def test_what_is_refused_alone_does_not_count(server: Running) -> None:
    file, label = digit(0)
    body, kind = multipart(large_png(7072), file, large_png(7072), b"none")
    status, answer = server.ask(body, Content_Type=kind)
    assert status == 200
    assert [one["error"]["code"] for one in answer["answers"] if "error" in one] == ["IMAGE-02", "IMAGE-02", "IMAGE-01"]
    assert answer["answers"][1][0]["label"] == label


def test_large_pictures_in_few_bytes_keep_no_batch_waiting(server: Running) -> None:
    file = large_png(5000)
    asking = [threading.Thread(target=server.ask, args=(file,)) for _ in range(3)]
    with Beside(server) as other:
        for one in asking:
            one.start()
        for one in asking:
            one.join()
    assert other.waited < 0.4  # together they take a second


def test_scans_of_a_jpeg(server: Running) -> None:
    """4000 scans of 320 KB took more than a minute, and two such pictures all there is to decode others."""
    file = with_scans(7000, 4000)
    began = time.monotonic()
    status, answer = server.ask(file, Content_Type="image/jpeg")
    assert (status, answer["error"]["code"]) == (413, "IMAGE-09")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("path", ["/v1/digits", "/v2/models/digits/infer", "/v1/words", "/v2/models/words/infer"])
def test_json_of_very_many_values(server: Running, path: str) -> None:
    with Beside(server) as other:
        time.sleep(0.1)
        status, answer = server.ask(LISTS, path, Content_Type=JSON)
    assert status == 413 and "SERVE-12" in json.dumps(answer)
    assert other.waited < 0.4 and other.count


LONG: dict[str, bytes] = {
    "escapes": b'{"example":"' + b"\\n" * 8_000_000 + b'"}',
    "digits": b'{"example":[' + (b"9" * 4200 + b",") * 3900 + b"9]}",
    "open": b'{"example":"' + b'\\"' * 8_000_000,
    "spaces": b'{"example":[' + b" " * 16_000_000 + b"]}",
}


@pytest.mark.parametrize("kind", LONG)
def test_other_json_of_16_mb(server: Running, kind: str) -> None:
    with Beside(server) as other:
        time.sleep(0.1)
        status, _ = server.ask(LONG[kind], Content_Type=JSON)
    assert status in (400, 422)
    assert other.waited < 0.4


def test_a_multipart_body_of_beginnings(server: Running) -> None:
    """It took the parser 3 s."""
    body, kind = multipart(b"\r\n--edge-" * 1_700_000)
    began = time.monotonic()
    assert server.ask(body, Content_Type=kind)[1]["error"]["code"] == "SERVE-07"
    assert time.monotonic() - began < 1


def test_texts_of_pictures_are_not_unpacked(server: Running) -> None:
    """64 texts of 1 MB in a picture of 64 KB, and 128 such pictures, took 30 s."""
    file = io.BytesIO()
    texts = PngInfo()
    for number in range(60):
        texts.add_text(str(number), "a" * 1_000_000, zip=True)
    Image.new("L", (8, 8)).save(file, "PNG", pnginfo=texts)
    body, kind = multipart(*[file.getvalue()] * 100)  # others have room in the queue of 128 then
    with Beside(server) as other:
        assert server.ask(body, Content_Type=kind)[0] == 200
    assert other.waited < 0.5


def test_numbers_have_so_many_bytes(server: Running) -> None:
    """128 examples of 4 numbers: 41 KB, and 64 KiB to spare."""
    for length, more in (200_000, ()), (None, ("Transfer-Encoding: chunked",)):
        for path in ("/v1/dense", "/v2/models/dense/infer"):
            with server.connect() as place:
                place.sendall(head(length, path, *more).replace(b"image/png", JSON.encode()))
                if length is None:
                    place.sendall((b"8000\r\n" + b" " * 32768 + b"\r\n") * 5)
                answer = one_answer(place)
            assert answer.split()[1] == b"413" and b"SERVE-12" in answer


def test_what_is_meant_is_answered(server: Running) -> None:
    most = Settings().most_examples
    numbers = np.random.default_rng(0).normal(size=(most, 4)) * 1e-300
    for indent in (None, 8):
        body = json.dumps({"examples": numbers.tolist()}, indent=indent)
        assert server.ask(body, "/v1/dense", Content_Type=JSON)[0] == 200
    file, label = digit(0)
    body = json.dumps({"examples": [base64.b64encode(file).decode()] * most})
    answer: Any = server.ask(body, Content_Type=JSON)[1]
    assert {best({"answers": [one]}) for one in answer["answers"]} == {label}
    words = json.dumps({"examples": ['good, [bad], {good} "bad",' * 10_000] * 4})
    assert server.ask(words, "/v1/words", Content_Type=JSON)[0] == 200
