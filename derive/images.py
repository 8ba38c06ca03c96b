"""Photographs in, filtered pictures out.

An image is a float64 array in [0, 1] of shape (n, m), or (n, m, 3) for RGB; row i grows downwards and
column j to the right. A filter V of shape (2Δ+1, 2Δ+1) is used as a cross-correlation,

    H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]        |a|, |b| ≤ Δ

so sobel-x, whose right column is positive, answers with a plus where the picture brightens to the
right. Offset (a, b) is stored at position (a + Δ, b + Δ).
"""

import difflib
import os
import secrets
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from derive.errors import DeriveError, OutputError, UnknownName

__all__ = [
    "Array",
    "FilterError",
    "ImageError",
    "Kernel",
    "apply",
    "filters",
    "grey",
    "picture",
    "read_filter",
    "read_image",
    "shrink",
    "write_image",
]

Array: TypeAlias = NDArray[np.float64]
Kernel: TypeAlias = Callable[[Array, Array, float], Array]

_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".webp": "WEBP",
}


class ImageError(DeriveError):
    """A file or an array that is not a picture."""


class FilterError(DeriveError):
    """A file that does not hold a filter of shape (2Δ+1, 2Δ+1)."""


def read_image(path: str | os.PathLike[str]) -> Array:
    """The picture in a file, upright: (n, m) if it is grey, (n, m, 3) if it is in colour, in [0, 1].

    8-bit levels are divided by 255, 16-bit grey ones by 65535 (16-bit colour is read at 8 bits), 1-bit
    ones are 0 and 1, floats are taken as they are if they lie in [0, 1]. What is transparent lies on
    white. The orientation that a camera noted in EXIF is carried out. Of several frames the first is read.

    Raises ImageError with the reason if the file is missing, a folder, empty, damaged or no picture.
    """
    path = Path(path)
    _check_readable(path, "Image", ImageError)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            values = _levels(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise _refusal("Image", path, "it is in no image format that Pillow knows", ImageError) from error
    except Image.DecompressionBombError as error:
        raise _refusal("Image", path, "it unpacks to more pixels than Pillow allows", ImageError) from error
    except Exception as error:  # Pillow's decoders raise a dozen unrelated types on damaged data
        raise _refusal("Image", path, f"it is damaged or cut short ({_oneline(error)})", ImageError) from error
    if values.size == 0:
        raise _refusal("Image", path, f"it has no pixels (its shape is {values.shape})", ImageError)
    if not (values.min() >= 0 and values.max() <= 1):
        raise _refusal("Image", path, "its levels do not all lie between black and white", ImageError)
    return values


def _check_readable(path: Path, what: str, kind: type[DeriveError]) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise _refusal(what, path, "there is no such file", kind) from error
    except (OSError, ValueError) as error:
        raise _refusal(what, path, _oneline(error), kind) from error
    if S_ISDIR(status.st_mode):
        raise _refusal(what, path, "it is a folder", kind)
    if not S_ISREG(status.st_mode):
        raise _refusal(what, path, "it is not an ordinary file", kind)
    if status.st_size == 0:
        raise _refusal(what, path, "it is empty", kind)
    if not os.access(path, os.R_OK):
        raise _refusal(what, path, "permission denied", kind)


def _refusal(what: str, path: Path, reason: str, kind: type[DeriveError]) -> DeriveError:
    return kind(f"{what} {str(path)!r} cannot be read: {reason}.")


def _oneline(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    words = " ".join(text.split()).rstrip(".") or type(error).__name__
    return words[0].lower() + words[1:]


def _levels(image: Image.Image) -> Array:
    mode = image.mode
    if mode in ("1", "F"):
        return np.asarray(image).astype(np.float64)
    if mode == "L" and "transparency" not in image.info:
        return np.asarray(image) / 255
    if mode.startswith("I"):
        return np.asarray(image) / 65535
    if image.has_transparency_data:
        one = mode in ("L", "LA", "La")
        rgba = np.asarray(image.convert("RGBA")) / 255
        colour, alpha = rgba[..., :3], rgba[..., 3:]
        flat: Array = colour * alpha + (1 - alpha)
        return flat[..., 0] if one else flat
    return np.asarray(image.convert("RGB")) / 255


def write_image(path: str | os.PathLike[str], image: ArrayLike) -> None:
    """Writes an image in [0, 1] with 8 bits a channel: level ⌊255·x + ½⌋, values outside clipped.

    The suffix names the format. The file is written beside `path` and renamed, so that `path` holds the
    old picture or the whole new one. A filter's response goes through `picture` first.

    Raises ImageError if the array is no finite image, OutputError if the file cannot be written.
    """
    path, X = Path(path), _image(image)
    subject = f"Picture {str(path)!r} cannot be written"
    if path.suffix.lower() not in _FORMATS:
        raise OutputError(f"{subject}: its suffix is none of {', '.join(_FORMATS)}.")
    if not path.parent.is_dir():
        raise OutputError(f"{subject}: there is no folder {str(path.parent)!r}.")
    levels = np.floor(255 * np.clip(X, 0, 1) + 0.5).astype(np.uint8)
    stream = BytesIO()
    try:
        Image.fromarray(levels).save(stream, format=_FORMATS[path.suffix.lower()])
        _replace(path, stream.getvalue())
    except (OSError, ValueError) as error:
        raise OutputError(f"{subject}: {_oneline(error)}.") from error


def _replace(path: Path, content: bytes) -> None:
    path = path.resolve()  # what a link names is replaced, not the link
    beside = path.parent / f".derive-{secrets.token_hex(8)}.tmp"
    try:
        with beside.open("xb") as file:
            file.write(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _image(values: ArrayLike) -> Array:
    X = np.asarray(values)
    if X.dtype.kind not in "biuf":
        raise ImageError(f"An image holds real numbers, not {X.dtype}.")
    if X.size == 0 or not (X.ndim == 2 or (X.ndim == 3 and X.shape[2] == 3)):
        raise ImageError(f"An image has shape (n, m) or (n, m, 3) with n, m ≥ 1, not {X.shape}.")
    X = X.astype(np.float64)
    if not np.isfinite(X).all():
        at = tuple(int(k) for k in np.argwhere(~np.isfinite(X))[0])
        raise ImageError(f"An image holds finite numbers, but its entry {list(at)} is {X[at]}.")
    return X


def picture(H: ArrayLike, V: ArrayLike) -> Array:
    """A filter's response as an image in [0, 1] that shows what the filter looks for.

    If V sums to zero (edges, contrasts: |Σ V| is less than half a grey level of Σ |V|), |H| is shown, black
    for no answer and white for the strongest one at a place where the filter's window fits: beyond the frame
    X is 0, which would answer louder than the picture. Otherwise (blurs, sharpening, relief) H is an image
    already and is clipped to [0, 1].
    """
    H, W = _image(H), np.asarray(V, dtype=np.float64)
    W = np.ldexp(W, -np.frexp(np.abs(W).max())[1])  # so that the sum cannot overflow
    if abs(W.sum()) > np.abs(W).sum() / 510:
        return np.clip(H, 0, 1)
    A, B = (side // 2 for side in W.shape)
    strength = np.abs(H)
    fits = strength[A : H.shape[0] - A, B : H.shape[1] - B]
    loudest = float(fits.max() if fits.size else strength.max())
    return np.clip(strength / loudest, 0, 1) if loudest > 0 else np.zeros_like(H)


def filters() -> dict[str, Array]:
    """The filters that have names, each a fresh array; see the module for the sign convention.

    Sobel, Prewitt and Scharr are sums of slopes, not normalised; the Gaussians are binomial.

    >>> filters()["sobel-x"].astype(int).tolist()
    [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    """
    slope, delta = np.array([-1.0, 0, 1]), np.array([0.0, 1, 0])
    named = {"identity": np.outer(delta, delta)}
    for name, smooth in {"sobel": [1, 2, 1], "prewitt": [1, 1, 1], "scharr": [3, 10, 3]}.items():
        named[f"{name}-x"], named[f"{name}-y"] = np.outer(smooth, slope), np.outer(slope, smooth)
    named["laplacian"] = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    named["sharpen"] = named["identity"] - named["laplacian"]
    named["emboss"] = np.array([[-2.0, -1, 0], [-1, 1, 1], [0, 1, 2]])
    for side, binomial in ((3, [1, 2, 1]), (5, [1, 4, 6, 4, 1])):
        named[f"box-{side}"] = np.full((side, side), 1 / side**2)
        named[f"gaussian-{side}"] = np.outer(binomial, binomial) / sum(binomial) ** 2
    return named


def read_filter(name_or_path: str | os.PathLike[str]) -> Array:
    """The filter of that name, or the one that `numpy.save` wrote to FILE.npy: float64 (2Δ+1, 2Δ+1).

    Raises UnknownName for another name, FilterError for a file that holds no such filter.
    """
    name, named = os.fspath(name_or_path), filters()
    if name in named:
        return named[name]
    if not name.lower().endswith(".npy"):
        near = difflib.get_close_matches(name.lower(), named, n=4, cutoff=0.5)
        known = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(named))}."
        raise UnknownName(f"Filter {name!r} is neither a name nor a file FILE.npy; {known}")
    path = Path(name)
    _check_readable(path, "Filter", FilterError)
    try:
        with path.open("rb") as file:
            stored = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # numpy reads the header as Python text, which fails in many ways
        raise _refusal("Filter", path, f"it holds no array of numbers ({_oneline(error)})", FilterError) from error
    return _filter(stored, path)


def _filter(V: NDArray[Any], path: Path) -> Array:
    subject = f"Filter {str(path)!r}"
    if V.dtype.kind not in "biuf":
        raise FilterError(f"{subject} must hold real numbers, but it holds {V.dtype}.")
    if V.ndim != 2 or V.size == 0:
        raise FilterError(f"{subject} must have shape (2Δ+1, 2Δ+1), but its shape is {V.shape}.")
    if V.shape[0] % 2 == 0 or V.shape[1] % 2 == 0:
        raise FilterError(f"{subject} must have odd sides 2Δ+1, but its shape is {V.shape}.")
    if V.shape[0] != V.shape[1]:
        side = max(V.shape)
        raise FilterError(
            f"{subject} must be square, but its shape is {V.shape}; "
            f"with zeros around it, shape {(side, side)}, it is the same layer."
        )
    with np.errstate(over="ignore"):
        values = V.astype(np.float64)
    if not np.isfinite(values).all():
        p, q = (int(k) for k in np.argwhere(~np.isfinite(values))[0])
        raise FilterError(f"{subject} must hold finite numbers, but its entry [{p}, {q}] is {V[p, q]}.")
    return values


def apply(kernel: Kernel, image: ArrayLike, V: Array, u: float = 0.0, name: str = "") -> Array:
    """H = kernel(X, V, u) of a grey image (n, m), or of each channel of (n, m, 3), in the same layout.

    The kernel is one with leading batch axes: the colours become one. Raises FilterError, with the filter's name if it
    is given, where H overflows.
    """
    X = _image(image)
    with np.errstate(over="ignore", invalid="ignore"):
        H = kernel(np.ascontiguousarray(np.moveaxis(X, -1, 0)) if X.ndim == 3 else X, V, u)
    if not np.isfinite(H).all():
        subject = f"Filter {name!r}" if name else "The filter"
        p, q = (int(k) for k in np.unravel_index(np.abs(V).argmax(), V.shape))
        raise FilterError(f"{subject} is too large: its entry [{p}, {q}] is {V[p, q]}, and H overflows.")
    return np.moveaxis(H, 0, -1) if X.ndim == 3 else H


def grey(image: ArrayLike) -> Array:
    """The luma 0.299·R + 0.587·G + 0.114·B (ITU-R BT.601) of an RGB image; a grey one unchanged."""
    X = _image(image)
    return X if X.ndim == 2 else 0.299 * X[..., 0] + 0.587 * X[..., 1] + 0.114 * X[..., 2]


def shrink(image: ArrayLike, factor: int) -> Array:
    """The means over factor×factor blocks; what is left over at the right and the bottom is dropped."""
    X = _image(image)
    n, m = X.shape[0] // factor, X.shape[1] // factor
    if n == 0 or m == 0:
        raise ImageError(f"An image of shape {X.shape[:2]} has no {factor}×{factor} block.")
    blocks = X[: n * factor, : m * factor].reshape(n, factor, m, factor, *X.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)))
