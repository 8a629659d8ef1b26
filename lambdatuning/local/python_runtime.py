"""The packages that Lambda's Python runtime brings along, as one folder of links."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from ..core.errors import UsageError

ROOTS = ("awslambdaric", "boto3")


def link_packages(folder: Path) -> None:
    """Fill `folder` with links to awslambdaric, boto3 and what they need, from this interpreter.

    Raises `UsageError` when one of them is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package in _closure(ROOTS):
        for entry in _top_level(package):
            link = folder / entry.name
            if not link.is_symlink():
                link.symlink_to(entry)


def _closure(roots: tuple[str, ...]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    wanted = list(roots)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = _installed(name)
            wanted += _requirements(found[name])
    return list(found.values())


def _requirements(package: Distribution) -> list[str]:
    lines = [line for line in package.requires or () if "extra ==" not in line]
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in lines]


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as exc:
        raise UsageError(
            f'{name} is not installed; run: pip install "lambdatuning[local]"'
        ) from exc


def _top_level(package: Distribution) -> set[Path]:
    names = {file.parts[0] for file in package.files or ()} - {"..", "bin", "__pycache__"}
    return {Path(str(package.locate_file(name))) for name in names}
