"""`export`: a trained model as an ONNX file, for programs that are not chainrule."""

from __future__ import annotations

from pathlib import Path

from .errors import CommandError, UsageProblem
from .exits import ExitStatus
from .output import Output
from .trained_model import load_named_model
from .wording import shape, significant, size

LARGEST_DIFFERENCE = 1e-4
"""Above it, an exported model is not the model: float32 has seven digits, and sums lose some of them."""

OUTPUTS = {
    "softmax_cross_entropy": "logits",
    "binary_cross_entropy": "logits",
    "ctc": "logits",
    "negative_log_likelihood": "log-probabilities",
    "kl_divergence": "log-probabilities",
    "hinge": "scores",
    "multiclass_hinge": "scores",
    "triplet_margin": "embeddings",
    "contrastive": "embeddings",
    "cosine": "embeddings",
}
"""What comes out of a model that was trained with this loss, where it is not just values."""


def export_model(
    model: str,
    path: Path | None,
    probabilities: bool,
    check: bool,
    allow_code: bool,
    address: str | None,
    data_dir: Path | None,
    output: Output,
) -> int:
    """Write the ONNX file and say what is in it; a file is only replaced where it was named."""
    from ...worker.onnx_export import OPSET, export_saved_model

    target = path if path is not None else Path(f"{Path(model).stem}.onnx")
    if path is None and target.exists():
        raise UsageProblem(
            f"{target} exists already: name the file to write, as in `chainrule export MODEL PATH`."
        )
    saved = load_named_model(model, allow_code, address, data_dir)
    file = export_saved_model(saved, target.absolute(), probabilities)
    difference = None
    if check:
        from ...worker.onnx_export.check import largest_difference

        difference = largest_difference(file.path, saved, probabilities)
    meaning = "probabilities" if probabilities else OUTPUTS.get(saved.spec.loss.kind, "values")
    output.line(f"{file.path} ({size(file.size_bytes)})")
    output.pairs(
        [
            ("input", f"features: {file.input_type}, batch x {shape(file.inputs)}, as in the data"),
            ("output", f"outputs: float32, batch x {shape(file.outputs)}, {meaning}"),
            ("opset", str(OPSET)),
        ]
    )
    if difference is not None:
        line = f"onnxruntime's outputs differ by {significant(difference)} of the largest one at most"
        output.pairs([("check", line)])
    output.object(
        {
            "model": str(file.path),
            "size_bytes": file.size_bytes,
            "inputs": {"features": {"type": file.input_type, "shape": ["batch", *file.inputs]}},
            "outputs": {"outputs": {"type": "float32", "shape": ["batch", *file.outputs], "are": meaning}},
            "opset": OPSET,
            "difference": difference,
        }
    )
    if difference is not None and not difference <= LARGEST_DIFFERENCE:
        raise CommandError(
            f"onnxruntime finds other outputs in {file.path} than chainrule: do not use the file, and report "
            "this with the model."
        )
    return ExitStatus.SUCCEEDED
