"""Fits the transforms of a job to its training samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..spec import DatasetSpec
from ..spec.transforms import (
    OneHotSpec,
    RandomCropSpec,
    RandomFlipSpec,
    ResizeSpec,
    TokenizeSpec,
    TransformSpec,
    WindowSpec,
)
from .errors import DataError
from .rows import SampleArray
from .samples import Samples
from .tokenizer import Tokenizer
from .transforms import Pipeline, SampleTransform
from .transforms.categories import OneHot
from .transforms.images import RandomCrop, RandomFlip, Resize
from .transforms.series import Windows
from .transforms.text import TextToIds, are_texts

Rows = slice | np.ndarray


def made_samples(
    spec: DatasetSpec, train: Samples, test: Samples | None, kept: Callable[[int], Rows]
) -> tuple[Samples, Samples | None, TextToIds | Windows | None]:
    """The samples, made out of texts or of a series where the job says so.

    `kept(n)`: which of n samples are trained on where there is no test set. A series is cut in time, its last
    part held out, so that no window of the test set overlaps one that is trained on.
    """
    first = spec.transforms[0] if spec.transforms else None
    if isinstance(first, TokenizeSpec):
        return _tokenized(first, train, test, kept)
    if isinstance(first, WindowSpec):
        return _windows(spec, first, train, test)
    return train, test, None


def _tokenized(
    spec: TokenizeSpec, train: Samples, test: Samples | None, kept: Callable[[int], Rows]
) -> tuple[Samples, Samples | None, TextToIds]:
    for samples in (train, test):
        if samples is not None and not are_texts(np.asarray(samples.features)):
            message = (
                "the transform tokenize needs one text a sample, shape (n,), got an array of "
                f"{samples.features.dtype}, shape {samples.features.shape}"
            )
            raise DataError(samples.features_field, message)
    texts = np.asarray(train.features).reshape(-1)
    learned = texts if test is not None else texts[kept(len(texts))]
    ids = TextToIds(Tokenizer.fit(learned.tolist(), spec.unit, spec.vocabulary), spec.length)
    made = [part and replace(part, features=ids.apply(np.asarray(part.features))) for part in (train, test)]
    assert made[0] is not None
    return made[0], made[1], ids


def _windows(
    spec: DatasetSpec, window: WindowSpec, train: Samples, test: Samples | None
) -> tuple[Samples, Samples | None, Windows]:
    windows = Windows(window.length, window.stride, window.horizon)
    for part in (train, test):
        if part is not None and (
            part.features.ndim not in (1, 2)
            or part.targets.ndim not in (1, 2)
            or len(part.features) != len(part.targets)
        ):
            message = (
                "the transform window needs a series (time, features) and the targets of each of its "
                f"steps, got shapes {part.features.shape} and {part.targets.shape}"
            )
            raise DataError(part.features_field, message)
    if test is None and spec.test_fraction > 0:
        steps = len(train.features)
        start = steps - max(1, round(steps * spec.test_fraction))
        test = replace(train, features=train.features[start:], targets=train.targets[start:])
        train = replace(train, features=train.features[:start], targets=train.targets[:start])
    made: list[Samples | None] = []
    for part, name in ((train, "training"), (test, "held-out")):
        try:
            made.append(
                part
                and replace(
                    part,
                    **dict(
                        zip(
                            _PAIR,
                            windows.samples(np.asarray(part.features), np.asarray(part.targets)),
                            strict=True,
                        )
                    ),
                )
            )
        except ValueError as error:
            raise DataError("dataset.transforms[0]", f"in the {name} part of the series, {error}") from None
    assert made[0] is not None
    return made[0], made[1], windows


_PAIR = ("features", "targets")


def fitted_pipeline(
    spec: DatasetSpec, source: TextToIds | Windows | None, train_features: SampleArray
) -> Pipeline:
    """The transforms of a job for its training samples (n, *shape); DataError names the one that they do not
    fit."""
    shape = tuple(train_features.shape[1:])
    steps: list[SampleTransform] = []
    for place, transform in enumerate(spec.transforms):
        if transform.whole:
            continue
        try:
            steps.append(_fitted(transform, place, train_features, bool(steps)))
            shape = steps[-1].output_shape(shape)
        except ValueError as error:
            raise DataError(f"dataset.transforms[{place}]", f"{transform.kind}: {error}") from None
    return Pipeline(source, tuple(steps))


def _fitted(spec: TransformSpec, place: int, train_features: SampleArray, later: bool) -> SampleTransform:
    if isinstance(spec, OneHotSpec):
        if later:
            raise ValueError("expected whole numbers, so nothing but tokenize or window may come before it")
        return OneHot(spec.categories) if spec.categories else OneHot.fit(train_features)
    if isinstance(spec, ResizeSpec):
        return Resize(spec.height, spec.width)
    if isinstance(spec, RandomCropSpec):
        return RandomCrop(spec.height, spec.width, spec.padding, place)
    assert isinstance(spec, RandomFlipSpec)
    return RandomFlip(spec.horizontal, spec.vertical, place)
