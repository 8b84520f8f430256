"""Traces for OpenTelemetry: of requests and of the statements in them.

They are made where the extra ``otel`` is installed and its own variables (``OTEL_…``) name where to send them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from fastapi import FastAPI
from sqlalchemy import Engine

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROBES = "/livez$,/readyz$,/metrics$"


def is_wanted() -> bool:
    """Say whether traces can be made, and where to send them is known."""
    is_installed = find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None
    return is_installed and any(os.environ.get(name) for name in ENDPOINTS)


def trace_requests(app: FastAPI) -> None:
    """Let each request of an app be a span, but for what asks after its health."""
    if is_wanted():
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415 (of the extra)

        FastAPIInstrumentor.instrument_app(app, excluded_urls=PROBES, exclude_spans=["receive", "send"])


@contextmanager
def exported(engine: Engine) -> Iterator[None]:
    """Let each statement be a span as well, and send all spans away while the block runs."""
    if not is_wanted():
        yield
        return
    # Of the extra, and slow to import.
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "matinee")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    SQLAlchemyInstrumentor().instrument(engine=engine)
    try:
        yield
    finally:
        provider.shutdown()
