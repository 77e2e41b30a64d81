"""A small HTTP server on 127.0.0.1 with faults, for the tests of downloads."""

import contextlib
import dataclasses
import http.server
import threading
from collections import defaultdict
from http import HTTPStatus


@dataclasses.dataclass
class Served:
    """A file of a mirror, and what goes wrong with it: one fault a request, the last one from then on if `always`.

    A fault is a status, `"loop"`, `"other part"` than asked for, or where in the file the server hangs up or falls
    silent: `("cut", 1000)`, `("stall", 1000)`. After a minute of silence the rest comes. `None` is none. `etag` may be
    a date, for a server that knows the time of the file only.
    """

    data: bytes
    faults: list = dataclasses.field(default_factory=list)
    always: bool = False
    etag: str = ""
    ranges: bool = True


class Mirror(http.server.ThreadingHTTPServer):
    """An HTTP server on 127.0.0.1 that writes down what it is asked for and how many bytes of a body it sends."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, Served] = {}
        self.asked: dict[str, list[str | None]] = defaultdict(list)
        self.sent: dict[str, list[int]] = defaultdict(list)
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self):
        self.server.asked[self.path].append(self.headers.get("Range"))
        served = self.server.files.get(self.path)
        if served is None:
            return self.send_error(HTTPStatus.NOT_FOUND)
        fault = None
        if served.faults:
            fault = served.faults[0] if served.always and len(served.faults) == 1 else served.faults.pop(0)
        if isinstance(fault, HTTPStatus):
            return self.send_error(fault)
        if fault == "loop":
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return self._send(served, fault)

    def _send(self, served: Served, fault: str | tuple | None) -> None:
        start = 0
        wanted = self.headers.get("Range")
        if wanted and served.ranges and self.headers.get("If-Range", served.etag) == served.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(served.data):
            return self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        if fault == "other part":
            start, fault = start - 1, None
        body = served.data[start:]
        self.send_response(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(served.data) - 1}/{len(served.data)}")
        if served.etag:
            self.send_header("Last-Modified" if served.etag.endswith("GMT") else "ETag", served.etag)
        self.end_headers()
        kind, end = fault or ("whole", len(served.data))
        part = served.data[start:end]
        self.server.sent[self.path].append(len(part))
        self.wfile.write(part)
        self.wfile.flush()
        if kind == "stall" and not self.server.closing.wait(60):
            self.wfile.write(body[len(part) :])
        self.close_connection = True
        return None

    def handle(self):
        with contextlib.suppress(ConnectionError):  # A client may hang up.
            super().handle()

    def log_message(self, *arguments):
        pass
