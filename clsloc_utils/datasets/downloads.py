"""Fetches a file from the first of several mirrors that has it whole; an interrupted download is taken up again.

What arrives is kept in `NAME.part`, and gets its own name only after it was checked. `NAME.part.json` says where the
part came from, so that it is continued only with bytes of the same file.
"""

import json
import os
import time
from pathlib import Path

import requests

from clsloc_utils.datasets.archives import Archive, fault_of
from clsloc_utils.progress import progress

TIMEOUT = 30.0
CONNECT_TIMEOUT = 10.0
ATTEMPTS = 3
PAUSE = 1.0
MAX_REDIRECTS = 5

_CHUNK = 1 << 16
_GOOD_DEAL = 1 << 20
# Answers of a server that is overloaded or out of order for the moment.
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_WHOLE, _PART, _BEYOND_THE_END = 200, 206, 416


class DownloadError(ConnectionError):
    """No mirror has a file; the text names each mirror and what was wrong with it."""


def fetch(
    archive: Archive, folder: Path, *, timeout: float = TIMEOUT, attempts: int = ATTEMPTS, pause: float = PAUSE
) -> Path:
    """Downloads an archive into a folder, unless it is there already, and checks it.

    Only one process at a time may fetch into a folder. What arrived is kept for the next run, whatever the error.

    Args:
        archive: The file and its addresses, which are tried in this order.
        folder: Where it goes.
        timeout: Seconds without a sign of the server after which an attempt ends. A server to which no connection is
            made in this time, or in `CONNECT_TIMEOUT` seconds, is given up at once.
        attempts: Number of attempts with one mirror in a row that get no further than those before them.
        pause: Seconds before the second attempt; each further pause is twice as long.

    Raises:
        DownloadError: No mirror gave the file.
        OSError: The file cannot be written, for instance because the disk is full.
    """
    path = folder / archive.name
    if path.is_file() and not fault_of(path, archive):
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = _Part(folder / f"{archive.name}.part")
    reasons = []
    with requests.Session() as session:
        session.max_redirects = MAX_REDIRECTS
        for url in archive.urls:
            mirror = _Mirror(session, url, archive, part, timeout)
            try:
                mirror.fetch(attempts, pause)
            except _MirrorError as error:
                reasons.append(f"  {url}: {error}")
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"{error.strerror}: {part.path}. {part.size:,} bytes of {archive.name} have arrived and are kept. "
                    "Make room, or set CLSLOC_DATA_DIR to a folder on another disk; the next run goes on from there",
                ) from error
            else:
                part.finish(path)
                return path
    raise DownloadError("\n".join([f"{archive.name} could not be downloaded from any mirror:", *reasons]))


class _MirrorError(Exception):
    """Why a mirror is given up."""


class _TemporaryError(Exception):
    """Why an attempt failed that may be worth another one."""


class _Part:
    """What has arrived of a file, and from where."""

    def __init__(self, path: Path):
        self.path = path
        self._origin_path = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def origin(self) -> dict:
        """`url` and `validator` (an ETag or a date) of the response that the part began with."""
        return json.loads(self._origin_path.read_text()) if self._origin_path.exists() else {}

    def begin(self, url: str, response: requests.Response) -> None:
        """Empties the part for a response that has the whole file."""
        self.discard()
        etag = response.headers.get("ETag", "")
        # A weak ETag marks files that are alike; to join two halves they must be the same.
        validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
        self._origin_path.write_text(json.dumps({"url": url, "validator": validator}))
        self.path.touch()

    def discard(self) -> None:
        # The origin last: without a part it does no harm.
        self.path.unlink(missing_ok=True)
        self._origin_path.unlink(missing_ok=True)

    def finish(self, path: Path) -> None:
        os.replace(self.path, path)
        self._origin_path.unlink(missing_ok=True)


class _Mirror:
    """One address of an archive."""

    def __init__(self, session: requests.Session, url: str, archive: Archive, part: _Part, timeout: float):
        self._session, self._url, self._archive, self._part = session, url, archive, part
        self._timeout, self._connect_timeout = timeout, min(timeout, CONNECT_TIMEOUT)

    def fetch(self, attempts: int, pause: float) -> None:
        """Fills the part with the whole, checked file, or raises `_MirrorError`."""
        furthest, failures = self._part.size, 0
        while True:
            began_with = self._part.size
            try:
                self._receive()
                fault = fault_of(self._part.path, self._archive)
                if not fault:
                    return
                self._part.discard()
                if not began_with:
                    raise _MirrorError(f"what it sends {fault}")
                # The fault may lie in what came before, from another mirror or an earlier version.
                reason = f"continued, the file {fault}"
            except requests.TooManyRedirects as error:
                raise _MirrorError(f"more than {MAX_REDIRECTS} redirects") from error
            except requests.ConnectTimeout as error:
                raise _MirrorError(f"no connection within {self._connect_timeout:g} s") from error
            except (requests.Timeout, requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
                first = innermost(error)
                is_late = isinstance(first, requests.Timeout | TimeoutError)
                reason = f"no answer within {self._timeout:g} s" if is_late else in_words(first)
            except requests.RequestException as error:
                raise _MirrorError(str(error)) from error
            except _TemporaryError as error:
                reason = str(error)
            # Every attempt that does not count gets the file a good deal nearer to its end, so this loop has one.
            failures = 0 if self._part.size >= furthest + _GOOD_DEAL else failures + 1
            furthest = max(furthest, self._part.size)
            if failures >= attempts:
                raise _MirrorError(f"{reason} ({attempts} attempts)")
            time.sleep(pause * 2 ** max(failures - 1, 0))

    def _receive(self) -> None:
        """One attempt: asks for what is missing and appends it to the part."""
        if self._archive.size is not None and self._part.size == self._archive.size:
            return  # A run before this one was stopped before it could check the file.
        headers = {"Accept-Encoding": "identity", **self._range_headers()}
        timeouts = (self._connect_timeout, self._timeout)
        with self._session.get(self._url, headers=headers, stream=True, timeout=timeouts) as response:
            size = self._checked_size(response)
            if response.status_code == _WHOLE:
                self._part.begin(self._url, response)
            self._append(response, size)
        if size is not None and self._part.size < size:
            raise _TemporaryError(f"the connection ended after {self._part.size:,} of {size:,} bytes")

    def _range_headers(self) -> dict[str, str]:
        """Asks for the rest of the file, if what is there is the beginning of the same file for sure."""
        if not self._part.size:
            return {}
        origin = self._part.origin
        validator = origin.get("validator") if origin.get("url") == self._url else None
        # With a checksum the joined file is checked as a whole, so any mirror may continue what another one began.
        if not (validator or self._archive.sha256):
            return {}
        headers = {"Range": f"bytes={self._part.size}-"}
        return {**headers, "If-Range": validator} if validator else headers

    def _checked_size(self, response: requests.Response) -> int | None:
        """The size of the whole file as the response has it; raises if this is no answer to build on."""
        status = response.status_code
        if status == _BEYOND_THE_END:
            self._part.discard()
            raise _TemporaryError("it has less of the file than had arrived before")
        if status not in (_WHOLE, _PART):
            error = _TemporaryError if status in _TEMPORARY else _MirrorError
            raise error(f"HTTP {status} {response.reason}")
        size = response.headers.get("Content-Length")
        if status == _PART:
            unit_and_range, _, size = response.headers.get("Content-Range", "").partition("/")
            if not unit_and_range.startswith(f"bytes {self._part.size}-"):
                self._part.discard()
                raise _TemporaryError(f"asked for the rest of the file, it sends another part: {unit_and_range!r}")
        size = int(size) if size and size.isdecimal() else None
        if None not in (size, self._archive.size) and size != self._archive.size:
            raise _MirrorError(f"its file has {size:,} bytes, expected {self._archive.size:,}")
        return size

    def _append(self, response: requests.Response, size: int | None) -> None:
        total = size or self._archive.size
        bar = progress(total=total, description=self._archive.name, in_bytes=True, done=self._part.size)
        with bar, self._part.path.open("ab") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
                if self._archive.size is not None and file.tell() > self._archive.size:
                    break  # The check says what is wrong; a server that never ends is not listened to.


def innermost(error: BaseException) -> BaseException:
    """The first reason in a chain of errors, which a person can read; the outer ones name sockets and pools."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return error


def in_words(error: BaseException) -> str:
    """What the system says, or else the error."""
    return getattr(error, "strerror", None) or str(error)
