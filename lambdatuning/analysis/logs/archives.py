"""What a file holds, unpacked: compressed or archived at any depth, text in any usual encoding."""

import bz2
import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple, TypeAlias, cast

from ...core.errors import UsageError

BLOCK_CHARACTERS = 1 << 20
_PEEK = 1 << 16
_DEEPEST = 5
_TAR_MARK = slice(257, 262)

_COMPRESSED: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file, mode="rb")),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)


_Content: TypeAlias = "io.BufferedReader[io.RawIOBase]"


class Text(NamedTuple):
    """One text: the path that led to it, archives included, and its blocks of whole lines."""

    name: str
    blocks: Iterator[str]


def texts(name: str, file: IO[bytes]) -> Iterator[Text]:
    """The texts in a file, by what it holds, whatever its name: gzip, bzip2, xz, tar and zip.

    UsageError for what is damaged, naming it.
    """
    for path, content in _unpacked(name, file, 0):
        yield Text(path, _checked(path, content))


def _checked(path: str, content: _Content) -> Iterator[str]:
    try:
        yield from _blocks(content)
    except _DAMAGED as exc:
        raise UsageError(f"{path} is damaged ({exc}): export it again") from exc


def _unpacked(name: str, file: IO[bytes], depth: int) -> Iterator[tuple[str, _Content]]:
    content = io.BufferedReader(cast(io.RawIOBase, file), _PEEK)
    members = _members(name, content) if depth < _DEEPEST else None
    try:
        if members is None:
            yield name, content
            return
        for path, member in members:
            yield from _unpacked(path, member, depth + 1)
    except _DAMAGED as exc:
        raise UsageError(f"{name} is damaged ({exc}): export it again") from exc
    finally:
        content.detach()


def _members(name: str, content: _Content) -> Iterator[tuple[str, IO[bytes]]] | None:
    """What is packed in it, each with its path; None where nothing is."""
    start = content.peek(_PEEK)
    for mark, opener in _COMPRESSED:
        if start.startswith(mark):
            return iter([(name, opener(content))])
    if start.startswith(b"PK\x03\x04"):
        return _members_of_zip(name, content)
    return _members_of_tar(name, content) if start[_TAR_MARK] == b"ustar" else None


def _members_of_zip(name: str, content: _Content) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(io.BytesIO(content.read())) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                yield f"{name}/{entry.filename}", archive.open(entry)


def _members_of_tar(name: str, content: _Content) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=content, mode="r|") as members:
        for member in members:
            if opened := members.extractfile(member):
                yield f"{name}/{member.name}", opened


def _blocks(content: _Content) -> Iterator[str]:
    """Text in blocks that end with a line, line ends as they are."""
    encoding = _encoding(content.peek(_PEEK))
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest: list[str] = []
    while data := content.read(BLOCK_CHARACTERS):
        text = decoder.decode(data)
        end = text.rfind("\n") + 1
        if end:
            yield "".join([*rest, text[:end]])
            rest.clear()
        rest.append(text[end:])
    if last := "".join([*rest, decoder.decode(b"", final=True)]):
        yield last


def _encoding(start: bytes) -> str:
    """By the byte order mark, or without one by where the zeros of UTF-16 stand."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    head = start[:64]
    if head[1::2].count(0) > len(head) // 3:
        return "utf-16-le"
    return "utf-16-be" if head[::2].count(0) > len(head) // 3 else "utf-8"
