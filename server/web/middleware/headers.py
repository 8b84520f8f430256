"""The headers of every response: security, caching, timing."""

from starlette.datastructures import Headers

RawHeaders = list[tuple[bytes, bytes]]

ID_HEADER = b"x-request-id"

# A response is data: it loads nothing, no page may frame it, and no other site may use it as a script.
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# Unless the route sets it: otherwise caches may keep even a 404 for as long as they like.
RAW_DEFAULTS = Headers(SECURITY | {"Cache-Control": "no-store"}).raw

VARY = b"Accept-Encoding, Origin"
"""Compression and CORS depend on these headers of a request, whether or not it has them."""


def completed(headers: RawHeaders, request_id: str, duration_s: float) -> RawHeaders:
    """Return the headers of a response with those that every response has."""
    # A response may have headers of its own instead: the built-in page has a policy, a cacheable route caching.
    own = {name for name, _ in headers}
    return [
        *(header for header in RAW_DEFAULTS if header[0] not in own),
        *(header for header in headers if header[0] != b"vary"),
        (b"vary", _vary(headers) if b"vary" in own else VARY),
        (b"server-timing", b"app;dur=%.1f" % (duration_s * 1000)),
        (ID_HEADER, request_id.encode()),
    ]


def _vary(headers: RawHeaders) -> bytes:
    """Return the names that every response has, and those that the response has set."""
    values = VARY, *(value for name, value in headers if name == b"vary")
    return b", ".join(dict.fromkeys(name.strip() for value in values for name in value.split(b",")))
