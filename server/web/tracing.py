"""OpenTelemetry traces of requests and of their SQL statements.

They need the extra ``otel``, and an endpoint in OpenTelemetry's own variables (``OTEL_…``).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec

from fastapi import FastAPI
from sqlalchemy import Connection, Engine, ExceptionContext, event

from server.backend.database import Database
from server.backend.replica import ReadReplica

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROBES = "/livez$,/readyz$,/metrics$"


def is_wanted() -> bool:
    """Return whether the extra is installed and an endpoint is set."""
    is_installed = find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None
    return is_installed and any(os.environ.get(name) for name in ENDPOINTS)


def trace_requests(app: FastAPI) -> None:
    """Record a span for each request of an app, except for health checks and metrics."""
    if is_wanted():
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415 (part of the extra)

        FastAPIInstrumentor.instrument_app(app, excluded_urls=PROBES, exclude_spans=["receive", "send"])


@contextmanager
def exported(database: Database) -> Iterator[None]:
    """Record a span for each statement, and export all spans, while the block runs."""
    if not is_wanted():
        yield
        return
    # Part of the extra, and slow to import.
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "matinee")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    sources: list[Database | ReadReplica] = [database, *([] if database.replica is None else [database.replica])]
    for source in sources:
        _trace_statements(source.engine)
        source.reader.trace = _read_span(source.reader.dialect)
    try:
        yield
    finally:
        provider.shutdown()


def _trace_statements(engine: Engine) -> None:
    """Record a span for each statement of a request. OpenTelemetry's own way does not support SQLAlchemy 2.1."""
    from opentelemetry import trace  # noqa: PLC0415 (part of the extra)

    tracer = trace.get_tracer("matinee")

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Connection, _cursor: object, statement: str, *_others: object) -> None:
        if trace.get_current_span().is_recording():
            attributes = {"db.system.name": engine.dialect.name, "db.query.text": statement}
            name = statement.split(maxsplit=1)[0]
            connection.info["span"] = tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)

    @event.listens_for(engine, "after_cursor_execute")
    def end(connection: Connection, *_others: object) -> None:
        if span := connection.info.pop("span", None):
            span.end()

    @event.listens_for(engine, "handle_error")
    def fail(failed: ExceptionContext) -> None:
        if failed.connection is not None and (span := failed.connection.info.pop("span", None)):
            span.record_exception(failed.original_exception)
            span.end()


def _read_span(dialect: str) -> Callable[[str], AbstractContextManager[None]]:
    """Return what makes a span of each read past the session, within a request."""
    from opentelemetry import trace  # noqa: PLC0415 (of the extra)

    tracer = trace.get_tracer("matinee")

    @contextmanager
    def span(statement: str) -> Iterator[None]:
        attributes = {"db.system.name": dialect, "db.query.text": statement}
        with tracer.start_as_current_span(
            statement.split(maxsplit=1)[0], kind=trace.SpanKind.CLIENT, attributes=attributes
        ):
            yield

    return span
