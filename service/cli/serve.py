"""`serve`: the service for others, on this machine's network, until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_address
from pathlib import Path

from ..api.server import Service
from ..config import ServiceConfig
from .connection import data_folder
from .exits import ExitStatus
from .log import log_to
from .output import Output
from .signals import SIGNALS, is_ignored


def serve_forever(
    host: str,
    port: int,
    runtime: str,
    ray_address: str | None,
    allow_code: bool,
    url_schemes: str,
    data_dir: Path | None,
    output: Output,
) -> int:
    """Serve until a signal comes; the running job then saves a checkpoint for the next service."""
    config = ServiceConfig(
        data_folder(data_dir),
        host=host,
        port=port,
        runtime="inprocess" if runtime == "inprocess" else "ray",
        ray_address=ray_address,
        resume_interrupted=True,
        allow_code=allow_code,
        url_schemes=tuple(scheme for each in url_schemes.split(",") if (scheme := each.strip().lower())),
    )
    asyncio.run(_serve(config, output))
    return ExitStatus.SUCCEEDED


async def _serve(config: ServiceConfig, output: Output) -> None:
    service = Service(config)
    # Only now: importing Ray sets up a log of its own.
    log_to(logging.StreamHandler())
    asked = asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            service.hurry()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        if not is_ignored(number):
            loop.add_signal_handler(number, on_signal)
    address = await service.start()
    if config.allow_code:
        logging.getLogger(__name__).warning(
            "jobs may run Python code (--allow-code): whoever reaches %s can do what this account can",
            address,
        )
    if not is_loopback(config.host):
        logging.getLogger(__name__).warning(
            "there is no authentication yet: whoever reaches %s can run jobs, and train on every file that "
            "this account can read",
            address,
        )
    output.line(f"chainrule serves {config.data_folder} at {address}")
    output.object({"address": address, "data_folder": str(config.data_folder)})
    await asked.wait()
    logging.getLogger(__name__).info("stopping: the running job saves a checkpoint")
    await service.stop()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a service that listens on `host`."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
