"""OpenTelemetry spans. The API is always there; what sends them is the extra `[otel]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from jobforge import __version__
from jobforge.core.errors import SettingInvalid

_HEADER = "traceparent"
_PROPAGATOR = TraceContextTextMapPropagator()


def current_traceparent() -> str | None:
    """The `traceparent` of what runs now, for whatever it starts elsewhere."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get(_HEADER)


class Tracing:
    """Spans of one provider; without one, spans pass on what they were given."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self.is_on = provider is not None
        self._tracer = trace.get_tracer("jobforge", __version__, provider)

    @contextmanager
    def span(
        self, name: str, traceparent: str | None, attributes: Mapping[str, str]
    ) -> Iterator[str | None]:
        """Do the block as a span below `traceparent`; the one that what it starts goes on with."""
        context = _PROPAGATOR.extract({} if traceparent is None else {_HEADER: traceparent})
        with self._tracer.start_as_current_span(
            name,
            context=context,
            attributes=attributes,
            # Their words may hold anything; what may be told stands in the job's error.
            record_exception=False,
            set_status_on_exception=True,
        ):
            yield current_traceparent()


@contextmanager
def open_tracing(endpoint: str | None) -> Iterator[Tracing]:
    """Send spans to `endpoint` (OTLP over HTTP) while the block runs; to nobody where it is unset.

    Raises:
        SettingInvalid: the extra is not installed.
    """
    if endpoint is None:
        yield Tracing()
        return
    try:
        # Heavy, and of no use to whoever sends nothing.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingInvalid(
            "JOBFORGE_OTLP_ENDPOINT is set, and nothing is installed that sends traces",
            hint="pip install 'jobforge[otel]'",
        ) from error
    resource = Resource.create({"service.name": "jobforge", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    try:
        yield Tracing(provider)
    finally:
        provider.shutdown()
