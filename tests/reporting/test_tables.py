import base64
import csv
import io
import json
import re
from pathlib import Path

import pytest

from lambdatuning.analysis.text import tables
from lambdatuning.analysis.text.output_types import ANSWER_MIME, RUN_MIME, TABLE_MIME
from lambdatuning.reporting import html
from lambdatuning.reporting.destination import Folder
from lambdatuning.reporting.index import describe_change, read_entry, render_index, write_index
from lambdatuning.reporting.tables import TableFile, slug, sortable, table_file

DATA = {"caption": "Best sizes, x86_64", "columns": ["payload", "sizes", "ms"],
        "data": [["=cmd()", [128, 256], 1.5], ["b", None, None]]}  # fmt: skip


def test_csv_and_json_have_all_rows_and_no_formula() -> None:
    file = table_file(DATA, "Heading", [])
    assert file.name == "best-sizes"
    rows = list(csv.reader(io.StringIO(file.csv())))
    assert rows == [["payload", "sizes", "ms"], ["'=cmd()", "128 256", "1.5"], ["b", "", ""]]
    assert json.loads(file.json())[0] == {"payload": "=cmd()", "sizes": [128, 256], "ms": 1.5}


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
        " =1",
        "\ufeff=1",
        " " * 99 + "=1",
        "\u200b=1",
        "\x00=1",
        "\ufe66\u0031",
        "\ufeff \x01\uff1d1",
    ],
)
def test_no_text_is_a_formula_in_cells_heads_or_lists(text: str) -> None:
    file = TableFile("t", [text, "n"], [[text, -1], [[text, "b"], 1]])
    rows = list(csv.reader(io.StringIO(file.csv())))
    assert [row[0][0] for row in rows] == ["'", "'", "'"]
    assert [row[1] for row in rows] == ["n", "-1", "1"]


def test_control_characters_are_escapes_in_both_files() -> None:
    evil = "a\x1b[31m\x9b\u202eb\nc"
    file = TableFile("t", ["x"], [[evil]])
    assert file.csv() == 'x\n"a\\x1b[31m\\x9b\\u202eb\nc"\n'
    assert json.loads(file.json()) == [{"x": evil}]
    assert "\x9b" not in file.json()
    assert "\u202e" not in file.json()


def test_names_are_made_of_the_caption_or_the_heading_and_differ() -> None:
    assert table_file(DATA, "x", ["best-sizes", "best-sizes-2"]).name == "best-sizes-3"
    assert table_file(DATA | {"caption": ""}, "Checks", []).name == "checks"
    assert table_file(DATA | {"caption": ""}, "", []).name == "table"
    assert slug("../../etc/<passwd>") == "etc-passwd"


def test_a_table_keeps_its_plain_numbers_also_those_in_its_caption() -> None:
    from pandas import DataFrame

    frame = DataFrame(
        {"function": ["f", "f"], "payload": ["a", "b"], "mean_ms": [1.0, float("nan")]}
    )
    bundle = tables.table(frame, "Means")._repr_mimebundle_()[TABLE_MIME]
    assert bundle["columns"] == ["function", "payload", "mean_ms"]
    assert bundle["data"] == [["f", "a", 1.0], ["f", "b", None]]
    assert bundle["caption"] == "Means, f"


def report(headline: str, made_at: str = "2026-11-23 09:00 UTC") -> str:
    bundle = {ANSWER_MIME: {"headline": headline, "functions": ["shop-F-1JKHDUVWFRX5T"]}}
    output = {"output_type": "display_data", "metadata": {}, "data": bundle | {"text/plain": "x"}}
    data = {TABLE_MIME: DATA, "text/html": "<table><tr><td>1</td></tr></table>"}
    table = {"output_type": "display_data", "metadata": {}, "data": data}
    cells = [
        {"cell_type": "markdown", "source": "# T <i>", "metadata": {}},
        {"cell_type": "code", "source": "", "metadata": {}, "outputs": [output, table]},
    ]
    made = html.PageContext("a.ipynb", made_at, "a", "Unchanged since x.", linked=True)
    page = html.render({"cells": cells}, made)
    assert [table.name for table in page.tables] == ["best-sizes"]
    return page.html


def test_a_table_holds_its_numbers_so_that_a_mailed_report_is_complete() -> None:
    text = report("x")
    links = re.findall(
        r'<a download="([^"]+)" href="data:([^;]+);charset=utf-8;base64,([^"]+)">', text
    )
    files = {name: (kind, base64.b64decode(data).decode()) for name, kind, data in links}
    file = table_file(DATA, "Heading", [])
    assert files == {
        "best-sizes.csv": ("text/csv", file.csv()),
        "best-sizes.json": ("application/json", file.json()),
    }
    assert text.index("<caption>") < text.index("best-sizes.csv") < text.index("</caption>")
    assert '<div class="output" id="table-best-sizes">' in text
    assert 'href="#table-best-sizes" aria-label="Link to this table"' in text


def _of_function(
    place: Folder, name: str, function: str, headline: str = "x", heading: str = "Which size?"
) -> None:
    about = {"functions": [function], "place": "eu-central-1", "date": "2026-11-23"}
    data = {
        ANSWER_MIME: {"headline": headline, "functions": [function]},
        RUN_MIME: about,
    }
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    cells = [
        {"cell_type": "markdown", "source": f"# {heading}", "metadata": {}},
        {"cell_type": "code", "source": "", "metadata": {}, "outputs": [output]},
    ]
    place.write(name, html.render({"cells": cells}, html.PageContext("a.ipynb", "now", "a")).html)


def test_a_title_that_is_no_question_ends_before_what_it_is_about(tmp_path: Path) -> None:
    _of_function(Folder(tmp_path), "a.html", "f", heading="Cold starts")
    title = "Cold starts: f, eu-central-1, 2026-11-23"
    assert f"<title>{title}</title>" in (tmp_path / "a.html").read_text()


def test_reports_of_one_function_are_linked_with_those_beside_them(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    for name, function in (("a 1", "f"), ("b", "g"), ("c", "f")):
        _of_function(place, f"{name}.html", function)
        write_index(place)
    pages = {path.name: path.read_text() for path in tmp_path.glob("*.html")}
    title = "Which size? f, eu-central-1, 2026-11-23"
    assert f"<title>{title}</title>" in pages["a 1.html"]
    assert f'<a href="c.html" rel="next">Next: {title}</a>' in pages["a 1.html"]
    assert f'<a href="a%201.html" rel="prev">Previous: {title}</a>' in pages["c.html"]
    assert 'rel="next"' not in pages["c.html"]
    assert 'class="lt-beside"' not in pages["b.html"]
    (tmp_path / "c.html").unlink()
    before = (tmp_path / "b.html").stat().st_mtime_ns
    write_index(place)
    assert 'class="lt-beside"' not in (tmp_path / "a 1.html").read_text()
    assert (tmp_path / "b.html").stat().st_mtime_ns == before


def test_sections_have_ids_links_and_a_list_of_contents() -> None:
    source = "# T\n\n## One & two\n\n## Three\n\n### Deep\n\n## One & two"
    cells = [{"cell_type": "markdown", "source": source, "metadata": {}}]
    text = html.render({"cells": cells}, html.PageContext("a.ipynb", "now")).html
    side = text.partition('<nav class="lt-side"')[2].partition("</nav>")[0]
    assert re.findall(r'href="#([^"]+)">([^<]+)<', side) == [
        ("top", "Contents"),
        ("One-&amp;-two", "One &amp; two"),
        ("Three", "Three"),
        ("One-&amp;-two-2", "One &amp; two"),
    ]
    assert re.search(r'<h2 id="Three">Three <a class="lt-link" href="#Three"', text)
    short = html.render(
        {"cells": [{**cells[0], "source": "# T\n\n## One"}]}, html.PageContext("a", "now")
    )
    assert "lt-side" not in short.html.partition("</style>")[2]


def test_a_report_says_of_itself_what_the_index_shows(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a b.html"
    path.write_text(report('Set "F" to <1> & more'), "utf-8")
    place = Folder(tmp_path)
    entry = read_entry(place, path.name)
    assert entry is not None
    assert entry.href == "a%20b.html"
    assert entry.answer == 'Set "F" to <1> & more'
    assert (entry.functions, entry.made_at) == ("F", "2026-11-23 09:00 UTC")
    index = render_index([entry])
    assert "&lt;1&gt; &amp; more" in index
    assert "<script" not in index
    assert describe_change(entry, entry.answer) == "Unchanged since 2026-11-23 09:00 UTC."
    assert describe_change(entry, "new").startswith("Changed; 2026-11-23 09:00 UTC it said: Set")
    assert describe_change(None, "new") == ""
    (tmp_path / "other.html").write_text("<title>not ours</title>")
    assert read_entry(place, "other.html") is None
    assert read_entry(place, "gone.html") is None


def test_a_file_of_a_table_without_rows() -> None:
    assert TableFile("t", ["a"], []).csv() == "a\n"


def test_a_table_that_is_not_ours_is_not_made_sortable() -> None:
    plain = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"
    assert sortable(plain, [[1, 2, 3, 4]], "x") == plain
    assert sortable(plain, [], "x") == plain
    assert sortable("<p>no table</p>", [[1, 2, 3, 4]], "x") == "<p>no table</p>"
