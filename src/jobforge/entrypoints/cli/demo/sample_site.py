"""A small web site on loopback, with a few faults that a scan should find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from typing_extensions import override

_PAGES = {
    "/": """<!doctype html><html lang="en"><head><title>Kettle Works: kettles that last</title>
<meta name="description" content="Kettle Works makes kettles that can be repaired.">
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>Kettles that last</h1><p>Every part can be replaced, for thirty years.</p>
<p><a href="/kettles">Our kettles</a> <a href="/about">About us</a> <a href="/gone">Sale</a>
<a href="mailto:hello@kettle.example">Write to us</a></p></body></html>""",
    "/kettles": """<!doctype html><html lang="en"><head><title>Kettles</title></head>
<body><h1>Kettles</h1><h1>Spare parts</h1><img src="/kettle.png">
<p><a href="/">Home</a></p></body></html>""",
    "/about": """<!doctype html><html><head><title>About</title>
<meta name="robots" content="noindex"></head>
<body><p><a href="/">click here</a></p></body></html>""",
    "/robots.txt": "User-agent: *\nDisallow: /private\n",
}


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = _PAGES.get(self.path)
        body = (page or "<title>Not found</title>").encode()
        self.send_response(200 if page else 404)
        kind = "text/plain" if self.path.endswith(".txt") else "text/html; charset=utf-8"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the demo's own output is what there is to read."""


@contextmanager
def sample_site() -> Iterator[int]:
    """Serve the site while the block runs; the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
