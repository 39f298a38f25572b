"""Optimizers: update rules that work in place on flat buffers, one file a family."""

from . import schedules
from .adagrad import AdaDelta, AdaGrad
from .adam import Adam, AdamW, AMSGrad, NAdam, RAdam
from .average import MovingAverage
from .clip import clip_by_norm, clip_by_value
from .curvature import gauss_newton_bartlett, hutchinson
from .flat_optimizer import FlatOptimizer
from .flat_update import FlatUpdate
from .groups import Group
from .lamb import LAMB
from .lion import Lion
from .loss_scale import LossScale
from .muon import Muon
from .rmsprop import RMSProp
from .rule import Rule, WholeRule
from .sgd import SGD
from .sophia import Sophia

__all__ = [
    "LAMB", "SGD", "AMSGrad", "AdaDelta", "AdaGrad", "Adam", "AdamW", "FlatOptimizer", "FlatUpdate",
    "Group", "Lion", "LossScale", "MovingAverage", "Muon", "NAdam", "RAdam", "RMSProp", "Rule",
    "Sophia", "WholeRule", "clip_by_norm", "clip_by_value", "gauss_newton_bartlett", "hutchinson",
    "schedules",
]  # fmt: skip
