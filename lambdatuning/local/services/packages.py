"""Code packages, unpacked once each; what would be written elsewhere is refused."""

import hashlib
import io
import os
import shutil
import stat
import tempfile
import threading
import zipfile
from pathlib import Path, PurePosixPath

from ...core.errors import UsageError

UNZIPPED_LIMIT_BYTES = 262_144_000
"""Lambda's limit of 250 MB for a function with its layers."""


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
            folder = self._root / hashlib.sha256(identity.encode()).hexdigest()[:24]
            if not folder.is_dir():
                self._extract(package, folder)
            self._folders[identity] = folder
        return folder

    def _extract(self, package: bytes, folder: Path) -> None:
        temporary = Path(tempfile.mkdtemp(dir=self._root, prefix="unpacking-"))
        try:
            with _opened(package) as archive:
                check_members(archive.infolist())
                for member in archive.infolist():
                    _extract_member(archive, member, temporary)
            # mkdtemp's 0700 would hide the code from a function that changes its user.
            temporary.chmod(0o755)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def check_members(members: list[zipfile.ZipInfo]) -> None:
    """Refuse what would escape the folder (absolute paths, `..`, links) or is over the limit.

    Raises `UsageError` that names the first offending member.
    """
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0:1]:
            raise UsageError(
                f'code package refused: "{member.filename}" would be written elsewhere'
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UsageError(
                f'code package refused: "{member.filename}" is a link or device; package real files'
            )
    if sum(member.file_size for member in members) > UNZIPPED_LIMIT_BYTES:
        raise UsageError(
            f"code package refused: unzipped size must be smaller than {UNZIPPED_LIMIT_BYTES} bytes"
        )


def _opened(package: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(package))
    except zipfile.BadZipFile as exc:
        raise UsageError(
            "code package refused: it is not a zip file; package the code again"
        ) from exc


def _extract_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    written = Path(archive.extract(member, folder))
    mode = stat.S_IMODE(member.external_attr >> 16)
    if mode and not member.is_dir():
        os.chmod(written, (mode | stat.S_IRUSR) & 0o777)  # noqa: PTH101 - a ZipInfo mode, no setuid
