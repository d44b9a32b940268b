"""Pictures as mappings: resized as PyTorch does, coloured by the formulas, cropped and flipped by the key."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mapsto as mt
from mapsto import image, losses, nn, optim, xp

SIZES = [(4, 5), (7, 9), (14, 18), (3, 20), (1, 1), (13, 2)]
STORED = np.load(Path(__file__).parents[1] / "stored" / "images.npz")
RNG = np.random.Generator(np.random.PCG64(0))
PICTURES = RNG.integers(0, 256, (2, 7, 9, 3))  # the very numbers that scripts/torch_images.py makes
X = xp.asarray(PICTURES.astype(np.float64))


def array(x):
    return np.asarray(x)


# resize


def bilinear_weights(old, new, antialias):
    """f64[new, old] by the formula: a triangle around each new centre, as wide as the axis shrinks if `antialias`."""
    width = max(old / new, 1.0) if antialias else 1.0
    centres = (np.arange(new) + 0.5) * (old / new) - 0.5
    if width == 1.0:
        centres = centres.clip(0, old - 1)  # beyond the last centre the last pixel counts whole
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(old) - centres[:, None]) / width)
    return weights / weights.sum(axis=1, keepdims=True)


def matrix_of(old, new, antialias):
    """The same as `resize` has it: what it makes of pictures with one pixel of 1."""
    columns = xp.reshape(xp.eye(old, dtype=xp.float64), (old, old, 1, 1))
    return array(image.resize((new, 1), antialias=antialias)(columns))[:, :, 0, 0].T


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "options"),
    [("bilinear", {"antialias": False}), ("antialias", {"antialias": True}), ("nearest", {"method": "nearest"})],
)
def test_resize_is_pytorchs(name, options, size):
    found = image.resize(size, **options)(X)
    assert found.dtype == xp.float64
    np.testing.assert_allclose(array(found), STORED[f"{name}_{size[0]}_{size[1]}"], rtol=1e-10, atol=1e-10)


def test_resize_is_pillows():
    plane = PICTURES[0, :, :, 0].astype(np.float32)
    for height, width in [(3, 4), (15, 11), (7, 2)]:
        wanted = np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))
        found = array(image.resize((height, width))(plane[None, :, :, None]))[0, :, :, 0]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)


def test_resize_to_the_same_size_changes_nothing():
    for method in ("bilinear", "nearest"):
        np.testing.assert_array_equal(array(image.resize((7, 9), method)(X)), array(X))


@pytest.mark.parametrize("old, new", [(1, 1), (1, 5), (5, 1), (7, 3), (3, 7), (100, 99)])
def test_weights_are_means(old, new):
    for antialias in (True, False):
        weights = matrix_of(old, new, antialias)
        np.testing.assert_allclose(weights, bilinear_weights(old, new, antialias), rtol=1e-12, atol=1e-15)
        assert weights.shape == (new, old) and (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)
    assert (matrix_of(old, new, True).sum(axis=0) > 0).all(), "no old pixel is overlooked"


def test_element_types():
    bytes_ = PICTURES.astype(np.uint8)
    assert image.resize(4)(bytes_).dtype == xp.float32
    assert image.resize(4, "nearest")(bytes_).dtype == xp.uint8
    for mapping in (image.scale(0.5), image.normalise(1.0, 2.0), image.greyscale()):
        assert mapping(bytes_).dtype == xp.float32 and mapping(X).dtype == xp.float64
    for mapping in (image.center_crop(3), image.pad(1), image.random_flip(), image.random_crop(3)):
        assert mapping(bytes_).dtype == xp.uint8
        if mapping is not image.center_crop and hasattr(mapping, "training"):
            assert mt.training(mapping)(mt.key(0), xp.asarray(bytes_))[0].dtype == xp.uint8


# colours


def test_normalise_by_channel():
    mean, std = (100.0, 120.0, 140.0), (50.0, 60.0, 70.0)
    np.testing.assert_allclose(
        array(image.normalise(mean, std)(X)), (array(X) - np.array(mean)) / np.array(std), rtol=1e-12
    )
    np.testing.assert_allclose(array(image.normalise(mean, 50.0)(X)), (array(X) - np.array(mean)) / 50.0, rtol=1e-12)
    np.testing.assert_allclose(array(image.normalise(np.array(mean), [50.0])(X)), (array(X) - mean) / 50.0, rtol=1e-12)


def test_greyscale_is_rec_601():
    np.testing.assert_allclose(
        array(image.greyscale()(X)), (array(X) @ np.array([0.299, 0.587, 0.114]))[..., None], rtol=1e-12
    )
    file = io.BytesIO()
    Image.fromarray(PICTURES[0].astype(np.uint8)).save(file, "PNG")
    decoded = image.decode_picture(file.getvalue(), None, "L")
    np.testing.assert_allclose(array(image.greyscale()(PICTURES[:1].astype(np.uint8)))[0], decoded, atol=0.51)


# windows


def test_center_crop_and_pad():
    np.testing.assert_array_equal(array(image.center_crop((3, 4))(X)), array(X)[:, 2:5, 2:6])
    np.testing.assert_array_equal(array(image.center_crop((7, 9))(X)), array(X))
    np.testing.assert_array_equal(array(image.pad((1, 2))(X)), np.pad(array(X), ((0, 0), (1, 1), (2, 2), (0, 0))))
    np.testing.assert_array_equal(array((image.pad(2) >> image.center_crop((7, 9)))(X)), array(X))


def test_random_crop_takes_windows_from_everywhere():
    big = xp.asarray(np.broadcast_to(np.arange(36.0, dtype=np.float32).reshape(1, 6, 6, 1), (500, 6, 6, 1)))
    crop = image.random_crop((3, 4))
    windows = array(mt.training(crop)(mt.key(0), big)[0])
    assert windows.shape == (500, 3, 4, 1)
    corners = windows[:, 0, 0, 0].astype(int)
    for window, corner in zip(windows[..., 0], corners, strict=True):
        row, column = divmod(corner, 6)
        np.testing.assert_array_equal(window, array(big)[0, row : row + 3, column : column + 4, 0])
    counts = np.bincount(corners, minlength=36)
    possible = [6 * row + column for row in range(4) for column in range(3)]
    assert set(np.flatnonzero(counts)) == set(possible) and counts[possible].min() > 500 / 12 / 2


def test_random_crop_with_padding_shifts():
    crop = image.random_crop((7, 9), padding=2)
    np.testing.assert_array_equal(array(crop(X)), array(X))
    padded = np.pad(array(X), ((0, 0), (2, 2), (2, 2), (0, 0)))
    shifted = array(mt.training(crop)(mt.key(3), X)[0])
    for one, wide in zip(shifted, padded, strict=True):
        assert any(np.array_equal(one, wide[i : i + 7, j : j + 9]) for i in range(5) for j in range(5))
    np.testing.assert_array_equal(array(image.random_crop((9, 9), padding=1)(X)), padded[:, 1:10, 2:11])


def test_random_flip_mirrors_some():
    many = xp.asarray(np.broadcast_to(PICTURES[:1], (400, 7, 9, 3)).astype(np.uint8))
    found = array(mt.training(image.random_flip(0.25))(mt.key(0), many)[0])
    straight, mirrored = PICTURES[0], PICTURES[0][:, ::-1]
    flipped = [np.array_equal(one, mirrored) for one in found]
    assert all(f or np.array_equal(one, straight) for f, one in zip(flipped, found, strict=True))
    assert 60 < sum(flipped) < 140
    np.testing.assert_array_equal(array(image.random_flip(1.0)(many)), array(many))


def test_the_key_says_what_is_drawn():
    for mapping in (image.random_flip(), image.random_crop((4, 4), padding=1)):
        draw = mt.training(mapping)
        many = xp.concat([X] * 8)
        first, again, other = (array(draw(mt.key(seed), many)[0]) for seed in (0, 0, 5))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


# in the graph

CHAIN = (
    image.resize((8, 8))
    >> image.scale(1 / 255)
    >> image.greyscale()
    >> image.normalise(0.5, 0.25)
    >> image.random_flip()
    >> image.random_crop(6, padding=1)
    >> image.pad(1)
    >> nn.Conv2D(2, 3)
    >> nn.Flatten()
    >> nn.Dense(3)
)


def test_they_compose_compile_train_and_save(tmp_path):
    pixels = PICTURES.astype(np.uint8)
    net = CHAIN.init(mt.key(0), pixels)
    np.testing.assert_allclose(
        array(mt.compile(lambda net, x: net(x))(net, pixels)), array(net(pixels)), rtol=1e-5, atol=1e-6
    )
    learner = mt.Learner(CHAIN, loss=losses.cross_entropy, optimizer=optim.adam(1e-2))
    history = learner.fit(np.concatenate([pixels] * 4), np.arange(8) % 2, epochs=30, progress=False)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    mt.save(learner.net >> nn.softmax, tmp_path / "net.mapsto", example=pixels[:1])
    answer = mt.load(tmp_path / "net.mapsto")
    np.testing.assert_allclose(array(answer(pixels)), array((learner.net >> nn.softmax)(pixels)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("antialias", [True, False])
def test_the_gradient_of_resize_is_its_transpose(antialias):
    mapping = image.resize((3, 5), antialias=antialias)
    weights = xp.asarray(RNG.normal(size=(2, 3, 5, 3)))
    gradient = mt.grad(lambda x: xp.sum(mapping(x) * weights))(X)
    rows, columns = bilinear_weights(7, 3, antialias), bilinear_weights(9, 5, antialias)
    np.testing.assert_allclose(
        array(gradient), np.einsum("ip,jq,nijc->npqc", rows, columns, array(weights)), rtol=1e-10, atol=1e-12
    )


# mistakes


@pytest.mark.parametrize(
    "call, error, code",
    [
        (lambda: image.resize((0, 5)), mt.UsageError, "ARG-01"),
        (lambda: image.resize(5, "cubic"), mt.UsageError, "ARG-02"),
        (lambda: image.resize(5)(np.zeros((5, 5, 3), np.float32)), mt.ShapeError, "IMAGE-06"),
        (lambda: image.normalise([1.0, 2.0, 3.0], [1.0, 2.0]), mt.UsageError, "ARG-01"),
        (lambda: image.normalise(0.0, 0.0), mt.UsageError, "ARG-01"),
        (lambda: image.normalise([], 1.0), mt.UsageError, "ARG-01"),
        (lambda: image.normalise([1.0, 2.0], 1.0)(X), mt.ShapeError, "IMAGE-07"),
        (lambda: image.greyscale()(X[..., :1]), mt.ShapeError, "IMAGE-07"),
        (lambda: image.center_crop(8)(X), mt.ShapeError, "IMAGE-08"),
        (lambda: mt.training(image.random_crop(12, padding=1))(mt.key(0), X), mt.ShapeError, "IMAGE-08"),
        (lambda: image.pad(-1), mt.UsageError, "ARG-01"),
        (lambda: image.random_flip(1.5), mt.UsageError, "ARG-01"),
        (lambda: image.random_crop(4, padding=-1), mt.UsageError, "ARG-01"),
        (lambda: image.decode((28,)), mt.UsageError, "ARG-01"),
        (lambda: image.decode((28, 28), "CMYK"), mt.UsageError, "ARG-02"),
    ],
)
def test_refused(call, error, code):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code and (caught.value.fix or code == "ARG-01")


def test_a_crop_that_does_not_fit_is_called_by_its_name():
    for crop in (image.random_crop(40), image.center_crop(40)):
        name = "random_crop" if "Random" in type(crop).__name__ else "center_crop"
        with pytest.raises(mt.ShapeError, match=f"image.{name}: a window of 40 × 40"):
            crop(np.zeros((1, 32, 32, 3), np.uint8))


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize(("shape", "axis"), [((2, 0, 3, 1), "height"), ((2, 3, 0, 1), "width")])
def test_of_nothing_no_picture_is_made(method, shape, axis):
    with pytest.raises(mt.ShapeError, match=f"image.resize: the input .* has nothing along its {axis}") as caught:
        image.resize(4, method)(np.zeros(shape, np.float32))
    assert caught.value.code == "WINDOW-07"
    assert image.resize(4, method)(np.zeros((0, 2, 3, 1), np.float32)).shape == (0, 4, 4, 1)


ALONE = [image.resize(8), image.center_crop(8), image.pad(1), image.random_flip(), image.random_crop(2)]


@pytest.mark.parametrize("mapping", [*ALONE, image.greyscale(), image.normalise([1.0, 2.0], [1.0, 2.0])])
def test_errors_name_a_path_only_within_a_net(mapping):
    with pytest.raises(mt.ShapeError) as alone:
        mapping(np.zeros((5, 5, 3), np.float32))
    assert alone.value.path == "" and str(alone.value).startswith("image.")
    with pytest.raises(mt.ShapeError) as inside:
        (mapping >> nn.relu)(np.zeros((5, 5, 3), np.float32))
    assert inside.value.path.startswith("net.") and str(inside.value).startswith(f"in {inside.value.path}: image.")


def test_decode_alone_names_no_path():
    with pytest.raises(mt.UsageError) as alone:
        image.decode(8)(3)
    assert alone.value.path == ""
