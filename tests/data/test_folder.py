"""Pictures by class in folders and tars: what is read, and what is refused (faults 12, 13, 22 to 25)."""

import gzip
import io
import lzma
import os
import struct
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

import mapsto as mt
from mapsto import data, image
from mapsto.data import folder

RNG = np.random.default_rng(0)


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, kind, **options)
    return file.getvalue()


def picture(value=None, size=(6, 8)):
    return np.full((*size, 3), value, np.uint8) if value is not None else RNG.integers(0, 256, (*size, 3), np.uint8)


CONTENTS = {
    "dog/b.png": encoded(picture(10)),
    "dog/a.PNG": encoded(picture(20)),
    "cat/deeper/c.jpg": encoded(picture(30), "JPEG", quality=100),
    "cat/1.jpeg": encoded(picture(40), "JPEG", quality=100),
}


def write_folder(root, contents):
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def member(name, content=b"", **facts):
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for key, value in facts.items():
        setattr(made, key, value)
    return made, content


def tarred(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for made, content in members:
            archive.addfile(made, io.BytesIO(content))
    return file.getvalue()


def write_tar(path, contents, pack=bytes, prefix=""):
    path.write_bytes(pack(tarred(member(prefix + name, content) for name, content in contents.items())))
    return path


# what is read


def check_pets(ds):
    assert ds.classes == ("cat", "dog") and ds.labels.tolist() == [0, 0, 1, 1] and len(ds) == 4
    assert [round(float(x.mean())) for x, _ in ds] == [40, 30, 20, 10]
    x, y = ds.batch(4)[0]
    assert x.shape == (4, 6, 8, 3) and x.dtype == np.uint8 and y.tolist() == [0, 0, 1, 1]
    assert ds.where(1).endswith("cat/deeper/c.jpg")


def test_a_folder(tmp_path):
    root = write_folder(tmp_path / "pets", CONTENTS)
    write_folder(root, {".hidden/x.png": b"", "cat/.DS_Store": b"", "cat/.x/y.png": b""})
    check_pets(data.from_folder(root))
    check_pets(data.from_folder(str(tmp_path), inside="pets"))
    assert repr(data.from_folder(root)) == "Files(pets: 4 samples, 2 classes)"
    small = data.from_folder(root, image.decode((2, 3), "L"))
    assert small.batch(3)[0][0].shape == (3, 2, 3, 1)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_tar_is_the_same_as_its_folder(tmp_path, pack, prefix):
    path = write_tar(tmp_path / "pets.tar", {**CONTENTS, "cat/._c.jpg": b"", "README.txt": b"x"}, pack, prefix)
    check_pets(data.from_folder(path))
    inner = write_tar(tmp_path / "sets.tar", {f"all/train/{n}": c for n, c in CONTENTS.items()} | {"all/a/b.png": b""})
    check_pets(data.from_folder(inner, inside="all/train"))


def test_other_files_are_left_out_with_a_note(tmp_path):
    contents = {**CONTENTS, "dog/x.gif": b"GIF89a", "dog/notes.txt": b"", "cat/LICENSE": b""}
    with pytest.warns(mt.Note, match=r"left out 1 × \.gif, 1 × \.txt, 1 × no suffix"):
        check_pets(data.from_folder(write_folder(tmp_path / "a", contents)))
    with pytest.warns(mt.Note, match=r"left out 1 × \.gif, 1 × \.txt, 1 × no suffix"):
        check_pets(data.from_folder(write_tar(tmp_path / "a.tar", contents)))


def test_files_that_are_no_pictures(tmp_path):
    root = write_folder(tmp_path, {"good/a.txt": "好".encode(), "bad/b.txt": b"no"})
    ds = data.from_folder(root, lambda file: file.read().decode(), suffixes=(".txt",))
    assert list(ds) == [("no", 0), ("好", 1)] and ds.batch(2)[0][0].tolist() == ["no", "好"]


def test_pictures_of_different_sizes_do_not_stack(tmp_path):
    root = write_folder(tmp_path, {"a/1.png": encoded(picture(1)), "a/2.png": encoded(picture(1, (5, 5)))})
    with pytest.raises(mt.DataError) as caught:
        data.from_folder(root).batch(2)[0]
    assert caught.value.code == "DATA-10" and "u8[6,8,3]" in str(caught.value) and "u8[5,5,3]" in str(caught.value)
    assert data.from_folder(root).map(x=lambda x: x[:5, :5]).batch(2)[0][0].shape == (2, 5, 5, 3)


# fault 23: pictures of every kind have a defined conversion, or are an error that names the file


def test_strange_pictures(tmp_path):
    inks = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 20)]
    strange = {
        "a/animated.png": encoded(frames[0], save_all=True, append_images=frames[1:]),
        "b/cmyk.jpg": encoded(inks, "JPEG", quality=100),
        "c/one_pixel.png": encoded(picture(7, (1, 1))),
        "d/sixteen_bits.png": encoded(np.full((3, 3), 257 * 100, np.uint16)),
    }
    ds = data.from_folder(write_folder(tmp_path, strange), image.decode((2, 2)))
    pixels, _ = ds.batch(4)[0]
    means = [pixels[0].mean(), pixels[1, ..., 0].mean(), pixels[2].mean(), pixels[3].mean()]
    np.testing.assert_allclose(means, [10, 254, 7, 100], atol=2)


BROKEN = {
    "cut_off.png": encoded(picture())[:-20],
    "cut_off.jpg": encoded(picture(), "JPEG")[:-60],
    "no_picture.png": b"<html>404</html>",
    "gif.png": encoded(picture(1), "GIF"),
    "empty.jpg": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pictures_name_their_file(tmp_path, name):
    contents = {"a/" + name: BROKEN[name], "a/zebra.png": encoded(picture(1))}
    for ds in (
        data.from_folder(write_folder(tmp_path / "x", contents)),
        data.from_folder(write_tar(tmp_path / "x.tar", contents)),
    ):
        with pytest.raises(mt.FormatError, match=f"a/{name}"):
            ds[0]
        assert ds[1][0].shape == (6, 8, 3)


# fault 24: bombs are refused from their header


def bomb(side):
    """A PNG whose header promises side × side pixels."""

    def part(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = part(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    rows = part(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + rows + part(b"IEND", b"")


@pytest.mark.parametrize("side", [8_000, 100_000, 2**31 - 1])
def test_an_image_bomb_is_refused_undecoded(tmp_path, monkeypatch, side):
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("decoded"))
    ds = data.from_folder(write_folder(tmp_path, {"a/bomb.png": bomb(side)}))
    with pytest.raises(mt.LimitError, match=f"{side} × {side} pixels, more than the limit"):
        ds[0]


# fault 25: empty sets, vanished files, and the policies


def test_a_file_that_vanishes(tmp_path):
    ds = data.from_folder(write_folder(tmp_path, CONTENTS))
    (tmp_path / "dog" / "b.png").unlink()
    with pytest.raises(mt.DataError, match=r"dog/b\.png: cannot be read: No such file"):
        ds.batch(4)[0]
    assert len(ds.take(3).batch(3)[0][1]) == 3


def test_skipping_counts_what_it_skipped(tmp_path):
    contents = {**CONTENTS, **{"dog/" + name: content for name, content in BROKEN.items()}, "cat/z.png": bomb(9000)}
    for place in (write_folder(tmp_path / "x", contents), write_tar(tmp_path / "x.tar", contents)):
        with pytest.raises((mt.FormatError, mt.LimitError)):
            list(data.from_folder(place))
        with pytest.warns(mt.Note, match="skipped 6 of 10 files"):
            ds = data.from_folder(place, on_error="skip")
        check_pets(ds)
        assert len(ds.skipped) == len(ds.map(x=abs).take(2).skipped) == 6
        assert {os.path.basename(one.where) for one in ds.skipped} == {*BROKEN, "z.png"}
        assert any("9000 × 9000 pixels" in one.reason for one in ds.skipped)
    clean = data.from_folder(write_folder(tmp_path / "y", CONTENTS), on_error="skip")
    assert clean.skipped == ()
    with pytest.raises(mt.DataError, match="no sample can be made"):
        data.from_folder(write_folder(tmp_path / "z", {"a/" + n: c for n, c in BROKEN.items()}), on_error="skip")


def test_empty_places(tmp_path):
    with pytest.raises(mt.DataError, match="no folders of classes"):
        data.from_folder(write_folder(tmp_path / "flat", {"a.png": encoded(picture(1))}))
    with pytest.raises(mt.DataError, match="no folders of classes"):
        data.from_folder(write_tar(tmp_path / "flat.tar", {"a.png": b""}))
    with pytest.raises(mt.DataError, match="hold no files to read") as caught:
        data.from_folder(write_folder(tmp_path / "text", {"a/a.txt": b""}))
    assert ".txt" in str(caught.value)
    for absent in (tmp_path / "absent", tmp_path / "absent.tar.gz"):
        with pytest.raises(mt.DataError, match="No such file"):
            data.from_folder(absent)
    with pytest.raises(mt.UsageError, match="no policy 'ignore'"):
        data.from_folder(tmp_path, on_error="ignore")
    with pytest.raises(mt.UsageError, match="takes a function"):
        data.from_folder(tmp_path, (28, 28))  # type: ignore[arg-type]


def test_a_picture_s_file_is_measured_before_it_is_read(tmp_path, monkeypatch):
    root = write_folder(tmp_path, {"a/1.png": b""})
    os.truncate(root / "a" / "1.png", (1 << 28) + 1)  # sparse: it takes no room
    monkeypatch.setattr(folder, "NamedBytes", lambda *_: pytest.fail("read"))
    ds = data.from_folder(root)
    tracemalloc.start()
    with pytest.raises(mt.LimitError, match=r"1\.png: the file has more than 268435456 bytes") as caught:
        ds[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.code == "IMAGE-04" and peak < 1 << 20


# fault 12: archives whose members lead elsewhere


@pytest.mark.parametrize(
    "name, facts, what",
    [
        ("../a/x.png", {}, "a path out of its folder"),
        ("a/../../x.png", {}, "a path out of its folder"),
        ("a\\..\\..\\x.png", {}, "a path out of its folder"),
        ("/etc/passwd.png", {}, "an absolute path"),
        ("C:/a/x.png", {}, "an absolute path"),
        ("\\\\server\\a\\x.png", {}, "an absolute path"),
        ("a/x.png", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "a link to /etc/passwd"),
        ("a/x.png", {"type": tarfile.LNKTYPE, "linkname": "b/y.png"}, "a link to b/y.png"),
        ("a", {"type": tarfile.SYMTYPE, "linkname": ".."}, "a link to .."),
        ("a/x.png", {"type": tarfile.FIFOTYPE}, "neither a plain file nor a folder"),
        ("a/x.png", {"type": tarfile.CHRTYPE}, "neither a plain file nor a folder"),
        ("cat/1.jpeg", {}, "a name that appears twice"),
        ("cat//1.jpeg", {}, "a name that appears twice"),
        ("cat/./1.jpeg", {}, "a name that appears twice"),
    ],
)
def test_members_that_lead_elsewhere(tmp_path, name, facts, what):
    members = [member(name, content) for name, content in CONTENTS.items()]
    path = tmp_path / "x.tar"
    path.write_bytes(tarred([*members, member(name, **facts)]))
    with pytest.raises(mt.FormatError, match=what) as caught:
        data.from_folder(path)
    assert caught.value.code == "TAR-01"


def test_a_sparse_member_is_refused(tmp_path):
    made, _ = member(
        "a/x.png", type=tarfile.REGTYPE, pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40)}
    )
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(made)
    (tmp_path / "x.tar").write_bytes(file.getvalue())
    with pytest.raises(mt.FormatError, match="neither a plain file"):
        data.from_folder(tmp_path / "x.tar")


# fault 13: what unpacks without end is counted while it is read


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_tar_bomb_is_stopped_at_the_limit(tmp_path, pack):
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(pack(tarred([member("a/x.png", bytes(50 << 20))])))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(mt.LimitError, match="more than the limit of 1000000 bytes") as caught:
        data.from_folder(path, limit_bytes=1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20 and "limit_bytes" in str(caught.value)


def test_a_header_that_promises_too_much(tmp_path):
    made, _ = member("a/x.png")
    made.size = 1 << 40
    (tmp_path / "x.tar").write_bytes(made.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(mt.DataError, match="damaged"):
        data.from_folder(tmp_path / "x.tar")


def test_long_names_nested_without_end(tmp_path):
    """Each GNU long name may be followed by another; Python's reader takes them one inside the other."""
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 10
    (tmp_path / "x.tar").write_bytes((long.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * 5000)
    with pytest.raises(mt.DataError, match="damaged"):
        data.from_folder(tmp_path / "x.tar")


# fault 22: cut off and damaged


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_tar_cut_off_or_damaged(tmp_path, pack):
    whole = pack(tarred(member(name, content) for name, content in CONTENTS.items()))
    path = tmp_path / "x.tar"
    end = len(whole) if pack is not bytes else len(whole.rstrip(b"\0"))  # a plain tar ends with blocks of zeros
    for length in [*range(0, end - 1, 97), *range(512, end - 1, 512)]:
        path.write_bytes(whole[:length])
        with pytest.raises((mt.DataError, mt.FormatError)):
            data.from_folder(path)
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0x55
    path.write_bytes(bytes(broken))
    if pack is not bytes:
        with pytest.raises(mt.DataError, match="damaged"):
            list(data.from_folder(path))


def test_what_is_no_tar(tmp_path):
    for content in (b"", b"text " * 400, b"PK\x03\x04" + bytes(600)):
        (tmp_path / "x.tar").write_bytes(content)
        with pytest.raises(mt.DataError, match=r"no tar archive|no folders"):
            data.from_folder(tmp_path / "x.tar")
