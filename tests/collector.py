"""A collector of traces on a loopback port: it takes what services export over OTLP and keeps it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Exported:
    """A span as it was exported; ids as text."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]


@dataclass
class Collector:
    url: str = ""
    spans: list[Exported] = field(default_factory=list)

    def of(self, trace: str) -> list[Exported]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace == trace]

    def take(self, raw: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(raw)
        for resource in request.resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    links = tuple(link.trace_id.hex() for link in span.links)
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    self.spans.append(Exported(names["service.name"], span.name, *ids, links))


@contextmanager
def collecting() -> Iterator[Collector]:
    """The collector, answering until the end of the block."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
