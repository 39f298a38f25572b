"""Image and WAV folders: a folder a class, decoded once."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.worker.data import DataError, Dataset, load_dataset
from chainrule.worker.data.images import read_image
from chainrule.worker.spec import DatasetSpec
from chainrule.worker.spec.losses import LOSSES

PIXELS = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def image(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def sound(path: Path, values: np.ndarray, width: int = 2, channels: int = 1, rate: int = 8000) -> Path:
    """values: whole numbers of `width` bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"".join(int(value).to_bytes(width, "little", signed=width > 1) for value in values)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(content)
    return path


def load(source: Any, path: Path, **fields: Any) -> Dataset:
    fields = {"test_fraction": 0, **fields}
    loss = LOSSES["softmax_cross_entropy"]()
    return load_dataset(DatasetSpec(source=source, path=str(path), **fields), loss=loss, seed=0)


def refused(source: Any, path: Path, **fields: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(source, path, **fields)
    return caught.value.message


@pytest.fixture
def images(tmp_path: Path) -> Path:
    image(tmp_path / "faces" / "bob" / "1.pgm", PIXELS)
    image(tmp_path / "faces" / "ann" / "1.png", PIXELS[::-1])
    image(tmp_path / "faces" / "ann" / "2.pgm", PIXELS + 1)
    (tmp_path / "faces" / "README").write_text("no class")
    return tmp_path / "faces"


def test_gray_images_become_one_channel_and_folders_become_classes(images: Path) -> None:
    dataset = load("images", images)
    np.testing.assert_array_equal(
        dataset.train_features, np.stack([PIXELS[::-1], PIXELS + 1, PIXELS])[:, None]
    )
    assert dataset.train_features.dtype == np.uint8
    np.testing.assert_array_equal(dataset.train_targets, [0, 0, 1])
    assert dataset.class_names == ("ann", "bob")


def test_colour_images_become_three_channels(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    image(tmp_path / "a" / "1.png", colours)
    image(tmp_path / "b" / "1.png", PIXELS)
    features = load("images", tmp_path).train_features
    np.testing.assert_array_equal(features[0], colours.transpose(2, 0, 1))
    np.testing.assert_array_equal(features[1], np.stack([PIXELS] * 3))


def test_images_are_brought_to_a_size_or_refused(images: Path) -> None:
    image(images / "bob" / "2.pgm", np.zeros((2, 3), np.uint8))
    assert "2.pgm has 3 x 2 pixels, the images before it have 6 x 4: set dataset.size" in refused(
        "images", images
    )
    assert load("images", images, size=[2, 3]).feature_shape == (1, 2, 3)


def test_a_new_image_is_seen_and_an_unchanged_folder_is_read_once(images: Path, cache: Path) -> None:
    load("images", images)
    load("images", images)
    assert len(list(cache.glob("*/entry.json"))) == 1
    image(images / "bob" / "3.pgm", PIXELS)
    assert load("images", images).train_samples == 4


def test_a_test_folder_has_the_classes_of_the_training_folder(images: Path, tmp_path: Path) -> None:
    image(tmp_path / "test" / "bob" / "1.pgm", PIXELS)
    np.testing.assert_array_equal(load("images", images, test_path=str(tmp_path / "test")).test_targets, [1])
    image(tmp_path / "test" / "eve" / "1.pgm", PIXELS)
    assert "has a folder 'eve', which is no class" in refused(
        "images", images, test_path=str(tmp_path / "test")
    )


def test_damaged_images_and_folders_without_classes_are_named(images: Path, tmp_path: Path) -> None:
    path = images / "bob" / "1.pgm"
    path.write_bytes(path.read_bytes()[:-5])
    assert "1.pgm is no image that can be read" in refused("images", images)
    (tmp_path / "none").mkdir()
    assert "has no folders in it" in refused("images", tmp_path / "none")
    assert "cannot list" in refused("images", tmp_path / "nowhere")
    (images / "eve").mkdir()
    assert "eve holds no files of the kinds .pgm" in refused("images", images)


def test_an_image_to_predict_on_has_the_shape_of_the_model(images: Path) -> None:
    assert read_image(images / "bob" / "1.pgm", "inputs", (2, 3), (1, 2, 3)).shape == (1, 2, 3)
    colours = image(images / "x.png", np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(DataError, match="is in colour"):
        read_image(colours, "inputs", None, (1, 4, 6))


@pytest.mark.parametrize(("width", "zero"), [(1, 128), (2, 0), (3, 0), (4, 0)])
def test_pcm_of_any_width_becomes_numbers_from_minus_1_to_1(tmp_path: Path, width: int, zero: int) -> None:
    half = 1 << (8 * width - 2)
    sound(tmp_path / "yes" / "1.wav", np.array([half, 0, -half, -2 * half]) + zero, width)
    sound(tmp_path / "no" / "1.wav", np.array([half] * 2) + zero, width)
    dataset = load("wav", tmp_path, length=3)
    np.testing.assert_array_equal(dataset.train_features, [[0.5, 0.5, 0], [0.5, 0, -0.5]])
    assert dataset.class_names == ("no", "yes")


def test_channels_are_mixed_down(tmp_path: Path) -> None:
    sound(tmp_path / "a" / "1.wav", np.array([16384, 0, -16384, -16384]), channels=2)
    sound(tmp_path / "b" / "1.wav", np.array([0]))
    np.testing.assert_array_equal(load("wav", tmp_path, length=2).train_features, [[0.25, -0.5], [0, 0]])


def test_another_sample_rate_is_refused(tmp_path: Path) -> None:
    sound(tmp_path / "a" / "1.wav", np.zeros(4))
    sound(tmp_path / "b" / "1.wav", np.zeros(4), rate=16000)
    assert "has 16,000 values a second, expected 8,000" in refused("wav", tmp_path, length=4)
    assert "has 8,000 values a second, expected 16,000" in refused(
        "wav", tmp_path, length=4, sample_rate=16000
    )


def test_torn_recordings_are_refused(tmp_path: Path) -> None:
    path = sound(tmp_path / "a" / "1.wav", np.zeros(4))
    sound(tmp_path / "b" / "1.wav", np.zeros(4))
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert "1.wav is truncated" in refused("wav", tmp_path, length=4)
    path.write_bytes(whole[:20])
    assert "1.wav is no PCM WAV file" in refused("wav", tmp_path, length=4)
