"""What a notebook shows of nets, arrays, graphs and steps."""

from __future__ import annotations

import base64
import copy
import io
import pickle
import re

import numpy as np
import pytest
from PIL import Image

import mapsto as mt
from mapsto import nn, xp
from mapsto.view.program import program_table


def test_a_net_is_its_table() -> None:
    net = (nn.Dense(3) >> nn.relu).init(mt.key(0), xp.ones((1, 2)))
    page = net._repr_html_()
    assert page.startswith("<pre") and "dense_1" in page and "parameters" in page
    assert "dense_1" in nn.Dense(3).__rshift__(nn.relu)._repr_html_()  # without parameters, too


def test_an_array_is_its_numbers() -> None:
    assert xp.asarray([[True, False]])._repr_html_() == "<pre>array([[ True, False]], bool[1,2])</pre>"
    assert mt.compile(lambda x: (x._repr_html_(), x)[1])(xp.ones(2)).shape == (2,)  # also a traced one


def test_pictures_are_shown() -> None:
    x = mt.data.load("digits").x[:20]
    page = xp.asarray(x)._repr_html_()
    tags = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(tags) == 16 and "u8[20,8,8,1] and 4 more" in page
    with Image.open(io.BytesIO(base64.b64decode(tags[3]))) as picture:
        assert picture.size == (96, 96)
        np.testing.assert_array_equal(np.asarray(picture)[::12, ::12], x[3, :, :, 0])
    colour = np.random.default_rng(0).integers(0, 256, (40, 200, 3)).astype(np.uint8)
    (tag,) = re.findall(r"base64,([^\"]+)", xp.asarray(colour)._repr_html_())
    with Image.open(io.BytesIO(base64.b64decode(tag))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), colour)
    assert "<img" not in xp.asarray(np.zeros((0, 8, 8, 1), np.uint8))._repr_html_()


def test_registering_changes_nothing_else() -> None:
    net = nn.Dense(3)
    assert "html" not in repr(net)
    assert pickle.loads(pickle.dumps(net)).units == copy.deepcopy(net).units == 3


def test_the_costs_of_mappings(capsys: pytest.CaptureFixture[str]) -> None:
    net = (nn.Dense(4) >> nn.relu >> nn.Dense(2)).init(mt.key(0), xp.ones((1, 3)))

    @mt.compile
    def step(net, x):
        return mt.grad(lambda net: xp.sum(net(x) ** 2))(net)

    with pytest.raises(mt.StateError, match="never called"):
        mt.show(step)
    step(net, xp.ones((5, 3)))
    graph = mt.graph(step)(net, xp.ones((5, 3))).graph
    table = program_table("step", graph)
    by_path = {row.path: row for row in table.rows}
    assert list(by_path) == ["net.dense_1", "net.relu", "net.dense_2", "own"]
    # Forward 2·n·d·k, the gradient of the weights as much again, and that of the input but for the first layer.
    assert by_path["net.dense_1"].flops == 2 * (2 * 5 * 3 * 4) + 5 * 4 + 5 * 4
    assert by_path["net.dense_2"].flops == 3 * (2 * 5 * 4 * 2) + 5 * 2 + 5 * 2
    assert table.total.operations == len(graph.nodes)
    mt.show(step, level="mappings")
    shown = capsys.readouterr().out
    assert shown == f"{table}\n"
    assert shown.startswith("step: 5 arrays in, ") and "1 program traced so far" in shown
    assert "<pre" in table._repr_html_()
