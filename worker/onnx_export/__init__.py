"""Models as ONNX files, for every program that runs those. Without `onnx`, importing it says what to do."""

from .export import ExportedFile, export_model, export_saved_model
from .graph import OPSET

__all__ = ["OPSET", "ExportedFile", "export_model", "export_saved_model"]
