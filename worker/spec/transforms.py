"""What happens to samples on their way from the source to the network: `dataset.transforms`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from .errors import Violation
from .section import Count, Flag, Id, Kind, Whole, one_of, table_of

Unit = Literal["characters", "bytes", "words"]


class TransformSpec(Kind):
    """One step; the steps are taken in their order, after `normalize`."""

    whole: ClassVar[bool] = False
    """Whether it makes the samples out of what the source holds, so that nothing can come before it."""
    exact: ClassVar[bool] = False
    """Whether it reads values as they are in the source, not scaled."""


class TokenizeSpec(TransformSpec):
    kind: ClassVar[str] = "tokenize"
    whole: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    unit: Unit = Field(default="words", description="one of characters, bytes, words")
    length: Count
    vocabulary: Count | None = None


class WindowSpec(TransformSpec):
    kind: ClassVar[str] = "window"
    whole: ClassVar[bool] = True
    length: Count
    stride: Count = 1
    horizon: Id = 1


class OneHotSpec(TransformSpec):
    kind: ClassVar[str] = "one_hot"
    exact: ClassVar[bool] = True
    categories: (
        Annotated[Whole, Field(ge=2, le=100_000, description="a whole number from 2 to 100000")] | None
    ) = None


class ResizeSpec(TransformSpec):
    kind: ClassVar[str] = "resize"
    height: Count
    width: Count


class RandomCropSpec(TransformSpec):
    kind: ClassVar[str] = "random_crop"
    height: Count
    width: Count
    padding: Id = 0


class RandomFlipSpec(TransformSpec):
    kind: ClassVar[str] = "random_flip"
    horizontal: Flag = True
    vertical: Flag = False


TRANSFORMS = table_of(TokenizeSpec, WindowSpec, OneHotSpec, ResizeSpec, RandomCropSpec, RandomFlipSpec)


def order_problems(transforms: Sequence[TransformSpec], normalize: str) -> Iterable[Violation]:
    """What cannot stand where it does; fields are relative to `dataset`."""
    for place, transform in enumerate(transforms):
        field = f"transforms[{place}]"
        if transform.whole and place:
            yield Violation(field, f"{transform.kind} makes the samples, so it comes first: move it up")
        if transform.exact and normalize != "none":
            message = f"{transform.kind} needs values as they are: set normalize: none, it is {normalize}"
            yield Violation(field, message)


if TYPE_CHECKING:
    AnyTransform = TransformSpec
else:
    AnyTransform = one_of("transform", TRANSFORMS, "`random_flip` or `resize: {height: 32, width: 32}`")
