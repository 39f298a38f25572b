"""Optimizers: update rules that work in place on flat buffers, one file a family."""

from .adam import Adam, AdamW
from .flat_optimizer import FlatOptimizer
from .rule import Rule
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "FlatOptimizer", "Rule"]
