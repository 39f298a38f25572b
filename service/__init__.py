"""The service that takes training jobs over gRPC, and what its users need: client and command line."""

import os

# gRPC's C core writes to stderr on its own; its errors reach us as exceptions, which say it more clearly.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# By default gRPC starts threads of its own in every forked child, and now and then aborts it before it can
# become another program. Ray starts its processes that way, and waits half a minute for one that is gone.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
