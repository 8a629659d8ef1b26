"""The map holds: imports go one way, and what is deployed needs nothing but Lambda's runtime."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "lambdatuning"
ROOT = Path(__file__).parent.parent / PACKAGE

MAY_IMPORT = {
    "core": {"core"},
    "functions": {"core", "functions"},
    "analysis": {"core", "analysis"},
    "workspace": {"core", "workspace"},
    "cloud": {"core", "functions", "workspace", "cloud"},
    "local": {"core", "local"},
    "reporting": {"core", "analysis", "workspace", "cloud", "reporting"},
    "api": {"core", "analysis", "workspace", "cloud", "local", "reporting", "api"},
    "study": {"core", "analysis", "study"},
    "publishing": {"core", "analysis", "study", "reporting", "publishing"},
    "schedules": {
        *{"core", "analysis", "study", "publishing", "workspace", "functions", "cloud", "local"},
        *{"reporting", "api", "schedules"},
    },
    "cli": {
        *{"core", "analysis", "study", "publishing", "schedules", "workspace", "cloud", "local"},
        *{"reporting", "api", "cli"},
    },
}
"""Rooms and the rooms that they may import; the package's front door (its `__init__`, `__main__`)
may import all of them."""

LAMBDA_RUNTIME = {"boto3", "botocore"}
"""What a Python function finds in Lambda without bringing it along."""

THIRD_PARTY = {
    "core": set[str](),
    "functions": LAMBDA_RUNTIME,
}
"""Rooms that are deployed, and all that they may import from outside the standard library."""


def modules(room: str) -> list[Path]:
    """The Python files of a room: a folder or a single module."""
    files = sorted((ROOT / room).rglob("*.py"))
    single = ROOT / f"{room}.py"
    return [*files, single] if single.exists() else files


class Module(NamedTuple):
    """What these checks read of a file, which is parsed once for all of them."""

    docstring: str
    statements: tuple[ast.Import | ast.ImportFrom, ...]


@cache
def read(path: Path) -> Module:
    tree = ast.parse(path.read_text("utf-8"))
    return Module(ast.get_docstring(tree) or "", tuple(import_statements(tree)))


def import_statements(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """All of a module, also in functions and for types."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def imports(path: Path) -> Iterator[str]:
    """Absolute names of all that a file imports."""
    package = path.relative_to(ROOT.parent).with_suffix("").parts[:-1]
    return _names(read(path).statements, package)


def imported(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """Names that the source of a module in `package` imports, also in functions and for types."""
    return _names(import_statements(ast.parse(source)), package)


def _names(
    statements: Iterable[ast.Import | ast.ImportFrom], package: tuple[str, ...]
) -> Iterator[str]:
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            yield from imported_from(node, package)


def imported_from(node: ast.ImportFrom, package: tuple[str, ...]) -> Iterator[str]:
    """`from X import a, b` as X.a and X.b, so that `from .. import cloud` is seen as what it is."""
    base = package[: len(package) - node.level + 1] if node.level else ()
    start = ".".join((*base, *filter(None, [node.module])))
    yield from (f"{start}.{alias.name}" for alias in node.names)


def rooms_of(path: Path) -> Iterator[str]:
    """The rooms of ours that a file imports; "" for names of the package itself."""
    for name in imports(path):
        first, _, rest = name.partition(".")
        if first == PACKAGE:
            room = rest.partition(".")[0]
            yield room if room in MAY_IMPORT else ""


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_rooms_import_only_what_the_map_allows(room: str) -> None:
    for path in modules(room):
        wrong = set(rooms_of(path)) - MAY_IMPORT[room]
        # The package's own names (its version) load the front door, so only the top may use them.
        allowed = {""} if room == "cli" else set()
        assert not wrong - allowed, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


@pytest.mark.parametrize("room", sorted(THIRD_PARTY))
def test_deployed_rooms_need_nothing_else(room: str) -> None:
    provided = {*sys.stdlib_module_names, PACKAGE, *THIRD_PARTY[room]}
    for path in modules(room):
        foreign = {name.partition(".")[0] for name in imports(path)} - provided
        foreign -= siblings(path)
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def siblings(path: Path) -> set[str]:
    """Modules beside a file that is deployed as a folder of its own, outside any package."""
    if (path.parent / "__init__.py").exists():
        return set()
    return {other.stem for other in path.parent.glob("*.py")}


def test_core_does_no_input_or_output() -> None:
    # core reads its own packaged data through importlib.resources and touches nothing else.
    doors = {"socket", "subprocess", "urllib.request", "http", "pathlib", "os", "shutil", "time",
             "tempfile", "logging", "threading", "asyncio"}  # fmt: skip
    for path in modules("core"):
        used = {name for name in imports(path) if {name, name.partition(".")[0]} & doors}
        assert not used, f"{path.relative_to(ROOT)} imports {sorted(used)}"


def test_every_room_is_on_the_map() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= set(MAY_IMPORT)


MAP_ROW = re.compile(r"^ {0,4}([a-z_][\w/]*(?:, [a-z_][\w/]*)*),?(?: {2,}\S|$)", re.MULTILINE)
"""A row of a map: names of modules and folders, then what they are for."""


@pytest.mark.parametrize(
    "room",
    [path.parent for path in sorted(ROOT.rglob("__init__.py"))],
    ids=lambda room: str(room.relative_to(ROOT.parent)),
)
def test_the_map_of_a_room_names_what_is_in_it_and_nothing_else(room: Path) -> None:
    text = read(room / "__init__.py").docstring
    rows = {name.rstrip("/") for row in MAP_ROW.findall(text) for name in row.split(", ")}
    inside = {path.stem for path in room.glob("[a-z]*.py")}
    inside |= {path.parent.name for path in room.glob("*/__init__.py")}
    gone = {name for name in rows if not list(room.glob(f"{name}.py")) + list(room.glob(name))}
    assert not gone, f"the map names {sorted(gone)}, which are not there"
    listed = rows | set(re.findall(r"`([a-z_]+)/?`", text))
    if listed & inside:
        # A name may also stand among the words that tell of another one.
        missing = {name for name in inside if not re.search(rf"\b{name}\b", text)}
        assert not missing, f"the map lacks {sorted(missing)}"


def test_rows_of_a_map_are_read() -> None:
    text = "What it is.\n\nrun, frames, logs/   what\n                     more\nonly,\none  here\n"
    assert MAP_ROW.findall(text) == ["run, frames, logs/", "only", "one"]


def test_the_package_imports_itself_relatively() -> None:
    # Deployed as a folder it has no fixed name; `entry` alone, which gives it that name, uses it.
    for path in ROOT.rglob("*.py"):
        absolute = [
            node.lineno
            for node in read(path).statements
            if isinstance(node, ast.ImportFrom)
            and not node.level
            and (node.module or "").partition(".")[0] == PACKAGE
        ]
        assert path.name == "entry.py" or not absolute, f"{path.relative_to(ROOT)}: {absolute}"


def test_every_way_of_importing_is_seen() -> None:
    source = """
import pandas as pd
from ..cloud import session
def f():
    from .. import local
    if TYPE_CHECKING:
        import lambdatuning.analysis
"""
    assert set(imported(source, (PACKAGE, "core"))) == {
        "pandas",
        "lambdatuning.cloud.session",
        "lambdatuning.local",
        "lambdatuning.analysis",
    }


MAPS = [path for path in ROOT.rglob("__init__.py") if "\n" in read(path).docstring]


@pytest.mark.parametrize("path", MAPS, ids=lambda path: str(path.parent.relative_to(ROOT.parent)))
def test_a_map_names_every_module_of_its_room(path: Path) -> None:
    room = path.parent
    there = {module.stem for module in room.glob("[!_]*.py")}
    there |= {package.parent.name for package in room.glob("*/__init__.py")}
    assert there - set(re.findall(r"\w+", read(path).docstring)) == set()


def test_large_rooms_have_a_map_of_their_own_or_in_the_room_above() -> None:
    rooms = {path.parent for path in MAPS}
    for path in ROOT.rglob("__init__.py"):
        if len(list(path.parent.glob("[!_]*.py"))) > 8:
            assert {path.parent, path.parent.parent} & rooms, path.parent
