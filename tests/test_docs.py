"""README and its pages are true: commands, options, names, make targets, files and links exist.

README's tour is run by `reporting/test_tour`.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

import lambdatuning as lt
from lambdatuning import cli
from lambdatuning.cli.app import application
from lambdatuning.cloud.payloads import load_payload_types
from lambdatuning.cloud.stack.package import load_template
from lambdatuning.reporting.parameters import declared

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted(
        page
        for folder in ("data", "lambdatuning", "notebooks", "tests")
        for page in (ROOT / folder).rglob("*.md")
        if "resources" not in page.parts and "runs" not in page.parts
    ),
]
TEXTS = {page: page.read_text("utf-8") for page in PAGES}
README = TEXTS[ROOT / "README.md"]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_the_recorded_run_is_whole() -> None:
    run = lt.load(ROOT / "data" / "recorded")
    assert run.embedded
    assert len(run.samples) == run.manifest.invocations
    assert len(run.payloads) == len(load_payload_types(ROOT / "data" / "payloads"))
    assert set(lt.Study(run).recommend()["payload"]) > set(run.payloads)


def test_the_recorded_runs_come_along_into_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lt.load(ROOT / "data" / "recorded", "all").run_id
    monkeypatch.chdir(tmp_path)
    assert lt.load("data/recorded", "all").run_id == whole
    assert lt.load(tmp_path / "data" / "recorded", "all").run_id == whole
    (tmp_path / "data" / "recorded").mkdir(parents=True)
    with pytest.raises(lt.LambdaTuningError, match="no such run"):
        lt.load("data/recorded")


def test_every_command_stands_in_the_readme() -> None:
    assert [name for name in cli.COMMANDS if f"`lambdatuning {name}`" not in README] == []


def test_every_public_name_stands_in_the_readme_and_exists() -> None:
    named = set(re.findall(r"`(\w+)`", README))
    assert sorted(set(lt.__all__) - named - {"Run"}) == []
    assert all(getattr(lt, name) is not None for name in lt.__all__)
    assert set(lt.__all__) == set(lt._HOMES)


def test_the_example_in_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a recorded run in the place of a new one, which takes the options that are given."""
    (example,) = re.findall(r"(?ms)^```python\n(.*?)^```", README)
    measured, studied = example.split("study = ")
    names = {"lt": lt, "run": lt.load(ROOT / "data" / "recorded")}
    exec(f"study = {studied}", names)
    assert "Set LambdaFunctionOverHttps to" in capsys.readouterr().out
    call = ast.parse(measured).body[-1].body[-1].value
    options = {*signature(lt.benchmark).parameters, *signature(lt.tune).parameters}
    assert {keyword.arg for keyword in call.keywords} <= options


def test_every_page_is_linked_from_the_readme_or_a_page_that_is() -> None:
    reached, left = set[Path](), [ROOT / "README.md"]
    while left:
        page = left.pop()
        reached.add(page)
        linked = {(page.parent / path).resolve() for path, _ in links(TEXTS[page]) if path}
        left += linked & set(PAGES) - reached
    assert set(PAGES) - reached == set()


# Links.


def links(text: str) -> Iterator[tuple[str, str]]:
    """Path and heading of each link and picture to a place of this repository."""
    for address in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        parts = urlsplit(address)
        if not parts.scheme:
            yield unquote(parts.path), parts.fragment


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`]*`", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What GitHub calls the headings of a page."""
    given = set[str]()
    times = Counter[str]()
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"(?ms)^```.*?^```", "", text), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        given.add(f"{name}-{times[name]}" if times[name] else name)
        times[name] += 1
    return given


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, heading in links(TEXTS[page]):
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{path} is not there"
        assert place.is_relative_to(ROOT), f"{path} leads out of the repository"
        assert not heading or heading in anchors(place.read_text("utf-8")), f"{path}#{heading}"


MADE = {"data/prices.json", "data/runs"}
"""Places that commands make."""


@each_page
def test_every_place_that_is_named_exists(page: Path) -> None:
    folders = "data|lambdatuning|notebooks|tests|[.]ci"
    named = re.findall(rf"`((?:{folders})/[\w./-]+)`", TEXTS[page])
    named += re.findall(
        rf" ((?:{folders})/[\w./-]+\w)", "\n".join(map(" ".join, commands(TEXTS[page])))
    )
    assert [name for name in named if name not in MADE and not (ROOT / name).exists()] == []


def test_headings_and_links_are_found() -> None:
    text = """\
# A `b`: c, d_e?
# Twice
# Twice
```
# no heading
[no](link)
```
[a](b.md#c) [elsewhere](https://example.com) `[no](link)`
"""
    assert anchors(text) == {"a-b-c-d_e", "twice", "twice-1"}
    assert list(links(text)) == [("b.md", "c")]


# Commands.


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of ours, in blocks, tables and sentences."""
    text = re.sub(r"\\\n\s*", " ", text)
    outside = re.sub(r"(?ms)^```.*?^```", "", text)
    pieces = [
        *re.findall(r"(?ms)^```bash.*?\n(.*?)^```", text),
        *re.findall(r"(?m)^ {4,}(.*)", outside),
        *(" ".join(code.split()) for code in re.findall(r"`([^`]+)`", outside)),
    ]
    for line in (line.strip(" $") for piece in pieces for line in piece.splitlines()):
        yield from (inner.split() for inner in re.findall(r"\$\(lambdatuning ([^)]*)\)", line))
        plain = re.sub(r"\s#.*", "", re.sub(r"\$\([^)]*\)", "VALUE", line))
        for words in re.findall(r"(?:^|\| )lambdatuning ([^:|][^|]*)", plain):
            yield words.split()


def command_named(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and what follows."""
    group: click.Command = application
    while isinstance(group, click.Group) and words:
        given = group.get_command(click.Context(group), words[0])
        if given is None:
            assert words[0].startswith("-") or words[0].isupper(), f"no command {words[0]}"
            return group, words
        group, words = given, words[1:]
    return group, words


@each_page
def test_every_command_and_option_exists(page: Path) -> None:
    for words in commands(TEXTS[page]):
        command, rest = command_named(words)
        options = {option for each in command.params for option in each.opts + each.secondary_opts}
        options |= {"--help", "--local" if command.name == "lambdatuning" else "--help"}
        if "--run" in rest:  # what follows is a command of its own
            rest = rest[: rest.index("--run") + 1]
        written = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert written <= options, f"{' '.join(words)}: {written - options}"


def test_commands_are_found_wherever_they_stand() -> None:
    text = """\
Say `lambdatuning status --output NAME`, or `a | lambdatuning logs - --function NAME`.

    lambdatuning tune "$(lambdatuning status --output X)" --yes \\
      --num 5  # comment --nothing

```bash tour
lambdatuning doctor
```
"""
    assert [" ".join(words) for words in commands(text)] == [
        "doctor",
        "status --output X",
        'tune "VALUE" --yes --num 5',
        "status --output NAME",
        "logs - --function NAME",
    ]


def test_every_parameter_of_a_notebook_exists() -> None:
    notebooks = {
        path.stem: {each.name for each in declared(json.loads(path.read_text("utf-8")))}
        for path in (ROOT / "notebooks").glob("*.ipynb")
    }
    for text in TEXTS.values():
        for words in commands(text):
            if words[:1] != ["report"]:
                continue
            named = [name for name in notebooks if any(name in word for word in words)]
            given = {words[at + 1].split("=")[0] for at, word in enumerate(words) if word == "-p"}
            for name in named or notebooks:
                assert not named or given <= notebooks[name], f"{name}: {given - notebooks[name]}"
            assert given <= set().union(*notebooks.values())


def first_cells(page: Path, head: str) -> set[str]:
    """What stands as code in the first column of the table that has this head."""
    (rows,) = re.findall(rf"(?m)^\| {re.escape(head)} .*\n\|[-|]+\n((?:\|.*\n)+)", TEXTS[page])
    return {name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_parameter_of_a_notebook_stands_in_its_table() -> None:
    page = ROOT / "notebooks" / "README.md"
    declare = {
        parameter.name
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for parameter in declared(json.loads(path.read_text("utf-8")))
    }
    assert first_cells(page, "parameter | of") == declare


def test_every_parameter_of_the_template_stands_in_its_table() -> None:
    page = ROOT / "data" / "policies" / "README.md"
    template = load_template(ROOT / "template.yaml")
    words = {"false", "true", "NONE", "Prod", "x86_64"}
    assert first_cells(page, "parameter (default)") - words == set(template["Parameters"])


# What is made and measured.


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    text = "\n".join(TEXTS.values())
    named = set(re.findall(r"(?:`|^ *)make ([a-z][a-z-]*+)(?![A-Z])", text, re.MULTILINE))
    assert {"report", "test"} <= named
    rules = re.findall(r"^([a-z][a-z%-]*):", makefile, re.MULTILINE)
    target_pattern = re.compile("|".join(rule.replace("%", "[a-z-]*") for rule in rules))
    assert [target for target in sorted(named) if not target_pattern.fullmatch(target)] == []
    benches = {target.removeprefix("bench-") for target in named if target.startswith("bench-")}
    files = ROOT / "tests" / "bench"
    assert benches
    assert [b for b in sorted(benches) if not (files / f"{b.replace('-', '_')}.py").is_file()] == []


def test_every_module_that_is_run_exists_and_knows_its_options() -> None:
    text = "\n".join(TEXTS.values())
    run = re.findall(r"python -m (tests\.[a-z_.]++)(?![A-Z])([^`\n]*)", text)
    made = re.findall(r"make bench-([a-z-]+)[^`]*? OPTIONS=(\"[^\"`]*\"|[\w-]+)", text)
    lines = [*run, *((f"tests.bench.{name.replace('-', '_')}", rest) for name, rest in made)]
    assert {"tests.conformance", "tests.bench.same_code", "tests.bench.history"} <= {
        name for name, _ in lines
    }
    for name, rest in lines:
        source = (ROOT / f"{name.replace('.', '/')}.py").read_text("utf-8")
        options = re.findall(r"--[a-z-]+", rest)
        assert [option for option in options if f'"{option}"' not in source] == [], name
