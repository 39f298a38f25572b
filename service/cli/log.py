"""Where the log of this process goes: chainrule's own messages, and the warnings of the libraries it uses."""

from __future__ import annotations

import logging


def log_to(handler: logging.Handler) -> None:
    """Send the log to `handler` and nowhere else."""
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("chainrule").setLevel(logging.INFO)
    # Ray has a handler of its own for the terminal, until `ray.init` takes it away.
    ray = logging.getLogger("ray")
    ray.handlers = []
    ray.setLevel(logging.WARNING)
    ray.propagate = True
