"""Diagrams: boxes in boxes and lines between them, placed and drawn, whatever it is that they stand for."""

from .boxes import Box, Link
from .content import Carried, Chip, Content, group, leaf, text_width
from .svg import draw

__all__ = ["Box", "Carried", "Chip", "Content", "Link", "draw", "group", "leaf", "text_width"]
