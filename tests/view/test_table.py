"""A net's table: the right numbers in the right rows, readable as text, in colour and as HTML."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import image, nn, xp
from mapsto.view.paint import memory, rounded
from mapsto.view.table import table_of


class Block(mt.Mapping):
    def __init__(self, width: int) -> None:
        self.fc1, self.drop, self.fc2 = nn.Dense(width), nn.Dropout(0.5), nn.Dense(width)

    def __call__(self, x):
        return x + self.fc2(self.drop(nn.relu(self.fc1(x))))


def small_cnn() -> mt.Mapping:
    return (
        image.scale(1 / 255)
        >> nn.Conv2D(4, 3)
        >> nn.relu
        >> nn.MaxPool2D(2)
        >> nn.Flatten()
        >> nn.Dense(8)
        >> nn.relu
        >> nn.Dense(10)
    )


def initialised(net: mt.Mapping, *shape: int, dtype: type = np.float32) -> mt.Mapping:
    return net.init(mt.key(0), np.zeros((1, *shape), dtype))


def rows(net: mt.Mapping) -> dict:
    return {row.path: row for row in table_of(net).rows}


def test_a_convolutional_net() -> None:
    net = initialised(small_cnn(), 8, 8, 1, dtype=np.uint8)
    table = """\
Chain: u8[8,8,1] ↦ f32[10]

path        mapping      output       parameters   FLOPs
────────────────────────────────────────────────────────
scale       Scale        f32[8,8,1]            –     128
conv2d_1    Conv2D       f32[6,6,4]           40   2,736
relu        Activation   f32[6,6,4]            –     144
maxpool2d   MaxPool2D    f32[3,3,4]            –     144
flatten     Flatten      f32[36]               –       –
dense_1     Dense        f32[8]              296     584
relu_2      Activation   f32[8]                –       8
dense_2     Dense        f32[10]              90     170
────────────────────────────────────────────────────────
total                                        426   3,914

426 parameters in 1.7 KiB, 3.91 kFLOPs an example (a multiply-add counts as 2)"""
    assert str(table_of(net)) == table


def test_numbers_by_hand() -> None:
    found = rows(initialised(small_cnn(), 8, 8, 1, dtype=np.uint8))
    assert found["conv2d_1"].flops == 6 * 6 * 4 * (2 * 9) + 6 * 6 * 4  # products and sums, then the bias
    assert found["dense_2"].flops == 2 * 8 * 10 + 10
    assert (found["relu"].flops, found["relu_2"].flops) == (144, 8)  # one object, two places
    assert found["dense_1"].nbytes == 4 * found["dense_1"].parameters == 4 * (36 * 8 + 8)


def test_before_init_the_structure_shows() -> None:
    table = """\
Chain

path      mapping      output   parameters   FLOPs
──────────────────────────────────────────────────
dense_1   Dense        ?                 ?       ?
relu      Activation   ?                 –       ?
dense_2   Dense        ?                 ?       ?
──────────────────────────────────────────────────
total                                    ?       ?

? comes with net = net.init(mt.key(0), x[:1]); what fit trained is learner.net"""
    assert str(table_of(nn.Dense(4) >> nn.relu >> nn.Dense(1))) == table


def test_nested_mappings_are_indented_and_counted_in_the_outer_one() -> None:
    net = mt.chain(stem=nn.Dense(16) >> nn.tanh, body=mt.repeat(Block(16), 2), head=mt.residual(nn.Dense(16)))
    net = mt.freeze(initialised(net, 7), "stem.**")
    table = """\
Chain: f32[7] ↦ f32[16]

path         mapping      output    parameters   frozen   FLOPs
───────────────────────────────────────────────────────────────
stem         Chain        f32[16]            –      128     256
  dense_1    Dense        f32[16]            –      128     240
  tanh       Activation   f32[16]            –        –      16
body         Repeat       f32[16]        1,088        –   2,176
  copies.0   Block        f32[16]          544        –   1,088
    fc1      Dense        f32[16]          272        –     528
    drop     Dropout      f32[16]            –        –       –
    fc2      Dense        f32[16]          272        –     528
  copies.1   Block        f32[16]          544        –   1,088
    fc1      Dense        f32[16]          272        –     528
    drop     Dropout      f32[16]            –        –       –
    fc2      Dense        f32[16]          272        –     528
head         Residual     f32[16]          272        –     544
  mapping    Dense        f32[16]          272        –     528
───────────────────────────────────────────────────────────────
total                                    1,360      128   2,976

1,360 parameters + 128 frozen in 5.8 KiB, 2.98 kFLOPs an example (a multiply-add counts as 2)"""
    assert str(table_of(net)) == table
    assert rows(net)["body.copies.1.fc2"].parameters == 272


def test_a_class_of_ones_own_is_the_first_row() -> None:
    table = table_of(initialised(Block(4), 4))
    assert [(row.path, row.depth) for row in table.rows] == [("", 0), ("fc1", 1), ("drop", 1), ("fc2", 1)]
    assert table.rows[0] == table.total
    # relu is no part of the block, so its work is the block's own, like the sum
    assert table.total.flops == table.rows[1].flops + table.rows[3].flops + 4 + 4


def test_several_outputs() -> None:
    net = initialised((nn.Dense(3) & nn.Dense(2)) >> mt.star(mt.fn(lambda a, b: xp.sum(a, axis=1) + b[:, 0])), 4)
    found = rows(net)
    assert "both_1" in found and "(f32[3], f32[2])" in str(table_of(net))
    assert str(found["star"].output) == "f32[]"


def test_each_hides_the_batch_axis_and_nothing_else() -> None:
    net = mt.each(nn.softmax) >> nn.relu
    found = rows(initialised(net, 5))
    assert (str(found["each.mapping"].output), str(found["each"].output)) == ("f32[5]", "f32[5]")
    assert found["each"].flops > 0


def test_the_whole_way_from_a_picture_to_an_answer() -> None:
    net = initialised(small_cnn(), 8, 8, 1, dtype=np.uint8)
    answer = mt.each(image.decode((8, 8), "L")) >> net >> nn.softmax >> nn.top_k(3)
    found, table = rows(answer), table_of(answer)
    assert str(found["each"].output) == "u8[8,8,1]"
    assert str(found["softmax"].output) == "f32[10]"
    assert found["dense_2"] == rows(net)["dense_2"]
    assert table.total.flops == table_of(net).total.flops + found["softmax"].flops
    assert table.title == "Chain: on host ↦ on host"


def test_a_new_head_on_a_trained_net() -> None:
    net = initialised(small_cnn(), 8, 8, 1, dtype=np.uint8)
    found = rows(net[:-1] >> nn.Dense(3))
    assert found["dense_1"].flops == 584
    assert (found["dense_2"].flops, found["dense_2"].parameters, found["dense_2"].output) == (None, None, None)


def test_another_type_after_init() -> None:
    net = initialised(nn.Dense(3) >> nn.relu, 2).cast("f64")
    assert (str(table_of(net).total.output), table_of(net).total.nbytes) == ("f64[3]", 72)


def test_state_and_constants_have_columns_of_their_own() -> None:
    class Centre(mt.Mapping):
        def __init__(self) -> None:
            self.mean = mt.state(lambda x: x.shape[1:], nn.zeros)
            self.factor = xp.asarray(2.0)

        def __call__(self, x):
            return (x - self.mean) * self.factor

    table = table_of(initialised(Centre() >> nn.Dense(2), 3))
    assert (table.total.parameters, table.total.frozen, table.total.state) == (8, 1, 3)
    assert table.cells()[0] == ["path", "mapping", "output", "parameters", "frozen", "state", "FLOPs"]
    assert "8 parameters + 1 frozen + 3 state in 48 bytes" in table.caption


def test_what_takes_more_than_arrays_is_not_known() -> None:
    class Power(mt.Mapping):
        def __call__(self, x, n):
            return self.of(x, n)

        def of(self, x, n):
            return x**n

    net = Power().init(mt.key(0), xp.ones((1, 3)), xp.ones((1, 3)))
    assert table_of(net).total.flops is not None
    assert table_of(Power()).total.flops is None
    assert "is not known" in table_of(Power()).caption


def test_show_prints(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")  # a file is as wide as it must be
    net = initialised(small_cnn(), 8, 8, 1, dtype=np.uint8)
    assert mt.show(net) is None
    assert capsys.readouterr().out == f"{table_of(net)}\n"
    graph = mt.graph(xp.exp)(xp.ones(3))
    mt.show(graph)
    mt.show(graph.graph)
    assert capsys.readouterr().out == f"{graph}\n{graph.text}\n"


def test_show_of_something_else() -> None:
    with pytest.raises(mt.UsageError, match="a mapping, not list"):
        mt.show([1, 2])


def test_colour_in_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    mt.show(nn.Dense(2))
    assert "\x1b[" in capsys.readouterr().out


def test_html_has_the_same_words() -> None:
    page = table_of(initialised(nn.Dense(2) >> nn.relu, 3))._repr_html_()
    assert page.startswith("<pre") and page.endswith("</pre>") and "dense_1" in page and "style=" in page


@pytest.mark.parametrize(
    ("nbytes", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (5 * 2**30, "5.0 GiB")]
)
def test_memory(nbytes: int, text: str) -> None:
    assert memory(nbytes) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 "), (999, "999 "), (1000, "1.00 k"), (999_999, "1.00 M"), (5_144_490, "5.14 M"), (123_456, "123 k")],
)
def test_rounded(count: int, text: str) -> None:
    assert rounded(count) == text
