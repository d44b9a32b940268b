"""What is saved is what is loaded: here, in another process, for any batch size, from pictures and from arrays."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, image, nn, xp
from tests.files.common import conv_net, dense_net, images, saved, taken_apart, tiny_net, whole_way

NETS = {"dense": dense_net, "conv": conv_net}
ELSEWHERE = """
import sys
import mapsto as mt
answer = mt.load(sys.argv[1])
print([[(name, p.hex()) for name, p in row] for row in answer([sys.argv[2]])])
"""


class Gate(mt.Mapping):
    """A layer that no other process knows."""

    def __init__(self) -> None:
        self.left, self.right = nn.Dense(3), nn.Dense(3)

    def __call__(self, x: mt.Array) -> mt.Array:
        return self.left(x) * nn.sigmoid(self.right(x))


@pytest.mark.parametrize("name", NETS)
def test_array_to_array(name: str, tmp_path: Path) -> None:
    net = NETS[name]()
    answer = mt.load(saved(net, tmp_path))
    for count in (1, 2, 5):
        x = images(count)
        np.testing.assert_allclose(np.asarray(answer(x)), np.asarray(net(x)), rtol=1e-5, atol=1e-6)
    with mt.interpret():  # the very nodes that were saved, so the very bits
        assert np.array_equal(np.asarray(answer(images(1))), np.asarray(net(images(1))))


@pytest.mark.parametrize("name", NETS)
def test_picture_to_answer(name: str, tmp_path: Path) -> None:
    way = whole_way(NETS[name]())
    answer = mt.load(saved(way, tmp_path))
    picture = data.sample_picture()
    with mt.interpret():
        assert answer([picture]) == way([picture])
    assert [[n for n, _ in row] for row in answer([picture] * 2)] == [[n for n, _ in way([picture])[0]]] * 2


@pytest.mark.parametrize("name", NETS)
def test_another_process_gives_the_same_bits(name: str, tmp_path: Path) -> None:
    net = NETS[name]()
    if name == "dense":
        net = (image.scale(1 / 255) >> nn.Flatten() >> Gate()).init(mt.key(1), images(1))
    way = mt.each(image.decode((8, 8), "L")) >> net >> nn.softmax >> nn.top_k(3)
    path = saved(way, tmp_path)
    command = [sys.executable, "-c", ELSEWHERE, str(path), str(data.sample_picture())]
    root = Path(mt.__file__).parents[1]
    asked = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    here = [[(name, p.hex()) for name, p in row] for row in mt.load(path)([data.sample_picture()])]
    assert asked.stdout.strip() == str(here)


def test_leaves_keep_their_paths_and_size(tmp_path: Path) -> None:
    header, _ = taken_apart(saved(mt.named("backbone", conv_net()) >> nn.softmax, tmp_path))
    names = ["backbone.conv2d_1.weight", "backbone.conv2d_1.bias", "backbone.dense_1.weight", "backbone.dense_1.bias"]
    assert header["hidden"] == names
    assert header["tensors"]["backbone.conv2d_1.bias"]["spec"] == "f32[8]"


def test_arrays_from_outside_are_hidden(tmp_path: Path) -> None:
    shift = xp.asarray([1.0, 2.0])
    net = mt.fn(lambda x: x * shift + shift)
    path = saved(net, tmp_path, example=mt.Spec(np.dtype(np.float32), (1, 2)))
    assert all(name.startswith("hidden_") for name in taken_apart(path)[0]["hidden"])
    assert mt.load(path)(xp.ones((2, 2))).tolist() == [[2.0, 4.0]] * 2


def test_a_shared_array_is_stored_once(tmp_path: Path) -> None:
    layer = tiny_net()
    path = saved(layer + layer, tmp_path, example=xp.ones((1, 2)))
    assert taken_apart(path)[0]["hidden"] == ["left.weight", "left.bias"]


def test_dropout_and_state_are_evaluated(tmp_path: Path) -> None:
    assert "threefry" not in taken_apart(saved(dense_net(), tmp_path))[0]["graph"]


def test_saving_what_was_loaded_changes_nothing(tmp_path: Path) -> None:
    path = saved(whole_way(conv_net()), tmp_path)
    before = path.read_bytes()
    mt.save(mt.load(path), path)
    assert path.read_bytes() == before


def test_a_loaded_net_composes(tmp_path: Path) -> None:
    answer = mt.load(saved(conv_net(), tmp_path))
    longer = answer >> nn.softmax >> nn.top_k(1)
    mt.save(longer, tmp_path / "longer.mapsto")
    assert mt.load(tmp_path / "longer.mapsto")(images(2)) == longer(images(2))


def test_what_it_tells(tmp_path: Path) -> None:
    recipe = {"epochs": 3, "metrics": {"accuracy": np.float32(0.5), "loss": xp.asarray(0.25)}, "note": "naïve ∂"}
    path = saved(whole_way(conv_net()), tmp_path, recipe=recipe)
    answer = mt.load(path)
    assert answer.recipe == {"epochs": 3, "metrics": {"accuracy": 0.5, "loss": 0.25}, "note": "naïve ∂"}
    assert (str(answer.input), str(answer.output)) == ("u8[8,8,1]", "f32[10]")
    assert answer.classes == tuple("0123456789")
    assert repr(answer).splitlines()[1:] == [
        "  each(decode(size=[8, 8], mode='L'))",
        f"  u8[n,8,8,1] ↦ f32[n,10], a graph of {answer.contents.graph.count(' = ')} nodes",
        "  top_k(k=3, classes=<10>)",
    ]


def test_inspect_file(tmp_path: Path) -> None:
    path = saved(whole_way(conv_net()), tmp_path, recipe={"epochs": 3})
    contents = mt.files.inspect_file(path)
    assert contents.size == path.stat().st_size
    assert contents.recipe == {"epochs": 3}
    assert [(name, str(spec)) for name, spec in contents.table][:2] == [
        ("conv2d_1.weight", "f32[3,3,1,8]"),
        ("conv2d_1.bias", "f32[8]"),
    ]
    assert contents.numbers == 72 + 8 + 720 + 10
    assert json.dumps([*contents.before, *contents.after])


def test_other_element_types(tmp_path: Path) -> None:
    net = tiny_net().cast("f64")  # init recorded f32
    answer = mt.load(saved(net, tmp_path))
    assert str(answer.output) == "f64[1]"
    x = np.ones((2, 2))
    assert np.array_equal(np.asarray(answer(x)), np.asarray(net(x)))


def test_numpy_floats_are_cast_at_the_edge(tmp_path: Path) -> None:
    net = tiny_net()
    answer = mt.load(saved(net, tmp_path))
    mt.core.notes.forget()
    with pytest.warns(mt.Note, match="f64 was cast to f32"):
        found = answer(np.ones((1, 2)))
    assert found.tolist() == net(xp.ones((1, 2))).tolist()
    assert answer(np.ones((1, 2), np.int64)).tolist() == found.tolist()


@pytest.mark.parametrize("x", [np.ones(2, np.float32), np.ones((2, 3), np.float32), np.float32(1), []])
def test_other_shapes_are_refused(x: object, tmp_path: Path) -> None:
    answer = mt.load(saved(tiny_net(), tmp_path))
    with pytest.raises(mt.ShapeError, match=r"f32\[n,2\]"):
        answer(x)


def test_other_types_are_refused(tmp_path: Path) -> None:
    answer = mt.load(saved(conv_net(), tmp_path))
    with pytest.raises(mt.DTypeError, match=r"u8\[n,8,8,1\]"):
        answer(xp.ones((1, 8, 8, 1)))


def test_batches_of_none(tmp_path: Path) -> None:
    assert mt.load(saved(conv_net(), tmp_path))(images(0)).shape == (0, 10)


def test_a_loaded_net_survives_pickle(tmp_path: Path) -> None:
    answer = mt.load(saved(conv_net(), tmp_path))
    again = pickle.loads(pickle.dumps(answer))
    assert np.array_equal(np.asarray(again(images())), np.asarray(answer(images())))
