"""Files that come with the package: a folder's own are taken first, if they are there."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..core.errors import UsageError
from .settings import Settings, read_settings

TEMPLATE = "template.yaml"
PAYLOADS = "data/payloads"
NOTEBOOKS = "notebooks"
POLICIES = "data/policies"
RECORDED = "data/recorded"
PRICE_BOOK = "data/prices.json"


@dataclass(frozen=True)
class Resource:
    """A file or folder, and whether it is the one that came with the package."""

    path: Path
    packaged: bool

    def __str__(self) -> str:
        return f"{self.path.name} of the lambdatuning package" if self.packaged else str(self.path)


def package_folder() -> Path:
    """Where the package's own files lie: in its wheel, or in the checkout that it runs from."""
    package = Path(str(files("lambdatuning")))
    inside = package / "resources"
    return inside if inside.is_dir() else package.parent


def template(path: str | Path | None = None, settings: Settings | None = None) -> Resource:
    """The SAM template: the one named, the project's, else the package's.

    A template.yaml that describes another stack is not taken unless it is named.
    """
    chosen = settings or read_settings()
    named = path or chosen["template"]
    if named:
        return Resource(Path(named), packaged=False)
    own = chosen.folder / TEMPLATE
    if _is_ours(own):
        return Resource(own, packaged=False)
    return _packaged(TEMPLATE)


def payloads(folder: str | Path | None = None, settings: Settings | None = None) -> Resource:
    """The folder of payload types: the one named, the project's, else the package's."""
    return _folder(folder, "payloads", PAYLOADS, "*.json", settings or read_settings())


def notebooks(folder: str | Path | None = None, settings: Settings | None = None) -> Resource:
    """The folder of notebooks: the one named, the project's, else the package's."""
    return _folder(folder, "notebooks", NOTEBOOKS, "*.ipynb", settings or read_settings())


def recorded(store: Path) -> Path:
    """The store; of a folder `data/recorded` that is not there the package's, whose runs were
    recorded on the embedded AWS, to look at without measuring."""
    is_meant = store.parts[-2:] == Path(RECORDED).parts and not store.exists()
    return _packaged(RECORDED).path if is_meant else store


def _folder(
    named: str | Path | None, setting: str, name: str, pattern: str, settings: Settings
) -> Resource:
    chosen = named or settings[setting]
    if chosen:
        return Resource(Path(chosen), packaged=False)
    own = settings.folder / name
    return Resource(own, packaged=False) if any(own.glob(pattern)) else _packaged(name)


def _packaged(name: str) -> Resource:
    path = package_folder() / name
    if not path.exists():
        raise UsageError(f"{path} is missing from the package: install lambdatuning again")
    return Resource(path, packaged=True)


def _is_ours(template: Path) -> bool:
    """Whether it has the tuner: in a folder of another project lies that project's template."""
    try:
        return "StateMachineArn" in template.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
