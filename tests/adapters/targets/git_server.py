"""A git remote on loopback: the git program's own HTTP back end behind a small server."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override

GIT = shutil.which("git") or "git"


def git(folder: Path, *words: str) -> str:
    """Run git as a user would, with nothing of this machine's configuration."""
    named = ("user.name=Ann", "user.email=ann@example.org", "init.defaultBranch=main")
    settings = [word for setting in named for word in ("-c", setting)]
    done = subprocess.run(  # noqa: S603 (git, with words of ours)
        [GIT, *settings, *words],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_repository(folder: Path, files: dict[str, bytes]) -> str:
    """A repository with one commit of these files on `main`; the commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    return git(folder, "rev-parse", "HEAD")


class _Handler(BaseHTTPRequestHandler):
    root: Path
    seen: list[str]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.defpath,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "ann",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        backend = [GIT, "http-backend"]
        done = subprocess.run(backend, input=body, env=environment, capture_output=True, check=True)  # noqa: S603 (git, with words of ours)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, *_words: object) -> None:
        return


@contextmanager
def serve(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve the repositories below `root`; the URL, and the Authorization headers that came."""
    seen: list[str] = []
    handler = type("Handler", (_Handler,), {"root": root, "seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
