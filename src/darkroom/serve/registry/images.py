"""The input of a served model: images as a column of base64 text, bytes of files, or arrays, laid out as files."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from PIL import Image

from darkroom.data.place import Listing

COLUMN = "image"


@contextmanager
def as_files(given: Any) -> Iterator[Listing]:
    """Lay images out as files, named by their place, as the commands read them; they are gone at the end of the block.

    `given` is a table with a column `image`, or a list. Raises MlflowException, of which MLflow's server makes code 400, for
    what is no image at all. A file that cannot be read as an image is laid out all the same.
    """
    contents = [_bytes(value, place) for place, value in enumerate(_column(given))]
    with TemporaryDirectory(prefix="darkroom-") as folder:
        listing = Listing(Path(folder), tuple(map(str, range(len(contents)))), ())
        for name, content in zip(listing.names, contents, strict=True):
            listing.path(name).write_bytes(content)
        yield listing


def answered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the answers, of which the first column is empty for an image without one.

    Raises MlflowException if no image has an answer, with the reason of the first.
    """
    if rows.iloc[:, 0].isna().all():
        raise refused(f"none of the images has an answer; image 0: {rows['note'][0]}")
    return rows


def _column(given: Any) -> list[Any]:
    if isinstance(given, pd.DataFrame):
        if COLUMN not in given.columns:
            names = ", ".join(map(repr, given.columns))
            raise refused(
                f'got the columns {names}; expected "{COLUMN}", with base64 text, bytes of image files, or arrays'
            )
        given = given[COLUMN].tolist()
    if not isinstance(given, list | tuple | np.ndarray):
        raise refused(f"got {type(given).__name__}; expected a list of images, or a table with a column {COLUMN}")
    # MLflow's server makes one row of a list of texts
    flat = [one for value in given for one in (value if _are_texts(value) else [value])]
    if not flat:
        raise refused("got no images")
    return flat


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _bytes(value: Any, place: int) -> bytes:
    """Return the bytes of an image file. Raises MlflowException naming the place of the image."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise refused(f"image {place} is text, but not in base64") from None
    try:
        values = np.asarray(value)
        if values.dtype.kind not in "iuf" or not ((values >= 0) & (values <= 255) & (values % 1 == 0)).all():
            raise TypeError
        return _encoded(values.astype(np.uint8))
    except (TypeError, ValueError, OverflowError):
        raise refused(
            f"image {place} is {_described(value)}; expected base64 text, the bytes of a file, or an array (H, W), (H, W, 1) or "
            "(H, W, 3) of whole numbers from 0 to 255"
        ) from None


def _encoded(image: np.ndarray[Any, Any]) -> bytes:
    """Encode an array without loss. Raises TypeError for arrays of another shape."""
    stream = io.BytesIO()
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] == 3):
        raise TypeError
    Image.fromarray(image).save(stream, "PPM")
    return stream.getvalue()


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    if not isinstance(value, list):
        return f"of type {type(value).__name__}"
    return "a list of other values" if value else "an empty list"


def refused(reason: str) -> MlflowException:
    """Return an error that MLflow's server answers with code 400."""
    return MlflowException(reason, error_code=INVALID_PARAMETER_VALUE)
