"""The service that takes training jobs over gRPC, and what its users need: client and command line."""

import os

# gRPC's C core writes to stderr on its own; its errors reach us as exceptions, which say it more clearly.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
