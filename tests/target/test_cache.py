"""Rows 46 to 50 of what may go wrong: a cache that is damaged, shared, foreign or closed never breaks a run."""

import os
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from mapsto.core.notes import Note
from mapsto.target import cache, native
from mapsto.target.host import host
from tests.target.storm import TEXTS, storm

KEY, CODE = cache.key_of("a key"), bytes(range(256))
IR = "define i64 @seven() { ret i64 7 }"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new cache on disk, and nothing in memory."""
    place = tmp_path / "cache"
    monkeypatch.setenv("MAPSTO_CACHE", str(place))
    monkeypatch.setattr(native, "_loaded", {})
    return place


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are compiled from now on."""
    texts: list[str] = []
    inner = native.object_code

    def object_code(ir: str, host: native.Host) -> bytes:
        texts.append(ir)
        return inner(ir, host)

    monkeypatch.setattr(native, "object_code", object_code)
    return texts


def load_anew() -> None:
    """As in a new process: nothing is known in memory."""
    native._loaded.clear()
    assert native.load(IR, ["seven"])["seven"]


def test_what_is_written_is_read(folder: Path) -> None:
    assert cache.read(KEY) is None
    cache.write(KEY, CODE)
    assert cache.read(KEY) == CODE
    assert cache.read(cache.key_of("another")) is None
    assert [path.name for path in folder.iterdir()] == [KEY.hex()]
    cache.write(KEY, b"")
    assert cache.read(KEY) == b""


def test_folder_and_entries_are_private(folder: Path) -> None:
    cache.write(KEY, CODE)
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / KEY.hex()).stat().st_mode & 0o777 == 0o600


def test_compiled_once(folder: Path, compiled: list[str]) -> None:
    for _ in range(3):
        load_anew()
    assert compiled == [IR]


@pytest.mark.parametrize("word", ["", "off"])
def test_turned_off(word: str, folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTO_CACHE", word)
    for _ in range(2):
        load_anew()
    assert compiled == [IR, IR] and not folder.exists()


def test_every_byte_counts(folder: Path) -> None:
    """Each byte changed in turn, every bit of it at least once over the entry; also every shorter entry, and longer."""
    cache.write(KEY, CODE)
    path = folder / KEY.hex()
    whole = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        for place in range(len(whole)):
            data = bytearray(whole)
            data[place] ^= 1 << place % 8
            path.write_bytes(data)
            assert cache.read(KEY) is None, place
            path.write_bytes(whole[:place])
            assert cache.read(KEY) is None, place
        path.write_bytes(whole + b"\0")
        assert cache.read(KEY) is None
    path.write_bytes(whole)
    assert cache.read(KEY) == CODE


def test_an_entry_under_another_name(folder: Path) -> None:
    cache.write(KEY, CODE)
    other = cache.key_of("another")
    (folder / KEY.hex()).rename(folder / other.hex())
    with pytest.warns(Note, match="damaged"):
        assert cache.read(other) is None


def test_a_damaged_entry_is_told_once_and_mended(folder: Path, compiled: list[str]) -> None:
    load_anew()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    with pytest.warns(Note, match="damaged, and is compiled anew") as notes:
        for damaged in (whole[:-100], b"", whole[:90] + b"?" + whole[91:], os.urandom(2000)):
            path.write_bytes(damaged)
            load_anew()
            assert path.read_bytes() == whole
    assert len(notes) == 1 and len(compiled) == 5
    load_anew()
    assert len(compiled) == 5


def test_what_is_no_file(folder: Path, compiled: list[str]) -> None:
    key = native.key_of(IR, host())
    (folder / key.hex()).mkdir(parents=True)
    load_anew()
    (folder / key.hex()).rmdir()
    (folder / "elsewhere").write_bytes(cache.header(key, CODE) + CODE)
    (folder / key.hex()).symlink_to(folder / "elsewhere")
    load_anew()  # no link is followed, and it is replaced by the entry
    assert len(compiled) == 2 and not (folder / key.hex()).is_symlink()


@pytest.mark.parametrize("place", ["/proc/nothing", "/dev/null/cache", "a file"])
def test_a_folder_that_cannot_be(place: str, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("MAPSTO_CACHE", str(tmp_path / place))
    with pytest.warns(Note, match="compiled code is not kept: .* cannot be"):
        load_anew()
    load_anew()


def test_a_folder_of_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTO_CACHE", "~nobody_of_this_name/cache")
    with pytest.warns(Note, match="there is no folder ~nobody_of_this_name/cache"):
        load_anew()


def test_a_usual_folder_that_cannot_be_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAPSTO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    monkeypatch.setattr(cache.sys, "platform", "linux")
    assert cache.folder() is None
    load_anew()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files belong to nobody here")
def test_a_folder_of_somebody_else(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(foreign, 12345, -1)
    else:
        foreign = Path("/")
    monkeypatch.setenv("MAPSTO_CACHE", str(foreign))
    with pytest.warns(Note, match="belongs to somebody else"):
        load_anew()
    if os.geteuid() == 0:
        assert not list(foreign.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_folder_that_others_may_write_to(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.warns(Note, match="chmod 700"):
        load_anew()
    assert not list(folder.iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_an_entry_of_somebody_else(folder: Path, compiled: list[str]) -> None:
    load_anew()
    (path,) = folder.iterdir()
    os.chown(path, 12345, -1)
    with pytest.warns(Note, match="damaged"):
        load_anew()
    assert len(compiled) == 2


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    load_anew()
    assert not list(folder.iterdir())


def test_the_key_has_all_that_code_depends_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = host()
    keys = {
        native.key_of(IR, here),
        native.key_of(IR + " ", here),
        *(native.key_of(IR, replace(here, **{name: "other"})) for name in ("triple", "cpu", "features")),
    }
    monkeypatch.setattr(native, "VERSION", "other")
    keys.add(native.key_of(IR, here))
    monkeypatch.setattr(native, "OPTIONS", {"opt": 2})
    keys.add(native.key_of(IR, here))
    monkeypatch.setattr(native.llvm._import(), "llvm_version_info", (1, 2, 3))
    keys.add(native.key_of(IR, here))
    monkeypatch.setattr(native.llvmlite_version._import(), "get_versions", lambda: {"version": "other"})
    keys.add(native.key_of(IR, here))
    assert len(keys) == 9


def test_entries_of_another_processor_are_not_used(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if host().registers != 32 or host().vector_bytes != 64:
        pytest.skip("this processor has no lower kind")
    load_anew()
    monkeypatch.setenv("MAPSTO_CPU", "avx2")
    load_anew()
    assert len(compiled) == len(list(folder.iterdir())) == 2


def test_the_oldest_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [cache.key_of(str(n)) for n in range(10)]
    for age, key in enumerate(keys):
        cache.write(key, CODE)
        written = time.time() - 1000 * age - 10
        os.utime(folder / key.hex(), (written, written))
    for name, age in (("new.tmp", 5), ("old.tmp", 5000)):
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (time.time() - age, time.time() - age))
    size = (folder / keys[0].hex()).stat().st_size
    monkeypatch.setattr(cache, "LIMIT", 4 * size)
    cache._trim(folder)
    assert {path.name for path in folder.iterdir()} == {*(key.hex() for key in keys[:4]), "new.tmp"}
    assert cache.read(keys[3]) == CODE and cache.read(keys[4]) is None


def test_many_processes_at_once(tmp_path: Path) -> None:
    """Three processes, two cold starts each, while somebody damages entries. `tests.target.storm` has more of it."""
    assert storm(tmp_path / "cache", processes=3, starts=2) == []
    names = [path.name for path in (tmp_path / "cache").iterdir()]
    assert len(names) == TEXTS and not [name for name in names if name.endswith(".tmp")]
