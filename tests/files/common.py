"""Small nets, and files changed on purpose with checksums that fit, as a stranger would make them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import mapsto as mt
from mapsto import data, image, losses, nn, optim, text, xp
from mapsto.files.container import packed

Header = dict[str, Any]


def images(count: int = 5) -> np.ndarray:
    return data.load("digits", "test").x[:count]


def dense_net() -> mt.Mapping:
    net = image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(12) >> nn.relu >> nn.Dropout(0.5) >> nn.Dense(10)
    return net.init(mt.key(0), images(1))


def conv_net() -> mt.Mapping:
    net = image.scale(1 / 255) >> nn.Conv2D(8, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(10)
    return net.init(mt.key(0), images(1))


def whole_way(net: mt.Mapping) -> mt.Mapping:
    classes = data.load("digits", "train").classes
    return mt.each(image.decode((8, 8), "L")) >> net >> nn.softmax >> nn.top_k(3, classes)


def tiny_net() -> mt.Mapping:
    return nn.Dense(1).init(mt.key(0), mt.xp.ones((1, 2)))


OPINIONS = ["a good film", "very good", "good, really good!", "it is good", "真好！", "很好"]
OPINIONS += ["bad", "a bad film", "really bad.", "so bad", "真坏！", "很坏"]


def opinion() -> mt.Mapping:
    """Texts ↦ positive or negative, learnt from a dozen of them."""
    words = text.words(text.vocabulary(OPINIONS), 8)
    y = np.repeat([1, 0], len(OPINIONS) // 2)
    samples = data.Dataset(np.asarray(mt.each(words)(OPINIONS)), y, classes=("negative", "positive"))
    net = nn.Embedding(words.count, 8, padding=0) >> nn.GlobalAvgPool() >> nn.Dense(2)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(5e-2))
    learner.fit(samples, epochs=30, batch_size=4, progress=False)
    return mt.each(words) >> learner.net >> nn.softmax >> nn.top_k(2, samples.classes)


def backwards() -> mt.Mapping:
    """A text ↦ its first twelve characters, from the last of them to the first."""
    signs = text.characters("abc好 dgo", 12)
    return mt.each(signs) >> mt.fn(lambda x: xp.flip(x, axis=1)) >> mt.each(text.join(signs.alphabet))


def saved(mapping: mt.Mapping, folder: Path, **options: Any) -> Path:
    path = folder / "net.mapsto"
    mt.save(mapping, path, **options)
    return path


def taken_apart(path: Path) -> tuple[Header, bytes]:
    content = path.read_bytes()
    end = 16 + int.from_bytes(content[8:16], "little")
    return json.loads(content[16:end]), content[end + 32 :]


def edited(path: Path, change: Callable[[Header], None] | None = None, blob: bytes | None = None) -> Path:
    """The file with another header or blob, and checksums of the whole that fit."""
    header, old = taken_apart(path)
    blob = old if blob is None else blob
    header["blob"] = {"size": len(blob), "sha256": hashlib.sha256(blob).hexdigest()}
    if change is not None:
        change(header)
    path.write_bytes(packed(header, blob))
    return path


def with_header(path: Path, text: bytes) -> Path:
    """The file with this text as its header."""
    prefix = path.read_bytes()[:8]
    path.write_bytes(prefix + len(text).to_bytes(8, "little") + text + hashlib.sha256(text).digest())
    return path


def blob_of(header: Any, payload: bytes) -> bytes:
    """A blob with any header of its own: a dict, or JSON text."""
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + payload
