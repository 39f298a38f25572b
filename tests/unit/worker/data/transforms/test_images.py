"""Resize, random crop and random flip: values, shapes, and that what is drawn is keyed."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.worker.data.transforms import Draw
from chainrule.worker.data.transforms.images import RandomCrop, RandomFlip, Resize

IMAGES = np.arange(2 * 4 * 6, dtype=np.float32).reshape(2, 4, 6)
COLORED = np.arange(8 * 5 * 5 * 3, dtype=np.float32).reshape(8, 5, 5, 3)
DRAW = Draw(seed=3, step=5, first_sample=0)


def test_an_image_keeps_its_size_and_its_values() -> None:
    assert Resize(4, 6).apply(IMAGES, None).tobytes() == IMAGES.tobytes()


def test_half_the_size_is_the_mean_of_four_pixels() -> None:
    expected = IMAGES.reshape(2, 2, 2, 3, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(Resize(2, 3).apply(IMAGES, None), expected)


def test_twice_the_size_is_drawn_between_the_centres_of_pixels() -> None:
    row = np.array([[[0.0, 4.0]]], np.float32)
    assert Resize(1, 4).apply(row, None).tolist() == [[[0, 1, 3, 4]]]


def test_channels_are_resized_each_by_itself() -> None:
    resized = Resize(3, 2).apply(COLORED, None)
    assert resized.shape == (8, *Resize(3, 2).output_shape((5, 5, 3)))
    for channel in range(3):
        np.testing.assert_array_equal(resized[..., channel], Resize(3, 2).apply(COLORED[..., channel], None))


@pytest.mark.parametrize("images", [IMAGES, COLORED], ids=["grey", "colored"])
def test_a_crop_is_a_part_of_its_image(images: np.ndarray) -> None:
    crop = RandomCrop(3, 4, 0, place=0)
    for image, cropped in zip(images, crop.apply(images, DRAW), strict=True):
        parts = [
            image[top : top + 3, left : left + 4]
            for top in range(image.shape[0] - 2)
            for left in range(image.shape[1] - 3)
        ]
        assert sum(np.array_equal(part, cropped) for part in parts) == 1


def test_every_crop_and_every_flip_comes_up() -> None:
    many = np.repeat(IMAGES[:1], 300, axis=0)
    crops = {crop.tobytes() for crop in RandomCrop(3, 4, 0, place=0).apply(many, DRAW)}
    assert len(crops) == 2 * 3
    flips = RandomFlip(horizontal=True, vertical=True, place=1).apply(many, DRAW)
    assert len({flip.tobytes() for flip in flips}) == 4
    turned = RandomFlip(horizontal=True, vertical=False, place=1).apply(many, DRAW)
    assert {image.tobytes() for image in turned} == {many[0].tobytes(), many[0][:, ::-1].tobytes()}
    share = np.mean([np.array_equal(image, many[0]) for image in turned])
    assert 0.4 < share < 0.6


def test_padding_is_zeros_around_the_image() -> None:
    cropped = RandomCrop(8, 10, 2, place=0).apply(IMAGES, DRAW)
    assert np.array_equal(cropped[:, 2:-2, 2:-2], IMAGES)
    assert cropped.sum() == IMAGES.sum()


@pytest.mark.parametrize(
    "transform", [RandomCrop(3, 3, 1, 0), RandomFlip(True, True, 0)], ids=["crop", "flip"]
)
def test_what_is_drawn_does_not_depend_on_the_cut(transform: RandomCrop | RandomFlip) -> None:
    whole = transform.apply(COLORED, DRAW)
    parts = [transform.apply(COLORED[start : start + 3], Draw(3, 5, start)) for start in (0, 3, 6)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("other", [Draw(4, 5, 0), Draw(3, 6, 0)], ids=["seed", "step"])
def test_another_seed_or_step_draws_otherwise(other: Draw) -> None:
    for transform in (RandomCrop(3, 3, 1, 0), RandomFlip(True, True, 0)):
        assert not np.array_equal(transform.apply(COLORED, DRAW), transform.apply(COLORED, other))


def test_two_transforms_of_one_list_draw_by_themselves() -> None:
    first, second = (RandomFlip(True, False, place).apply(np.repeat(COLORED, 9, 0), DRAW) for place in (0, 1))
    assert not np.array_equal(first, second)


def test_nothing_is_drawn_when_the_model_is_used() -> None:
    assert np.array_equal(RandomCrop(3, 3, 2, 0).apply(COLORED, None), COLORED[:, 1:4, 1:4])
    assert np.array_equal(RandomFlip(True, True, 0).apply(COLORED, None), COLORED)


def test_samples_that_are_no_images_and_crops_that_are_too_large_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected images \(height, width\).* got samples of shape \(64,\)"):
        Resize(2, 2).output_shape((64,))
    with pytest.raises(ValueError, match=r"expected at most 6 x 8.* got 7 x 8"):
        RandomCrop(7, 8, 1, 0).output_shape((4, 6))
