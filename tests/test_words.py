"""Plain words: documents, messages and docstrings keep to English that a stranger reads at once."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from .test_docs import PAGES

ROOT = Path(__file__).parents[1]

INSTEAD = {
    r"(dearer|dearest)\b": "more expensive",
    r"anew\b": "again",
    r"begun\b": "started",
    r"(mend|mends|mended|mending)\b": "fix",
    r"nobody's|whoever's": "say whose",
    r"in the mean\b(?!time|while)": "on average",
    r"holds? the (true )?mean with": "95 % confidence interval",
    r"what to mind": "checks",
    r"the bars know": "say what the bars are",
    r"a payload type and size": "per payload type and size",
    r"hitherto|thereof|wherein|whilst|albeit": "today's English",
}
"""Old or private words, and what to write instead."""

PATTERNS = {re.compile(rf"\b(?:{words})", re.IGNORECASE): plain for words, plain in INSTEAD.items()}
ANY_OLD = re.compile(rf"\b(?:{'|'.join(f'(?:{words})' for words in INSTEAD)})", re.IGNORECASE)
SOURCES = sorted((ROOT / "lambdatuning").rglob("*.py"))
TESTS = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__)]
"""All but this file, which has every such word."""


def by_folder(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Files by the folder that they lie in, two levels deep at most."""
    folders: dict[str, list[Path]] = {}
    for path in paths:
        folder = path.relative_to(ROOT).parent
        folders.setdefault("/".join(folder.parts[:2]) or ".", []).append(path)
    return folders


MODULES = by_folder([*SOURCES, *TESTS])
READ = by_folder([*SOURCES, *TESTS, *sorted((ROOT / "notebooks").glob("*.ipynb")), *PAGES])


def texts(path: Path) -> Iterator[str]:
    """Docstrings, messages and comments of a module; the markdown and comments of a notebook."""
    source = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        yield from ("".join(cell["source"]) for cell in json.loads(source)["cells"])
        return
    if path.suffix == ".md":
        yield source
        return
    yield from named_and_written(path)[1]
    yield from (line.partition("# ")[2] for line in source.splitlines() if "# " in line)


MOODS = {"told", "asked", "wanted", "alike", "belief", "believe"}
"""Words that no name has in it: the name says what the thing is, not how it was come by."""
BARE = {"found", "known", "held", "seen", "aim", "wants", "held_back"}
"""Words that are no name alone; `runs_known` or `is_held` say of what."""


@cache
def named_and_written(path: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """The names and the texts of a module, which is parsed and walked once for both checks."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    constants = (node.value for node in nodes if isinstance(node, ast.Constant))
    return list(names(nodes)), [value for value in constants if isinstance(value, str)]


NAMING = (
    *(ast.Name, ast.arg, ast.Attribute, ast.alias),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)


def names(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """Every name that a module gives: variables, attributes, arguments, functions, classes."""
    for node in nodes:
        if not isinstance(node, NAMING):
            continue
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.alias(asname=str(name)):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.ClassDef(name=name):
                yield "_".join(re.findall("[A-Z][a-z0-9]*", name)) or name, node.lineno


def says_nothing(name: str) -> bool:
    """Whether a name says how a thing was come by, and not what it is; a test's is a sentence."""
    if name.startswith("test_"):
        return False
    plain = name.lower().strip("_")
    return plain in BARE or not MOODS.isdisjoint(plain.split("_"))


@pytest.mark.parametrize("folder", sorted(MODULES))
def test_names_say_what_things_are(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in MODULES[folder]
        for name, line in named_and_written(path)[0]
        if says_nothing(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_check_of_names_can_fail() -> None:
    code = """
class Asked: ...
def test_what_is_asked(): ...
def told_apart(found, runs_known, *, held): ...
async def ask(well_known):
    for seen in well_known:
        self.aim = wanted = seen
import x as known
"""
    wrong = {name for name, _ in names(ast.walk(ast.parse(code))) if says_nothing(name)}
    assert wrong == {"Asked", "told_apart", "found", "held", "seen", "aim", "wanted", "known"}


@pytest.mark.parametrize("folder", sorted(READ))
def test_words_are_plain(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {old_word}"
        for path in READ[folder]
        for text in texts(path)
        for old_word in old_words(text)
    ]
    assert not wrong, "\n".join(wrong)


def old_words(text: str) -> Iterator[str]:
    """Each old word of a text with what to write instead."""
    if not ANY_OLD.search(text):
        return
    for pattern, plain in PATTERNS.items():
        if old_word := pattern.search(text):
            yield f'"{old_word[0]}" (write: {plain}) in: {" ".join(text.split())[:160]}'


def test_the_check_of_words_can_fail() -> None:
    assert list(old_words("Whilst it is dearer")) == [
        '"dearer" (write: more expensive) in: Whilst it is dearer',
        '"Whilst" (write: today\'s English) in: Whilst it is dearer',
    ]
    assert list(old_words("A new text, to be amended in the meantime")) == []
