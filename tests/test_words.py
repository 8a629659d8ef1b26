"""Plain words: documents, messages and docstrings keep to English that a stranger reads at once."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

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
SOURCES = sorted((ROOT / "lambdatuning").rglob("*.py"))


def texts(path: Path) -> Iterator[str]:
    """Docstrings, messages and comments of a module; the markdown and comments of a notebook."""
    source = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        yield from ("".join(cell["source"]) for cell in json.loads(source)["cells"])
        return
    if path.suffix == ".md":
        yield source
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    yield from (line.partition("# ")[2] for line in source.splitlines() if "# " in line)


@pytest.mark.parametrize(
    "path",
    [*SOURCES, *sorted((ROOT / "notebooks").glob("*.ipynb")), ROOT / "README.md"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_words_are_plain(path: Path) -> None:
    wrong = [
        f'"{found[0]}" (write: {plain}) in: {" ".join(text.split())[:160]}'
        for text in texts(path)
        for pattern, plain in PATTERNS.items()
        for found in [pattern.search(text)]
        if found
    ]
    assert not wrong, "\n".join(wrong)
