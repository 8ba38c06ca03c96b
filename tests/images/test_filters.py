"""The named filters answer with the sign that their names promise; a file holds a filter or is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from derive.errors import DeriveError, UnknownName
from derive.images import FilterError, apply, filters, picture, read_filter

RAMP = np.arange(5) * np.ones((5, 1))
EDGES = ["sobel-x", "sobel-y", "prewitt-x", "prewitt-y", "scharr-x", "scharr-y", "laplacian"]
MEANS = ["identity", "sharpen", "emboss", "box-3", "box-5", "gaussian-3", "gaussian-5"]


def test_every_filter_is_listed_here():
    assert sorted(filters()) == sorted(EDGES + MEANS)


@pytest.mark.parametrize("name", EDGES + MEANS)
def test_every_filter_is_odd_square_and_keeps_flat_images_flat(name):
    V = read_filter(name)
    assert V.dtype == np.float64
    assert V.shape in {(3, 3), (5, 5)}
    expected = 0 if name in EDGES else 1
    assert abs(V.sum() - expected) <= V.size * np.finfo(float).eps


@pytest.mark.parametrize("family", ["sobel", "prewitt", "scharr"])
def test_x_answers_plus_where_the_picture_brightens_to_the_right_and_y_downwards(family, kernel):
    V = filters()
    weight = np.abs(V[f"{family}-x"]).sum()
    assert (apply(kernel, RAMP, V[f"{family}-x"])[1:-1, 1:-1] == weight).all()
    assert (apply(kernel, RAMP, V[f"{family}-y"])[1:-1, 1:-1] == 0).all()
    assert (apply(kernel, RAMP.T, V[f"{family}-y"])[1:-1, 1:-1] == weight).all()


def test_the_filters_are_those_of_scipy():
    scipy = pytest.importorskip("scipy.ndimage", reason="scipy is the reference here")
    V, X = filters(), np.random.default_rng(0).integers(-99, 99, (9, 8)) * 1.0
    for ours, theirs in {
        "sobel-x": scipy.sobel(X, axis=1, mode="constant"),
        "sobel-y": scipy.sobel(X, axis=0, mode="constant"),
        "prewitt-x": scipy.prewitt(X, axis=1, mode="constant"),
        "prewitt-y": scipy.prewitt(X, axis=0, mode="constant"),
        "laplacian": scipy.laplace(X, mode="constant"),
    }.items():
        assert (scipy.correlate(X, V[ours], mode="constant") == theirs).all()


def test_identity_does_nothing_and_sharpen_takes_the_laplacian_away(kernel):
    X, V = np.arange(30).reshape(5, 6) ** 2, filters()
    assert (apply(kernel, X, V["identity"]) == X).all()
    assert (apply(kernel, X, V["sharpen"]) == X - apply(kernel, X, V["laplacian"])).all()


def test_a_named_filter_may_be_changed_without_harm():
    read_filter("sobel-x")[:] = 7
    assert read_filter("sobel-x")[0, 0] == -1


squares = st.integers(0, 3).map(lambda Delta: (2 * Delta + 1,) * 2)
numbers = st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_])


@given(data=st.data(), dtype=numbers, shape=squares)
def test_a_stored_filter_comes_back_as_float64(data, dtype, shape, tmp_path_factory):
    finite = {"allow_nan": False, "allow_infinity": False} if np.dtype(dtype).kind == "f" else None
    V = data.draw(arrays(dtype, shape, elements=finite))
    path = tmp_path_factory.mktemp("filter") / "V.npy"
    np.save(path, V)
    read = read_filter(path)
    assert read.dtype == np.float64
    assert (read == V.astype(np.float64)).all()


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (np.zeros((3, 3), complex), "must hold real numbers, but it holds complex128."),
        (np.array([["a"]]), "must hold real numbers, but it holds <U1."),
        (np.zeros(3), "must have shape (2Δ+1, 2Δ+1), but its shape is (3,)."),
        (np.zeros((0, 3)), "must have shape (2Δ+1, 2Δ+1), but its shape is (0, 3)."),
        (np.zeros((4, 3)), "must have odd sides 2Δ+1, but its shape is (4, 3)."),
        (
            np.zeros((3, 5)),
            "must be square, but its shape is (3, 5); with zeros around it, shape (5, 5), it is the same layer.",
        ),
        (np.diag([0, np.nan, 0]), "must hold finite numbers, but its entry [1, 1] is nan."),
        (np.diag([np.inf]), "must hold finite numbers, but its entry [0, 0] is inf."),
    ],
)
def test_a_file_that_holds_no_filter_is_refused(stored, said, tmp_path):
    np.save(tmp_path / "V.npy", stored)
    with pytest.raises(FilterError) as caught:
        read_filter(tmp_path / "V.npy")
    assert str(caught.value) == f"Filter {str(tmp_path / 'V.npy')!r} {said}"


def write_objects(path):
    np.save(path, np.array([[{}]]), allow_pickle=True)


def write_short(path):
    np.save(path, np.ones((5, 5)))
    path.write_bytes(path.read_bytes()[:-8])


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (write_objects, "it holds no array of numbers (object arrays cannot be loaded"),
        (write_short, "it holds no array of numbers ("),
        (
            lambda path: path.write_bytes(b"PK and more"),
            "it holds no array of numbers (the magic string is not",
        ),
        (lambda path: path.write_bytes(b""), "it is empty."),
        (lambda path: path.mkdir(), "it is a folder."),
        (lambda path: None, "there is no such file."),
    ],
)
def test_a_file_that_is_no_array_is_refused(write, said, tmp_path):
    write(tmp_path / "V.npy")
    with pytest.raises(FilterError) as caught:
        read_filter(tmp_path / "V.npy")
    assert str(caught.value).startswith(f"Filter {str(tmp_path / 'V.npy')!r} cannot be read: {said}")
    assert "\n" not in str(caught.value)


@given(at=st.integers(0, 2**10), byte=st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(at, byte, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / "V.npy"
    np.save(path, np.ones((3, 3)))
    damaged = bytearray(path.read_bytes())
    damaged[at % len(damaged)] = byte
    path.write_bytes(damaged)
    said = ""
    try:
        assert read_filter(path).ndim == 2
    except DeriveError as refused:
        said = str(refused)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sobel", "did you mean sobel-y or sobel-x?"),
        ("Gauss-3", "did you mean gaussian-3 or gaussian-5?"),
        ("zzz", f"there are {', '.join(sorted(EDGES + MEANS))}."),
    ],
)
def test_an_unknown_name_is_refused_with_the_names_near_it(name, said):
    with pytest.raises(UnknownName) as caught:
        read_filter(name)
    assert str(caught.value) == f"Filter {name!r} is neither a name nor a file FILE.npy; {said}"


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_a_filter_that_is_too_large_is_named_not_the_image(shape, kernel):
    V = np.full((3, 3), 2.0)
    V[1, 2] = 1e308
    for name, subject in (("", "The filter"), ("big.npy", "Filter 'big.npy'")):
        with pytest.raises(FilterError) as caught:
            apply(kernel, np.ones(shape) * 9, V, name=name)
        assert str(caught.value) == f"{subject} is too large: its entry [1, 2] is 1e+308, and H overflows."


def test_a_large_filter_that_does_not_overflow_is_applied(kernel):
    V = np.full((3, 3), 1e308)
    assert (apply(kernel, np.zeros((4, 5)), V) == 0).all()
    assert (picture(np.full((3, 3), 0.5), V) == 0.5).all()
