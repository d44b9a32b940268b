"""Weights that PyTorch and Keras wrote, in nets of ours: the same answers as theirs gave (scripts/*_weights.py)."""

from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp

pytest.importorskip("h5py")
STORED = Path(__file__).parents[1] / "stored" / "weights"


def numbered() -> mt.Mapping:
    return mt.chain(
        nn.Conv2D(4, 3),
        nn.BatchNorm(),
        nn.relu,
        nn.Conv2D(6, (1, 3), groups=2, padding=((0, 0), (1, 1))),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.BatchNorm(),
        nn.Dense(6),
        nn.LayerNorm(),
        nn.relu,
        nn.Dense(4) >> nn.Dense(3) >> nn.Dense(3),
    )


def named() -> mt.Mapping:
    up = nn.ConvTranspose2D(6, 3, stride=2, padding=1, output_padding=1, groups=2)
    first = mt.chain(stem=nn.Conv2D(4, 3, stride=2, bias=False), norm=nn.BatchNorm(), act=nn.PReLU())
    last = mt.chain(dw=nn.DepthwiseConv2D(3, multiplier=2, padding=1), group=nn.GroupNorm(2), up=up)
    return mt.chain(first=first, last=last, flatten=nn.Flatten(), fc=nn.Dense(3))


def words() -> mt.Mapping:
    pooled = mt.fn(lambda y: xp.max(nn.relu(y), axis=1))
    return mt.chain(embed=nn.Embedding(7, 5), conv=nn.Conv1D(4, 3), pooled=pooled, head=nn.Dense(2))


def pictures() -> mt.Mapping:
    """Keras's epsilon is 0.001 where ours is 0.00001."""
    return mt.chain(
        nn.Conv2D(4, 3, stride=2, padding="same", bias=False),
        nn.BatchNorm(epsilon=1e-3),
        nn.relu,
        nn.DepthwiseConv2D(3, multiplier=2),
        nn.GroupNorm(2, epsilon=1e-3),
        nn.PReLU(),
        nn.ConvTranspose2D(3, 3, stride=2),
        nn.Conv2D(5, 3),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Dense(6),
        nn.LayerNorm(epsilon=1e-3),
        nn.BatchNorm(epsilon=1e-3, shift=False),
        nn.Dense(4),
        nn.relu,
        nn.Dense(3),
    )


def sequences() -> mt.Mapping:
    return mt.chain(
        embed=nn.Embedding(7, 5),
        lstm=nn.LSTM(3, layers=2, bidirectional=True),
        gru=nn.GRU(4, layers=2),
        rnn=nn.RNN(3, bias=False, outputs="last"),
        head=nn.Dense(2),
    )


def keras_sequences() -> mt.Mapping:
    both = nn.LSTM(3, bidirectional=True) >> nn.LSTM(4) >> nn.LSTM(2, bidirectional=True)
    gates = nn.GRU(3) >> nn.GRU(4) >> nn.GRU(2, bidirectional=True)
    return nn.Embedding(7, 5) >> both >> gates >> nn.RNN(3, outputs="last") >> nn.Dense(2)


NAMES = {"stem": "first.stem", "bn": "first.norm", "act": "first.act", "dw": "last.dw", "group": "last.group",
         "up": "last.up"}  # fmt: skip
KERAS = {f"keras_pictures{end}": pictures for end in (".keras", ".weights.h5", "_older.h5")}
FILES = {
    "torch_numbered.safetensors": numbered,
    "torch_named.safetensors": named,
    "torch_words.safetensors": words,
    "torch_sequences.safetensors": sequences,
    **KERAS,
    **{f"keras_sequences{end}": keras_sequences for end in (".keras", ".weights.h5", "_older.h5")},
    "keras_words.keras": words,
}


def answers(file: str) -> tuple[np.ndarray, np.ndarray]:
    name = file.split(".")[0].removesuffix("_older")
    with np.load(STORED / f"{name}_answers.npz") as found:
        return found["x"], found["y"]


@pytest.mark.parametrize("file", FILES)
def test_the_same_answers(file: str) -> None:
    x, y = answers(file)
    net = FILES[file]().init(mt.key(0), x[:1])
    names = NAMES if file.startswith("torch_named") else None
    loaded = net.load_weights(STORED / file, names=names)
    np.testing.assert_allclose(np.asarray(loaded(x)), y, rtol=1e-5, atol=1e-5)
    assert not np.allclose(np.asarray(net(x)), y, atol=0.1)


def test_a_recurrent_layer_is_found_by_the_name_that_somebody_gave_it() -> None:
    net = mt.chain(reader=nn.LSTM(4)).init(mt.key(0), np.ones((1, 6, 6), np.float32))
    names = {"reader": "reader"}
    found = net.load_weights(STORED / "keras_sequences.keras", "reader.**", names=names).reader.forward[0]
    whole = keras_sequences().init(mt.key(0), answers("keras_sequences.keras")[0])
    whole = whole.load_weights(STORED / "keras_sequences.keras")
    assert np.array_equal(found.weight, whole.lstm_2.forward[0].weight)


def test_names_are_asked_for() -> None:
    x, _ = answers("torch_named.safetensors")
    net = named().init(mt.key(0), x[:1])
    with pytest.raises(mt.FormatError, match=r"FILE-27(.|\n)*stem(.|\n)*first\.stem(.|\n)*names="):
        net.load_weights(STORED / "torch_named.safetensors")
    with pytest.raises(mt.FormatError, match=r"'dwn', and the file has no such part(.|\n)*stem"):
        net.load_weights(STORED / "torch_named.safetensors", names={"dwn": "last.dw"})


def test_a_part_of_a_net() -> None:
    """The pattern chooses leaves of the net; what `names` puts elsewhere is left out."""
    x, _ = answers("torch_named.safetensors")
    net = named().init(mt.key(0), x[:1])
    part = net.load_weights(STORED / "torch_named.safetensors", "last.**", names=NAMES)
    whole = net.load_weights(STORED / "torch_named.safetensors", names=NAMES)
    assert np.array_equal(np.asarray(part.last.up.weight), np.asarray(whole.last.up.weight))
    assert np.array_equal(np.asarray(part.first.stem.weight), np.asarray(net.first.stem.weight))


@pytest.mark.parametrize("file", KERAS)
def test_another_net(file: str) -> None:
    x, _ = answers(file)
    net = (nn.Flatten() >> nn.Dense(6) >> nn.Dense(5)).init(mt.key(0), x[:1])
    with pytest.raises(mt.FormatError, match=r"FILE-2[67]"):
        net.load_weights(STORED / file)
