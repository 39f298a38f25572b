"""What happens to samples on their way to the network, one file a family."""

from .pipeline import NO_TRANSFORMS, Pipeline, pipeline_from_json
from .sample import Draw, SampleTransform

__all__ = ["NO_TRANSFORMS", "Draw", "Pipeline", "SampleTransform", "pipeline_from_json"]
