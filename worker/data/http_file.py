"""Files from http and https servers, as streams; public servers cannot send anybody to private ones.

A redirect may not lead from a public address to one of this machine or its network, and no request goes to a
link-local address, where clouds keep the credentials of their machines.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from .errors import DataError

_SECONDS = 60.0
_MOST_REDIRECTS = 10
_VALIDATORS = ("ETag", "Last-Modified")


class HttpFile:
    """A response that is read to its end, or else raises DataError."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, url: str, field: str
    ):
        self._connection, self._response, self._url, self._field = connection, response, url, field
        self._left = response.length

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        block = self._response.read(size)
        if self._left is not None:
            self._left -= len(block)
            if not block and self._left:
                raise DataError(
                    self._field,
                    f"{shown_url(self._url)} ended {self._left:,} bytes before the length that the server "
                    "stated: try again",
                )
        return block

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def open_http(url: str, field: str) -> tuple[HttpFile, Mapping[str, str]]:
    """A stream of a file, and what the server says that tells whether it is the same (it may be nothing)."""
    here, private = url, None
    for _ in range(_MOST_REDIRECTS):
        try:
            connection, address = _connect(here)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise DataError(field, f"cannot reach {shown_url(here)}: {error}") from None
        if address.is_link_local:
            connection.close()
            raise DataError(
                field, f"{shown_url(here)} is at the link-local address {address}: expected a file server"
            )
        if private is False and not address.is_global:
            connection.close()
            raise DataError(
                field,
                f"{shown_url(url)} redirects to {address}, an address that is not public: name the file "
                "itself",
            )
        private = not address.is_global
        try:
            response = _request(connection, here)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise DataError(field, f"cannot read {shown_url(here)}: {error}") from None
        if response.status in (301, 302, 303, 307, 308) and (target := response.getheader("Location")):
            connection.close()
            here = urljoin(here, target)
            if urlsplit(here).scheme not in ("http", "https"):
                raise DataError(
                    field, f"{shown_url(url)} redirects to {shown_url(here)}: expected http or https"
                )
            continue
        if response.status != 200:
            connection.close()
            raise DataError(
                field, f"{shown_url(here)}: the server answered {response.status} {response.reason}"
            )
        same = {name: value for name in _VALIDATORS if (value := response.getheader(name)) is not None}
        if same and response.length is not None:
            same["size"] = str(response.length)
        return HttpFile(connection, response, here, field), same
    raise DataError(field, f"{shown_url(url)} redirects more than {_MOST_REDIRECTS} times")


def _connect(
    url: str,
) -> tuple[http.client.HTTPConnection, ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """A connection that nothing has been sent on yet, and the address at its other end."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("the URL names no host")
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_SECONDS)
    connection.connect()
    address = ipaddress.ip_address(connection.sock.getpeername()[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return connection, address


def _request(connection: http.client.HTTPConnection, url: str) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", target, headers={"User-Agent": "chainrule", "Accept-Encoding": "identity"})
    return connection.getresponse()


def shown_url(url: str) -> str:
    """A URL as messages show it: without what may be secret, a password or a signed query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?..." if parts.query else "")
