"""Which URLs jobs may read from: of kinds that the operator allows, and none of the service's own network."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from ...worker.spec import JobSpec, SpecError, Violation


def check_urls(spec: JobSpec, schemes: tuple[str, ...] | None) -> None:
    """Raises SpecError for a job that names a URL which this service does not read.

    schemes: None for a service of one's own, which may read what its user may.
    """
    if schemes is None:
        return
    violations = []
    for name, url in spec.dataset.urls().items():
        problem = _problem(url, schemes)
        if problem is not None:
            violations.append(Violation(f"dataset.{name}", problem))
    if violations:
        raise SpecError(violations)


def _problem(url: str, schemes: tuple[str, ...]) -> str | None:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in schemes:
        allowed = ", ".join(f"{each}://" for each in schemes) or "no URLs"
        return (
            f"this service does not read {scheme}:// (it reads {allowed}): whoever runs it can allow it with "
            "`chainrule serve --url-schemes`"
        )
    if scheme not in ("http", "https"):
        return None
    try:
        found = {info[4][0] for info in socket.getaddrinfo(parts.hostname, parts.port or scheme)}
    except (OSError, ValueError) as error:
        return f"cannot find the host '{parts.hostname}': {error}"
    inner = sorted(text for text in found if not _is_public(str(text)))
    if inner:
        return (
            f"'{parts.hostname}' is {inner[0]}, an address within the service's own network: use a public one"
        )
    return None


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_global
