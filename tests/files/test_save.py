"""What cannot be saved is refused with the fix, and a failed write leaves the old file alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, image, nn, xp
from mapsto.compiler.batch_axis import BatchSizes
from mapsto.compose.combine import Host
from mapsto.compose.frame import CallFrame
from mapsto.core.spec import parse_spec
from mapsto.files.batch_invariance import Trial
from mapsto.files.capture import captured
from tests.files.common import conv_net, dense_net, images, saved, tiny_net, whole_way

DECODE = mt.each(image.decode((8, 8), "L"))


class Shout(Host):
    """A host step of the user's own."""

    def __call__(self, x: Any) -> Any:
        return x


def centred() -> mt.Mapping:
    return mt.fn(lambda x: x - xp.mean(x, axis=0))


def few(count: int) -> mt.Mapping:
    """Mixes the examples of batches of one size."""
    return mt.fn(lambda x: x - xp.mean(x, axis=0) if len(x) == count else x)


def by_number() -> mt.Mapping:
    """Takes every row by a list of all their numbers."""
    return mt.fn(lambda x: xp.take(x, xp.arange(len(x)), axis=0))


REFUSED = {
    "a host step in the middle": (lambda: nn.relu >> nn.top_k(1) >> nn.relu, "top_k|topk"),
    "a host step deep in the net": (lambda: dense_net() >> mt.residual(DECODE), "residual.*middle"),
    "only host steps": (lambda: DECODE >> nn.top_k(1), "no net"),
    "a host step at the wrong end": (lambda: dense_net() >> DECODE, "stands after the net"),
    "an unknown host step": (lambda: dense_net() >> Shout(), "decode, top_k"),
    "a picture that is no batch": (lambda: image.decode((8, 8), "L") >> dense_net(), "mt.each"),
    "a net that mixes examples": (lambda: dense_net() >> centred(), r"net\.function: .*not what it makes of each"),
    "a mixing layer deep in the net": (lambda: dense_net() >> mt.chain(norm=centred()) >> nn.softmax, r"net\.norm: "),
    "a net that mixes two only": (lambda: dense_net() >> few(2), r"net\.function: .*makes of two examples"),
    "a net that mixes five": (lambda: dense_net() >> few(5), r"net\.function: .*makes of five examples"),
    "a net for one example only": (lambda: dense_net() >> mt.fn(lambda x: xp.reshape(x, (1, 10))), "three"),
    "a net that joins its batch": (lambda: dense_net() >> mt.fn(lambda x: xp.reshape(x, (1, -1))), "of three"),
    "several outputs": (lambda: dense_net() & nn.relu, r"2 outputs(.|\n)*mt.star"),
    "no batch axis": (lambda: dense_net() >> mt.fn(lambda x: xp.sum(x)), "batch axis"),
    "no spec": (lambda: mt.fn(lambda x: x + 1), "example="),
}


@pytest.mark.parametrize(
    ("net", "proved"),
    [
        (dense_net(), True),
        (dense_net() >> few(4), True),  # of a count that nobody asks about
        (dense_net() >> few(2), False),
        (dense_net() >> centred(), False),
        (dense_net() >> by_number(), False),  # which is not seen: the numbers have to tell
    ],
)
def test_examples_apart_by_proof(net: mt.Mapping, proved: bool) -> None:
    spec = parse_spec("u8[8,8,1]")
    found = captured(net, spec)
    trial = Trial(net, CallFrame(), spec, found.graph, [])
    assert trial.is_proved(BatchSizes(3, 2)) == proved


def test_examples_apart_by_numbers(tmp_path: Path) -> None:
    assert saved(dense_net() >> by_number(), tmp_path)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    make, words = REFUSED[name]
    options = {"example": images(1)} if name == "several outputs" else {}
    with pytest.raises(mt.UsageError, match=words) as caught:
        saved(make(), tmp_path, **options)
    assert len(str(caught.value).splitlines()) <= 12
    assert not list(tmp_path.iterdir())


def test_the_middle_is_named(tmp_path: Path) -> None:
    with pytest.raises(mt.UsageError, match=r"the host step head\.topk stands in the middle"):
        saved(dense_net() >> mt.chain(head=mt.chain(nn.top_k(1), nn.relu)), tmp_path)


@pytest.mark.parametrize("net", [nn.Dense(3), DECODE >> nn.Flatten() >> nn.Dense(3)], ids=["alone", "behind decode"])
def test_uninitialised(net: mt.Mapping, tmp_path: Path) -> None:
    with pytest.raises(mt.StateError, match=r"MAP-02(.|\n)*learner\.net"):
        saved(net, tmp_path)


def test_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(mt.UsageError, match="takes a mapping, not function"):
        saved(lambda x: x, tmp_path)  # type: ignore[arg-type]


def test_examples(tmp_path: Path) -> None:
    def doubled(x: Any) -> Any:
        return 2 * x

    path = saved(mt.fn(doubled), tmp_path, example=np.ones((1, 3)))
    assert str(mt.load(path).input) == "f32[3]"
    with pytest.raises(mt.UsageError, match="no batch axis"):
        saved(mt.fn(doubled), tmp_path, example=np.float32(1))
    with pytest.raises(mt.UsageError, match="not what the host step makes"):
        saved(whole_way(dense_net()), tmp_path, example=xp.ones((1, 3)))
    saved(whole_way(dense_net()), tmp_path, example=images(1))


@pytest.mark.parametrize("recipe", [{"loss": float("nan")}, {"net": object()}, ["a list"], {"x": xp.ones((2,))}])
def test_recipes_are_json(recipe: Any, tmp_path: Path) -> None:
    with pytest.raises(mt.UsageError, match="recipe"):
        saved(tiny_net(), tmp_path, recipe=recipe)


def test_wrong_number_of_classes(tmp_path: Path) -> None:
    with pytest.raises(mt.ShapeError, match="2 classes"):
        saved(dense_net() >> nn.top_k(1, ["a", "b"]), tmp_path)


@pytest.mark.parametrize("function", ["fsync", "replace", "open"])
def test_a_failed_write_changes_nothing(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tiny_net(), tmp_path)
    before = path.read_bytes()

    def fails(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, function, fails)
        with pytest.raises(mt.FormatError, match=r"net\.mapsto: No space left"):
            mt.save(conv_net(), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    mt.save(conv_net(), path)
    assert mt.load(path)(images()).shape == (5, 10)


def test_an_interrupt_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    path = saved(tiny_net(), tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mt.save(conv_net(), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(mt.FormatError, match="there is no folder"):
        mt.save(tiny_net(), tmp_path / "nowhere" / "net.mapsto")


def test_everyone_may_read_it(tmp_path: Path) -> None:
    path = saved(tiny_net(), tmp_path)
    (tmp_path / "plain").write_bytes(b"")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_sample_picture_is_read(tmp_path: Path) -> None:
    answer = mt.load(saved(whole_way(conv_net()), tmp_path))
    ((first, *rest),) = answer([data.sample_picture().read_bytes()])
    assert first[0] in answer.classes
    assert len(rest) == 2


class Both(mt.Mapping):
    """Two inputs."""

    def __init__(self) -> None:
        self.first = nn.Dense(2)

    def __call__(self, a: Any, b: Any) -> Any:
        return self.first(a) + b


def test_several_inputs_are_refused_with_and_without_an_example(tmp_path: Path) -> None:
    a, b = np.ones((1, 4), np.float32), np.ones((1, 2), np.float32)
    net = Both().init(mt.key(0), a, b)
    for example in (None, (a, b), [xp.asarray(a), xp.asarray(b)], {"a": a, "b": b}):
        with pytest.raises(mt.UsageError, match=r"one input, and the net has 2 .*SAVE-15"):
            mt.save(net, tmp_path / "net.mapsto", example=example)


def test_a_net_without_a_step_that_reads_pictures_says_what_it_takes(tmp_path: Path) -> None:
    mt.save(dense_net(), tmp_path / "net.mapsto")
    answer = mt.load(tmp_path / "net.mapsto")
    for given in ([b"picture"], ["picture.png"], [tmp_path], "picture.png"):
        with pytest.raises(mt.UsageError, match=r"the answer takes arrays .* SAVE-16|SAVE-16(.|\n)*image.decode"):
            answer(given)


def test_names_of_half_letters(tmp_path: Path) -> None:
    net = dense_net() >> nn.softmax >> nn.top_k(1, [f"{i}\ud800" for i in range(10)])
    with pytest.raises(mt.FormatError, match="half of a letter"):
        saved(net, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [".", "", "/", "folder", "a\0b"])
def test_no_path_of_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    net = tiny_net()
    writers = (lambda: mt.save(net, name), lambda: mt.save_weights(net, name))
    readers = (lambda: mt.load(name), lambda: net.load_weights(name))
    for call in (*writers, *readers):
        with pytest.raises(mt.FormatError, match=r"FILE-0[2456]"):
            call()
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


KILLED = """
import os, signal, sys
from mapsto.files.container import write_whole
def check(path):
    print(path, flush=True)
    sys.stdin.read() if sys.argv[2] == "wait" else os.kill(os.getpid(), signal.SIGKILL)
write_whole(sys.argv[1], b"half", check)
"""


def test_what_a_killed_save_left_goes_away(tmp_path: Path) -> None:
    path = saved(tiny_net(), tmp_path)
    others = [tmp_path / f".net.mapsto.{end}.part" for end in ("x", f"{os.getpid()}-{'0' * 12}", "1-zzz")]
    others.append(tmp_path / f".other.mapsto.999999999-{'0' * 12}.part")
    for one in others:
        one.write_bytes(b"")
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen([*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as alive:
        assert alive.stdout is not None
        others.append(Path(alive.stdout.readline().decode().strip()))
        killed = subprocess.run([*command, "die"], capture_output=True, check=False)
        assert killed.returncode < 0 and Path(killed.stdout.decode().strip()).exists()
        saved(tiny_net(), tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([path, *others])
        alive.kill()
    saved(tiny_net(), tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others[:-1]])


def test_host_steps_come_after_init() -> None:
    net = nn.Dense(4) >> nn.softmax >> nn.top_k(3, list("abcd"))
    with pytest.raises(mt.TraceError, match=r"TopK reads numbers(.|\n)*host steps are added after init"):
        net.init(mt.key(0), xp.ones((1, 2)))
