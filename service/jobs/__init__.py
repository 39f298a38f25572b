"""Jobs as the service sees them: states, storage, events, queue, supervision. Knows no gRPC, no protobuf."""
