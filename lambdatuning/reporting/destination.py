"""Where reports go: a folder, `s3://bucket/prefix`, or another place that papermill writes to."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from botocore.exceptions import ClientError

from ..cloud.aws_errors import explaining
from ..core.address import checked_address, is_s3
from ..core.errors import UsageError
from ..core.format import one_line

HEAD = 60_000
"""Characters in which a report's head ends, style included."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".ipynb": "application/x-ipynb+json",
}


class Destination(Protocol):
    """A place for files whose names are relative, with "/" between their parts."""

    def address(self, name: str) -> str:
        """Path or address of a file."""
        ...

    def prepare(self) -> None:
        """Make it, where it must be made; UsageError where it is plain that it cannot be written
        to. Elsewhere than in a folder only a write can tell."""
        ...

    def pages(self) -> list[str]:
        """Names of the HTML files there, sorted."""
        ...

    def head(self, name: str) -> str | None:
        """The beginning of a file (`HEAD` characters at least); None without such a file."""
        ...

    def read(self, name: str) -> str | None:
        """A whole file; None without such a file."""
        ...

    def write(self, name: str, text: str) -> None:
        """Write a file as a whole: a reader meets the old one or the new one."""
        ...

    def remove_others(self, folder: str, keep: frozenset[str]) -> None:
        """Remove the tables of an earlier report from a folder, but for the names to keep."""
        ...

    def publishing(self) -> AbstractContextManager[None]:
        """Held while a report and the index are written, so that two runs do so in turn."""
        ...


def destination(out: str | Path) -> Destination:
    """The destination that a path or an address names."""
    text = checked_address(out, others=True)
    if not text.strip():
        raise UsageError("the place for reports is empty; name a folder")
    if is_s3(text):
        return Bucket(text)
    if "://" in text:
        return PapermillPlace(text)
    return Folder(Path(out))


class Folder:
    """A folder of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def address(self, name: str) -> str:
        """Its path, relative if the folder's is."""
        return str(self.path / name)

    def prepare(self) -> None:
        """Make the folder, and try to write in it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as exc:
            raise UsageError(
                f"{self.path}: no report can be written there ({exc.strerror}); name another folder"
            ) from exc

    def pages(self) -> list[str]:
        """The HTML files, without those that are being written."""
        return sorted(
            path.name for path in self.path.glob("*.html") if not path.name.startswith(".")
        )

    def head(self, name: str) -> str | None:
        """The beginning of a file."""
        return self._text(name, HEAD)

    def read(self, name: str) -> str | None:
        """A whole file."""
        return self._text(name)

    def _text(self, name: str, characters: int = -1) -> str | None:
        try:
            with (self.path / name).open(encoding="utf-8", errors="replace") as file:
                return file.read(characters)
        except (FileNotFoundError, IsADirectoryError):
            return None

    def write(self, name: str, text: str) -> None:
        """Write beside it, then put it in its place."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{uuid4().hex}{path.suffix}")
        try:
            new.write_text(text, encoding="utf-8")
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def remove_others(self, folder: str, keep: frozenset[str]) -> None:
        """Remove files; the folder goes too if nothing is left in it."""
        path = self.path / folder
        for old in (*path.glob("*.csv"), *path.glob("*.json")):
            if old.name not in keep:
                old.unlink()
        with suppress(OSError):
            path.rmdir()

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """A lock on the folder, which ends with the process that holds it."""
        try:
            import fcntl
        except ImportError:  # Windows has no such lock: files are replaced whole all the same.
            yield
            return
        handle = os.open(self.path, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems refuse locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


class Bucket:
    """`s3://bucket/prefix`, by the session of the environment."""

    def __init__(self, url: str) -> None:
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        prefix = prefix.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self.url = f"s3://{self._bucket}/{prefix}".rstrip("/")

    def address(self, name: str) -> str:
        """Its s3:// address."""
        return f"{self.url}/{name}"

    def prepare(self) -> None:
        """Nothing: prefixes need not be made."""

    def pages(self) -> list[str]:
        """The HTML objects directly under the prefix."""
        with explaining():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix, Delimiter="/"
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        names = (key.removeprefix(self._prefix) for key in keys)
        return sorted(name for name in names if name.endswith(".html"))

    def head(self, name: str) -> str | None:
        """The first bytes of an object."""
        return self._text(name, Range=f"bytes=0-{HEAD}")

    def read(self, name: str) -> str | None:
        """A whole object."""
        return self._text(name)

    def _text(self, name: str, **what: str) -> str | None:
        with explaining():
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._prefix + name, **what
                )
            except self._client.exceptions.NoSuchKey:
                return None
            except ClientError as exc:
                if exc.response["Error"]["Code"] != "InvalidRange":
                    raise
                return ""  # an empty object has no first byte
            return str(answer["Body"].read().decode("utf-8", errors="replace"))

    def write(self, name: str, text: str) -> None:
        """Put an object, with the type that makes a browser show it."""
        kind = _TYPES.get(Path(name).suffix, "text/plain; charset=utf-8")
        with explaining():
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + name,
                Body=text.encode(),
                ContentType=kind,
            )

    def remove_others(self, folder: str, keep: frozenset[str]) -> None:
        """Nothing: a role that writes reports needs no right to delete."""

    def publishing(self) -> AbstractContextManager[None]:
        """Nothing: S3 has no locks. Each object is replaced whole; the last index wins."""
        return nullcontext()

    @cached_property
    def _client(self) -> Any:
        from ..cloud.session import connect

        return connect().client("s3")


class PapermillPlace:
    """Any other address: `gs://`, `abs://`, `adl://`, `hdfs://`, and what plug-ins register."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def address(self, name: str) -> str:
        """Its address."""
        return f"{self.url}/{name}"

    def prepare(self) -> None:
        """UsageError where papermill knows no handler of the address."""
        self._handler()

    def pages(self) -> list[str]:
        """The HTML files there, as far as the place can list them."""
        try:
            listed = self._handler().listdir(self.url)
        except Exception:
            # Not every place can list, and an empty one may not be there yet.
            return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in listed)
        return sorted(name for name in names if name.endswith(".html"))

    def head(self, name: str) -> str | None:
        """The whole file: papermill reads no less."""
        return self.read(name)

    def read(self, name: str) -> str | None:
        """A whole file."""
        try:
            content = self._handler().read(self.address(name))
        except Exception:
            return None
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)

    def write(self, name: str, text: str) -> None:
        """By papermill's handler of the address; UsageError where it cannot."""
        handler = self._handler()
        try:
            handler.write(text, self.address(name))
        except Exception as exc:
            reason = one_line(exc, 300) or type(exc).__name__
            raise UsageError(
                f"{self.url}: no report can be written there ({reason}); name another place"
            ) from exc

    def remove_others(self, folder: str, keep: frozenset[str]) -> None:
        """Nothing: papermill cannot delete."""

    def publishing(self) -> AbstractContextManager[None]:
        """Nothing: papermill has no locks."""
        return nullcontext()

    def _handler(self) -> Any:
        from papermill.iorw import papermill_io

        handler = papermill_io.get_handler(self.url)
        local = papermill_io.get_handler("./here")
        if handler is local or self.url.startswith(("http://", "https://")):
            schemes = sorted(
                scheme
                for scheme, _ in papermill_io._handlers
                if scheme.endswith("://") and not scheme.startswith("http")
            )
            raise UsageError(
                f"{self.url}: reports cannot be written there; name a folder, or an address that "
                f"begins with {', '.join(schemes)}"
            )
        return handler
