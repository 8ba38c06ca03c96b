"""Pictures in and out of files: every mode, every orientation, every way of being no picture."""

import os
import re
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from derive.errors import OutputError
from derive.images import ImageError, apply, filters, grey, picture, read_image, shrink, write_image

LEVELS = np.arange(12, dtype=np.uint8).reshape(3, 4) * 23
COLOURS = np.stack([LEVELS, 255 - LEVELS, LEVELS // 2], axis=-1)

grey_or_rgb = array_shapes(min_dims=2, max_dims=2, max_side=6).flatmap(
    lambda shape: st.sampled_from([shape, (*shape, 3)])
)
levels = grey_or_rgb.flatmap(lambda shape: arrays(np.uint8, shape))


def refusal(path):
    with pytest.raises(ImageError) as caught:
        read_image(path)
    return str(caught.value).replace(str(path), "PATH")


@given(image=levels, suffix=st.sampled_from([".png", ".TIFF", ".bmp"]))
def test_a_picture_with_8_bit_levels_comes_back_as_it_was(image, suffix, tmp_path_factory):
    path = tmp_path_factory.mktemp("round") / f"picture{suffix}"
    write_image(path, image / 255)
    back = read_image(path)
    assert back.dtype == np.float64
    assert (back == image / 255).all()


MODES = {
    "1-bit": (Image.fromarray(LEVELS > 99), (LEVELS > 99) * 1.0),
    "grey": (Image.fromarray(LEVELS), LEVELS / 255),
    "16-bit": (Image.fromarray(LEVELS.astype(np.uint16) * 257), LEVELS / 255),
    "colour": (Image.fromarray(COLOURS), COLOURS / 255),
    "palette": (Image.fromarray(COLOURS).quantize(16), COLOURS / 255),
    "opaque": (Image.fromarray(COLOURS).convert("RGBA"), COLOURS / 255),
    "transparent": (Image.fromarray(np.dstack([COLOURS, 0 * LEVELS])), np.ones((3, 4, 3))),
    "half transparent grey": (Image.fromarray(np.dstack([0 * LEVELS, LEVELS])), 1 - LEVELS / 255),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_grey_or_rgb(mode, tmp_path):
    image, expected = MODES[mode]
    image.save(tmp_path / "mode.png")
    found = read_image(tmp_path / "mode.png")
    assert found.shape == expected.shape
    assert (found == expected).all()


def test_a_transparent_grey_level_lies_on_white(tmp_path):
    Image.fromarray(LEVELS).save(tmp_path / "key.png", transparency=0)
    assert (read_image(tmp_path / "key.png") == np.where(LEVELS == 0, 255, LEVELS) / 255).all()


def test_cmyk_becomes_rgb_and_floats_stay(tmp_path):
    Image.fromarray(COLOURS).convert("CMYK").save(tmp_path / "ink.tif")
    Image.fromarray(np.float32([[0, 0.25, 1]])).save(tmp_path / "float.tif")
    assert read_image(tmp_path / "ink.tif").shape == (3, 4, 3)
    assert read_image(tmp_path / "float.tif").tolist() == [[0, 0.25, 1]]


ORIENTATIONS = {
    1: lambda X: X,
    2: np.fliplr,
    3: lambda X: np.rot90(X, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda X: np.rot90(X, -1),
    7: lambda X: np.rot90(X, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_orientation_that_the_camera_noted_is_carried_out(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(LEVELS).save(tmp_path / "turned.png", exif=exif)
    assert (read_image(tmp_path / "turned.png") == ORIENTATIONS[orientation](LEVELS) / 255).all()


def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path):
    assert refusal(tmp_path / "none.png") == "Image 'PATH' cannot be read: there is no such file."
    assert refusal(tmp_path) == "Image 'PATH' cannot be read: it is a folder."
    path = tmp_path / "picture.png"
    path.write_bytes(b"")
    assert refusal(path) == "Image 'PATH' cannot be read: it is empty."
    path.write_text("a thousand words")
    assert refusal(path) == "Image 'PATH' cannot be read: it is in no image format that Pillow knows."
    assert refusal(path / "below") == "Image 'PATH' cannot be read: not a directory."
    assert "\n" not in refusal("two\nlines.png")
    assert "cannot be read" in refusal("a\0b.png") and refusal("a\0b.png").count("embedded null") == 1  # Python's words


def test_a_large_picture_is_read_without_a_warning_and_a_huge_one_refused(tmp_path, monkeypatch, recwarn):
    write_image(tmp_path / "large.png", LEVELS / 255)
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", LEVELS.size - 1)
    assert (read_image(tmp_path / "large.png") == LEVELS / 255).all()
    assert not recwarn.list
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", LEVELS.size // 2 - 1)
    said = refusal(tmp_path / "large.png")
    assert said == "Image 'PATH' cannot be read: it unpacks to more pixels than Pillow allows."


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    write_image(tmp_path / "secret.png", LEVELS / 255)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert refusal(tmp_path / "secret.png") == "Image 'PATH' cannot be read: permission denied."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert refusal(tmp_path / "pipe.png") == "Image 'PATH' cannot be read: it is not an ordinary file."


def test_levels_beyond_white_are_refused(tmp_path):
    for bad in (1.5, -0.5, np.nan):
        Image.fromarray(np.float32([[0, bad]])).save(tmp_path / "bad.tif")
        said = refusal(tmp_path / "bad.tif")
        assert said == "Image 'PATH' cannot be read: its levels do not all lie between black and white."


def encoded(format):
    stream = BytesIO()
    Image.fromarray(np.kron(COLOURS, np.ones((4, 4, 1), np.uint8))).save(stream, format=format)
    return stream.getvalue()


@pytest.mark.parametrize("format", ["PNG", "BMP", "JPEG"])
def test_a_file_cut_short_is_refused(format, tmp_path):
    whole, path = encoded(format), tmp_path / "short"
    path.write_bytes(whole[: len(whole) // 2])
    assert re.fullmatch(r"Image 'PATH' cannot be read: it is damaged or cut short \([^\n]+\)\.", refusal(path))


@given(
    data=st.sampled_from([encoded("PNG"), encoded("TIFF"), encoded("JPEG"), encoded("GIF")]),
    edits=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data, edits, tmp_path_factory):
    damaged = bytearray(data)
    for at, byte in edits:
        damaged[at % len(damaged)] = byte
    path = tmp_path_factory.mktemp("damaged") / "picture"
    path.write_bytes(damaged)
    said = ""
    try:
        image = read_image(path)
        assert 0 <= image.min() <= image.max() <= 1
    except ImageError as refused:
        said = str(refused)
    assert "\n" not in said


def test_levels_are_rounded_to_the_nearest_and_clipped(tmp_path):
    write_image(tmp_path / "x.png", [[-3.0, 0.499 / 255, 0.5 / 255, 7]])
    assert (read_image(tmp_path / "x.png") * 255).tolist() == [[0, 0, 1, 255]]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("picture.xyz", "its suffix is none of .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp."),
        ("none/picture.png", "there is no folder"),
        ("folder.png", "is a directory."),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(name, reason, tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=re.escape(f"{str(tmp_path / name)!r} cannot be written: {reason}")):
        write_image(tmp_path / name, LEVELS / 255)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_what_stops_the_writing_leaves_the_old_picture_alone(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    write_image(path, LEVELS / 255)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_image(path, np.ones((2, 2)))
    assert list(tmp_path.iterdir()) == [path]
    assert (read_image(path) == LEVELS / 255).all()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 2), complex), "An image holds real numbers, not complex128."),
        (np.zeros((2, 2), object), "An image holds real numbers, not object."),
        (np.zeros((0, 2)), "An image has shape (n, m) or (n, m, 3) with n, m ≥ 1, not (0, 2)."),
        (np.zeros((2, 2, 4)), "An image has shape (n, m) or (n, m, 3) with n, m ≥ 1, not (2, 2, 4)."),
        (np.zeros(2), "An image has shape (n, m) or (n, m, 3) with n, m ≥ 1, not (2,)."),
        ([[0, np.nan]], "An image holds finite numbers, but its entry [0, 1] is nan."),
    ],
)
def test_an_array_that_is_no_image_is_refused(array, said, tmp_path, kernel):
    for use in (
        lambda: write_image(tmp_path / "x.png", array),
        lambda: apply(kernel, array, filters()["identity"]),
        lambda: picture(array, filters()["identity"]),
        lambda: grey(array),
    ):
        with pytest.raises(ImageError) as caught:
            use()
        assert str(caught.value) == said
    assert not list(tmp_path.iterdir())


def test_a_zero_sum_filter_shows_how_strong_it_answers_where_its_window_fits():
    H = np.full((5, 5), -9.0)
    H[1:4, 1:4] = [[0, 1, 2], [-4, 3, 0], [0, 0, 0]]
    shown = picture(H, filters()["sobel-x"])
    assert shown[1:4, 1:4].tolist() == [[0, 0.25, 0.5], [1, 0.75, 0], [0, 0, 0]]
    assert (shown[0] == 1).all()


def test_the_other_filters_show_an_image_that_is_clipped():
    assert picture([[-0.5, 0.5, 1.5]], filters()["sharpen"]).tolist() == [[0, 0.5, 1]]


def test_no_answer_is_black_and_a_window_that_never_fits_is_no_obstacle():
    assert (picture(np.zeros((4, 4)), filters()["laplacian"]) == 0).all()
    assert picture([[1.0, -2.0]], filters()["laplacian"]).tolist() == [[0.5, 1]]


def test_colours_are_filtered_one_by_one(kernel):
    V = filters()["sobel-y"]
    together = apply(kernel, COLOURS, V, u=2.0)
    assert together.shape == COLOURS.shape
    for c in range(3):
        assert (together[..., c] == apply(kernel, COLOURS[..., c], V, u=2.0)).all()


@given(image=levels)
def test_apply_is_the_cross_correlation_with_zero_edges(image, kernel):
    scipy = pytest.importorskip("scipy.ndimage", reason="scipy is the reference here")
    V = np.arange(-12, 13).reshape(5, 5) * 1.0
    expected = scipy.correlate(image * 1.0, V.reshape(V.shape + (1,) * (image.ndim - 2)), mode="constant")
    assert (apply(kernel, image, V) == expected).all()


def test_grey_weighs_the_colours_and_shrink_takes_means():
    assert grey(COLOURS)[0, 0] == 0.587 * 255  # one product, the others of zeros
    assert (grey(LEVELS) == LEVELS).all()
    assert shrink(np.arange(20).reshape(4, 5), 2).tolist() == [[3, 5], [13, 15]]
    assert shrink(COLOURS, 2).shape == (1, 2, 3)
    with pytest.raises(ImageError, match=r"An image of shape \(3, 4\) has no 5×5 block\."):
        shrink(LEVELS, 5)
