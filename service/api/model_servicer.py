"""ModelService: sends trained models in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from chainrule.v1 import model_service_pb2, model_service_pb2_grpc

from ..jobs.errors import Reason, ServiceFault
from ..jobs.job import Job, ModelFile, parse_job_name
from ..jobs.store import Store
from .job_proto import model_to_proto
from .offload import Offload

CHUNK_BYTES = 256 * 1024


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """Reads models from the folders of their jobs."""

    def __init__(self, store: Store, jobs_folder: Path, offload: Offload) -> None:
        self._store = store
        self._jobs_folder = jobs_folder
        self._offload = offload

    async def DownloadModel(
        self, request: model_service_pb2.DownloadModelRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[model_service_pb2.DownloadModelResponse]:
        job = await self._offload.short(self._store.get, parse_job_name(request.name))
        model = _model_of(job)
        path = self._jobs_folder / job.id / model.file_name
        try:
            file = await self._offload.short(open, path, "rb")
        except OSError as error:
            raise _lost(job, f"cannot be read: {error.strerror or error}") from error
        with file:
            yield model_service_pb2.DownloadModelResponse(model=model_to_proto(model))
            offset = 0
            while data := await self._offload.short(file.read, CHUNK_BYTES):
                chunk = model_service_pb2.ModelChunk(offset=offset, data=data)
                yield model_service_pb2.DownloadModelResponse(chunk=chunk)
                offset += len(data)
        if offset != model.size_bytes:
            raise _lost(job, f"has {offset} bytes instead of {model.size_bytes}")


def _model_of(job: Job) -> ModelFile:
    if job.model is None:
        message = f"job '{job.id}' is {job.state.value} and has no model"
        raise ServiceFault(Reason.NO_MODEL, message, resource=job.id)
    return job.model


def _lost(job: Job, what: str) -> ServiceFault:
    return ServiceFault(Reason.MODEL_LOST, f"the model of job '{job.id}' {what}", resource=job.id)
