"""What killed processes leave behind goes away, and nothing else does: real processes, killed or alive."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mapsto.files.export import export
from mapsto.files.leftovers import folder_in, held
from tests.files.common import saved, tiny_net

pytest.importorskip("fcntl", reason="files cannot be held here, and nothing is removed")

WITH_A_FOLDER = """
import os, signal, sys
from pathlib import Path
from mapsto.files.leftovers import folder_in
with folder_in(Path(sys.argv[1]), "mapsto-") as folder:
    (folder / "inner").mkdir()
    (folder / "inner" / "copy").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read() if sys.argv[2] == "wait" else os.kill(os.getpid(), signal.SIGKILL)
"""
NOBODY = f"mapsto-999999999-{'0' * 12}"  # of a process that there cannot be


def killed(parent: Path) -> Path:
    """The folder that a killed process left."""
    done = subprocess.run([sys.executable, "-c", WITH_A_FOLDER, str(parent), "die"], capture_output=True, check=False)
    folder = Path(done.stdout.decode().strip())
    assert done.returncode == -signal.SIGKILL and (folder / "inner" / "copy").exists()
    return folder


@contextmanager
def alive(parent: Path) -> Iterator[Path]:
    """The folder of a process that still uses it."""
    command = [sys.executable, "-c", WITH_A_FOLDER, str(parent), "wait"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Path(process.stdout.readline().decode().strip())


def swept(parent: Path) -> list[str]:
    """What there is besides the new folder while a process has one."""
    with folder_in(parent, "mapsto-") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        found = sorted(one.name for one in parent.iterdir() if one != folder)
    assert not folder.exists()
    return found


def test_the_folder_of_a_killed_process_goes_away_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    left = killed(tmp_path)
    with alive(tmp_path) as used:
        assert swept(tmp_path) == [used.name] and not left.exists()
        assert (used / "inner" / "copy").exists()
    assert swept(tmp_path) == []


def test_other_names_stay(tmp_path: Path) -> None:
    names = ["mapsto-", "mapsto-1", f"mapsto-x-{'0' * 12}", f"{NOBODY}0", f"x{NOBODY}", f"{NOBODY}.part"]
    for name in names:
        (tmp_path / name).mkdir()
    assert swept(tmp_path) == sorted(names)


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Neither one that is called like a folder of ours, nor one in such a folder."""
    parent, outside = tmp_path / "parent", tmp_path / "outside"
    parent.mkdir()
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    (parent / NOBODY).symlink_to(outside)
    left = killed(parent)
    (left / "inner" / "link").symlink_to(outside)
    (left / "hard").hardlink_to(outside / "precious")
    assert swept(parent) == [NOBODY] and not left.exists()
    assert (outside / "precious").read_bytes() == b"x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_folders_of_other_users_stay(tmp_path: Path) -> None:
    (tmp_path / NOBODY).mkdir()
    os.chown(tmp_path / NOBODY, 12345, -1)
    assert swept(tmp_path) == [NOBODY]
    os.chown(tmp_path / NOBODY, os.geteuid(), -1)
    assert swept(tmp_path) == []


def test_what_a_process_elsewhere_holds_stays(tmp_path: Path) -> None:
    """In another container, where its number says nothing here."""
    (tmp_path / NOBODY).mkdir()
    with held(tmp_path / NOBODY, must=True):
        assert swept(tmp_path) == [NOBODY]
    assert swept(tmp_path) == []


def test_many_that_begin_at_once(tmp_path: Path) -> None:
    """All remove the same folders, and none of them fails or loses its own."""
    for number in range(200):
        folder = tmp_path / f"mapsto-999999999-{number:012x}"
        (folder / "inner").mkdir(parents=True)
    wrong: list[BaseException] = []

    def begin() -> None:
        try:
            for _ in range(20):
                with folder_in(tmp_path, "mapsto-") as folder:
                    (folder / "copy").write_bytes(b"x")
                    assert (folder / "copy").exists()
        except BaseException as problem:
            wrong.append(problem)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="No space"), folder_in(tmp_path, "mapsto-"):
        pass
    assert not list(tmp_path.iterdir())


KILLED_EXPORT = """
import os, signal, sys
import mapsto.files.export as module
module.object_code = lambda *words: os.kill(os.getpid(), signal.SIGKILL)
module.export(sys.argv[1], sys.argv[2])
"""


def test_what_a_killed_export_left_goes_away(tmp_path: Path) -> None:
    path, folder = saved(tiny_net(), tmp_path), tmp_path / "out"
    folder.mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED_EXPORT, str(path), str(folder)], check=False)
    (left,) = folder.iterdir()
    assert done.returncode == -signal.SIGKILL and left.suffix == ".part" and list(left.iterdir())
    shutil.copytree(left, folder / f".other.999999999-{'0' * 12}.part")  # of another net
    made = export(path, folder)
    assert sorted(folder.iterdir()) == sorted([made.code, made.header, folder / f".other.999999999-{'0' * 12}.part"])
