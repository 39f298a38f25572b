"""A client that knows nothing but the generated stubs: creates a job, watches it, downloads its model."""

from __future__ import annotations

import hashlib
import json
import sys

import grpc

from chainrule.v1 import (
    job_pb2,
    job_service_pb2,
    job_service_pb2_grpc,
    layers_pb2,
    losses_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    optimizers_pb2,
    spec_pb2,
)

SPEC = spec_pb2.JobSpec(
    dataset=spec_pb2.DatasetSpec(source=spec_pb2.DATASET_SOURCE_DIGITS),
    model=[layers_pb2.Layer(linear=layers_pb2.LinearLayer(units=10))],
    loss=losses_pb2.Loss(softmax_cross_entropy=losses_pb2.SoftmaxCrossEntropyLoss()),
    metrics=[losses_pb2.METRIC_ACCURACY],
    optimizer=optimizers_pb2.Optimizer(adam=optimizers_pb2.AdamOptimizer(learning_rate=0.01)),
    training=spec_pb2.TrainingSpec(epochs=2),
)


def main(address: str) -> None:
    """Prints what came out as one line of JSON."""
    with grpc.insecure_channel(address) as channel:
        jobs = job_service_pb2_grpc.JobServiceStub(channel)
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        job = jobs.CreateJob(
            job_service_pb2.CreateJobRequest(parent="projects/default", job=job_pb2.Job(spec=SPEC))
        )
        kinds, last = [], None
        for event in jobs.WatchJob(job_service_pb2.WatchJobRequest(name=job.name)):
            kinds.append(event.WhichOneof("event"))
            last = event
        header, data = None, b""
        for message in models.DownloadModel(model_service_pb2.DownloadModelRequest(name=job.name)):
            if message.WhichOneof("content") == "model":
                header = message.model
            else:
                assert message.chunk.offset == len(data)
                data += message.chunk.data
        assert last is not None
        assert header is not None
        result = {
            "name": job.name,
            "kinds": kinds,
            "state": job_pb2.JobState.Name(last.state_changed.state),
            "sha256_matches": hashlib.sha256(data).hexdigest() == header.sha256,
            "bytes": len(data),
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
