"""Code packages, unpacked once each; what would be written elsewhere is refused."""

import hashlib
import io
import lzma
import os
import stat
import struct
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ..core.errors import UsageError
from .cleanup import remove_tree

UNZIPPED_LIMIT_BYTES = 262_144_000
"""Lambda's limit of 250 MB for a function with its layers."""
_MOST_NAME_BYTES = 255
_MOST_PATH_BYTES = 1000


class PackageStore:
    """A folder of unpacked packages."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._folders: dict[str, Path] = {}
        root.mkdir(parents=True, exist_ok=True)

    def unpack(self, identity: str, package: bytes) -> Path:
        """The folder of `package`. Raises `UsageError` for one that would write elsewhere.

        `identity` names these very bytes (the code's SHA-256, a layer version's ARN): to hash
        megabytes at every invocation would cost more than a warm invocation.
        """
        if (folder := self._folders.get(identity)) is not None:
            return folder
        with self._lock:
            folder = self._folder_of(identity)
            if not folder.is_dir():
                self._extract(package, folder)
            self._folders[identity] = folder
        return folder

    def merged(self, layers: Sequence[tuple[str, bytes]]) -> Path:
        """One folder of layers (identity and zip), in which the later ones come before others.

        Its files are those of the unpacked layers (hard links).
        """
        folders = [self.unpack(identity, package) for identity, package in layers]
        if len(folders) == 1:
            return folders[0]
        identity = "\n".join(["layers", *(identity for identity, _ in layers)])
        with self._lock:
            folder = self._folders.get(identity) or self._folder_of(identity)
            if not folder.is_dir():
                temporary = Path(tempfile.mkdtemp(dir=self._root, prefix="merging-"))
                for layer in folders:
                    _link_tree(layer, temporary)
                _make_read_only(temporary)
                temporary.rename(folder)
            self._folders[identity] = folder
        return folder

    def _folder_of(self, identity: str) -> Path:
        return self._root / hashlib.sha256(identity.encode()).hexdigest()[:24]

    def _extract(self, package: bytes, folder: Path) -> None:
        temporary = Path(tempfile.mkdtemp(dir=self._root, prefix="unpacking-"))
        try:
            with _opened(package) as archive:
                check_members(archive.infolist())
                _extract(archive, temporary)
            _make_read_only(temporary)
            temporary.rename(folder)
        except BaseException:
            remove_tree(temporary)
            raise


def _link_tree(source: Path, target: Path) -> None:
    """Hard links of all files below `source`, in the same places below `target`."""
    for folder, names, files in os.walk(source):
        place = target / Path(folder).relative_to(source)
        if place.is_symlink() or place.is_file():
            place.unlink()
        place.mkdir(parents=True, exist_ok=True)
        for name in [*files, *(one for one in names if Path(folder, one).is_symlink())]:
            new = place / name
            if new.is_dir() and not new.is_symlink():
                remove_tree(new)
            new.unlink(missing_ok=True)
            os.link(Path(folder, name), new, follow_symlinks=False)


def _make_read_only(folder: Path) -> None:
    """As code is on AWS; also where no mount can make it so. Everybody may read it."""
    for place, _, files in os.walk(folder):
        for name in files:
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o111 | 0o444)
        Path(place).chmod(0o555)


def check_package(package: bytes) -> None:
    """Raise `UsageError` for a zip that cannot be unpacked in full, naming what is wrong."""
    with _opened(package) as archive:
        members = archive.infolist()
        check_members(members)
        for member in members:
            if not member.is_dir():
                content = _read(archive, member)
                if _is_link(member):
                    _check_link(member, content)


def check_members(members: list[zipfile.ZipInfo]) -> None:
    """Refuse what would be written elsewhere, cannot be written, or is over Lambda's limit.

    Raises `UsageError` that names the first offending member.
    """
    kinds: dict[PurePosixPath, str] = {}
    for member in members:
        path = _checked_path(member)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            raise _refused(member, "is a pipe or a device; package real files")
        _check_kind(member, path, kinds)
    if sum(member.file_size for member in members) > UNZIPPED_LIMIT_BYTES:
        raise UsageError(
            f"code package refused: unzipped size must be smaller than {UNZIPPED_LIMIT_BYTES} bytes"
        )


def _checked_path(member: zipfile.ZipInfo) -> PurePosixPath:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0:1]:
        raise _refused(member, "would be written elsewhere")
    try:
        lengths = [len(part.encode()) for part in path.parts]
    except UnicodeEncodeError as exc:
        raise _refused(member, "has a name that is no text") from exc
    if not path.parts and not member.filename.endswith("/"):
        raise _refused(member, "has no name")
    if max(lengths, default=0) > _MOST_NAME_BYTES or sum(lengths) + len(lengths) > _MOST_PATH_BYTES:
        raise _refused(member, f"has a name over {_MOST_NAME_BYTES} or a path over 1000 bytes")
    return path


def _check_kind(
    member: zipfile.ZipInfo, path: PurePosixPath, kinds: dict[PurePosixPath, str]
) -> None:
    """Refuse a name that stands for two kinds of member; `kinds`: the kind of each name so far."""
    own = "folder" if member.is_dir() else "link" if _is_link(member) else "file"
    for one, kind in ((path, own), *((above, "folder") for above in path.parents)):
        if (other := kinds.setdefault(one, kind)) != kind:
            raise _refused(member, f'needs "{one}" as a {" and as a ".join(sorted((kind, other)))}')


def _is_link(member: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(member.external_attr >> 16)


def _check_link(member: zipfile.ZipInfo, content: bytes) -> str:
    """Where a link leads, which must be within the package as far as names tell."""
    target = content.decode("utf-8", "surrogateescape")
    if not target or "\0" in target or len(target) > _MOST_PATH_BYTES:
        raise _refused(member, "is a link to nowhere")
    place = os.path.normpath(PurePosixPath(member.filename).parent / target)
    if target.startswith("/") or place.startswith(".."):
        raise _refused(member, "is a link that leads out of the package")
    return target


def _refused(member: zipfile.ZipInfo, why: str) -> UsageError:
    name = member.filename if len(member.filename) <= 100 else f"{member.filename[:97]}..."
    return UsageError(f'code package refused: "{name}" {why}')


def _opened(package: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(package))
    except (zipfile.BadZipFile, ValueError, OSError, struct.error) as exc:
        raise UsageError(
            "code package refused: it is not a zip file; package the code again"
        ) from exc


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(member)
    except NotImplementedError as exc:
        why = f"is compressed by a method unknown here ({member.compress_type}); use deflate"
        raise _refused(member, why) from exc
    except RuntimeError as exc:
        raise _refused(member, "is encrypted; package it without a password") from exc
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError) as exc:
        raise _refused(member, "is damaged (its checksum is wrong); package it again") from exc


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    """Write all members below `folder`; links last, so that nothing is written through one."""
    links: list[tuple[Path, zipfile.ZipInfo, str]] = []
    for member in archive.infolist():
        target = folder / member.filename.replace("\\", "/")
        if member.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        content = _read(archive, member)
        mode = member.external_attr >> 16
        if _is_link(member):
            links.append((target, member, _check_link(member, content)))
            continue
        target.write_bytes(content)
        if stat.S_IMODE(mode):
            # No setuid; and what nobody may read could not be loaded.
            target.chmod((mode | stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH) & 0o777)
    _link(links, folder)


def _link(links: list[tuple[Path, zipfile.ZipInfo, str]], folder: Path) -> None:
    for target, _, content in links:
        if not target.is_symlink():
            target.symlink_to(content)
    root = folder.resolve()
    for target, member, _ in links:
        if not Path(os.path.realpath(target)).is_relative_to(root):
            raise _refused(member, "is a link that leads out of the package")
