"""Datasets: sources, checks, splits, and the fixed grid of mini-batches."""

from .batches import Grid
from .dataset import Dataset
from .errors import DataError
from .load import load_dataset
from .transform import FeatureTransform

__all__ = ["DataError", "Dataset", "FeatureTransform", "Grid", "load_dataset"]
