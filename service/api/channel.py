"""The settings of gRPC connections, at both of their ends."""

from __future__ import annotations

import grpc

MESSAGE_LIMIT = 4 * 1024 * 1024

SERVER_OPTIONS: list[tuple[str, int]] = [
    # A second server on the same port is an error, not a lottery.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
]

_CLIENT_OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    # Notices within half a minute that the other side is gone without having said so.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
_LOOPBACK = ("127.", "localhost", "[::1]", "unix:")


def open_channel(address: str) -> grpc.Channel:
    """A channel to `address`, which connects with the first call; loopback never goes through a proxy."""
    options = list(_CLIENT_OPTIONS)
    if address.startswith(_LOOPBACK):
        options.append(("grpc.enable_http_proxy", 0))
    return grpc.insecure_channel(address, options=options)
