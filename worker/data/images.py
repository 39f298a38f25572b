"""Folders of images (PGM, PPM, PNG, JPEG, BMP): decoded once, to uint8 (channels, height, width)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..spec import DatasetSpec
from .class_folders import class_folders
from .errors import DataError
from .extras import needed
from .samples import Samples

ENDINGS = (".pgm", ".ppm", ".png", ".jpg", ".jpeg", ".bmp")
_GRAY = ("1", "L", "LA")


def load_images(spec: DatasetSpec) -> tuple[Samples, Samples | None]:
    """The training samples and, where it is named, the test set of an images dataset.

    The first image says whether all are gray (1 channel) or in colour (3) and, without `size`, how large.
    """
    assert spec.path is not None  # the job description was checked
    train = _samples(spec, spec.path, "dataset.path", None)
    test = None if spec.test_path is None else _samples(spec, spec.test_path, "dataset.test_path", train)
    return train, test


def _samples(spec: DatasetSpec, path: str, field: str, like: Samples | None) -> Samples:
    folders = class_folders(Path(path), field, ENDINGS, None if like is None else like.class_names)
    size = (spec.size[0], spec.size[1]) if spec.size else None
    first = None if like is None else like.features.shape[1:]

    def read(file: Path, shape: tuple[int, ...] | None) -> np.ndarray:
        return read_image(file, field, size, first or shape)

    return folders.samples({"source": "images", "size": size, "like": first}, np.uint8, read)


def read_image(
    path: Path, field: str, size: tuple[int, int] | None, like: tuple[int, ...] | None
) -> np.ndarray:
    """One image, (channels, height, width) uint8; brought to `size`, and to the channels of the shape `like`,
    which it must have in the end."""
    images = needed("PIL.Image", field, "source images")
    try:
        with images.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(field, f"{path} has more than 8 bits a value: save it with 8")
            gray = image.mode in _GRAY
            if not gray and like is not None and like[0] == 1:
                raise DataError(
                    field,
                    f"{path} is in colour, the images before it are gray: make all of them one or the other",
                )
            channels = (1 if gray else 3) if like is None else like[0]
            image = image.convert("L" if channels == 1 else "RGB")
            if size is not None and image.size != size[::-1]:
                image = image.resize(size[::-1], images.Resampling.BILINEAR)
            values = np.asarray(image, np.uint8)
    except DataError:
        raise
    except Exception as error:  # whatever Pillow's decoders raise on damaged files
        raise DataError(field, f"{path} is no image that can be read: {error}") from None
    values = values[None] if channels == 1 else values.transpose(2, 0, 1)
    if like is not None and values.shape != like:
        raise DataError(
            field,
            f"{path} has {values.shape[2]} x {values.shape[1]} pixels, the images before it have {like[2]} x "
            f"{like[1]}: set dataset.size: [height, width] to bring all to one size",
        )
    return values
