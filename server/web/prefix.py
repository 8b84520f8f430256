"""An app behind a proxy that serves it under a path prefix and strips the prefix from its requests."""

import ipaddress
import os
import re
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

HEADER = b"x-forwarded-prefix"

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
"""Nothing else: a prefix such as ``//films.example`` would lead clients to another host."""


class TrustedProxies:
    """The proxies whose headers are believed: those of Uvicorn's own variable ``FORWARDED_ALLOW_IPS``."""

    def __init__(self, addresses: str | None = None) -> None:
        listed = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1") if addresses is None else addresses
        names = {name.strip() for name in listed.split(",")}
        self._trusts_all = "*" in names
        self._names = names
        self._networks = [network for name in names if (network := _network(name)) is not None]

    def __contains__(self, client: tuple[str, int] | None) -> bool:
        """Return whether the other end of a connection is a trusted proxy."""
        if self._trusts_all:
            return True
        if client is None:
            return False
        host, port = client
        # Port 0: Uvicorn trusted the proxy and replaced its address by that of the proxy's client.
        if port == 0 or host in self._names:
            return True
        address = _network(host)
        return address is not None and any(address.network_address in network for network in self._networks)


class PrefixedApp(FastAPI):
    """An app that its clients reach under a prefix.

    The prefix is that of the setting, or the ``X-Forwarded-Prefix`` of a trusted proxy. It becomes part of the path of
    a request, as ASGI defines ``root_path``, so that ``Link``, ``Location`` and the API document lead back through the
    proxy.
    """

    def __init__(self, *, prefix: str, trusted_proxies: TrustedProxies, **options: Any) -> None:  # noqa: ANN401 (FastAPI's)
        super().__init__(**options)
        self._prefix = prefix
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and (prefix := self._prefix_of(scope)):
            scope = {
                **scope,
                "root_path": prefix,
                "path": prefix + scope["path"],
                "raw_path": prefix.encode() + scope.get("raw_path", scope["path"].encode()),
            }
        await super().__call__(scope, receive, send)

    def _prefix_of(self, scope: Scope) -> str:
        sent = next((value for name, value in scope["headers"] if name == HEADER), None)
        if sent is None or scope.get("client") not in self._trusted_proxies:
            return self._prefix
        prefix = sent.decode("latin-1").rstrip("/")
        return prefix if PREFIX.fullmatch(prefix) else self._prefix


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None
