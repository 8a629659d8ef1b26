"""Code packages: zips whose bytes and names depend on the code alone."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import UsageError
from .template import LocalCode

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16


@dataclass(frozen=True)
class Artifact:
    """What is uploaded for the resource `logical_id`; `name` is its content hash and suffix."""

    logical_id: str
    name: str
    data: bytes


def build(code: LocalCode) -> Artifact:
    """A folder as a zip, a single file as it is.

    The hash is that of the files and not of the zip, which another zlib would pack otherwise.
    """
    if code.path.is_file():
        data = code.path.read_bytes()
        return Artifact(code.logical_id, _hash([(code.path.name, data)]) + code.path.suffix, data)
    files = read_folder(code.path, code.package)
    return Artifact(code.logical_id, f"{_hash(files)}.zip", zip_files(files))


def read_folder(folder: Path, package: tuple[str, ...] = ()) -> list[tuple[str, bytes]]:
    """Sorted names and contents of the files of `folder`, or of its parts named in `package`.

    A part that begins with "!" is left out of the others, as `!core/exploration`. Bytecode,
    hidden files and links stay out. UsageError where there is nothing to package.
    """
    parts = [part for part in package if not part.startswith("!")] or ["."]
    left_out = {
        path for part in package if part.startswith("!") for path in _part(folder, part[1:])
    }
    files = sorted(
        (path.relative_to(folder).as_posix(), path.read_bytes())
        for part in parts
        for path in _part(folder, part)
        if path not in left_out
    )
    if not files:
        raise UsageError(f"{folder}: nothing to package; is the template in its place?")
    return files


def zip_files(files: list[tuple[str, bytes]]) -> bytes:
    """A zip with fixed times, modes and order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = _FILE_MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def _part(folder: Path, part: str) -> Iterator[Path]:
    root = folder / part
    if not root.exists():
        raise UsageError(f"{root}: not there, but the template packages it; restore it")
    found = iter((root,)) if root.is_file() else root.rglob("*")
    yield from (path for path in found if _belongs(path.relative_to(folder), path))


def _belongs(relative: Path, path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
    return path.is_file() and not path.is_symlink() and not hidden and path.suffix != ".pyc"


def _hash(files: list[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, data in files:
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:40]
