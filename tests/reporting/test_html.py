import base64
import html
import re
from collections.abc import Mapping
from typing import Any

from lambdatuning.analysis.plot.style import GRID, INK, PAPER, SERIES, luminance
from lambdatuning.analysis.text.output_types import NARROW_MIME
from lambdatuning.reporting.html import PageContext, render
from lambdatuning.reporting.progress import METADATA


def page(*outputs: Mapping[str, Any], markdown: str = "# Title") -> str:
    cells = [
        {"cell_type": "markdown", "source": markdown, "metadata": {}},
        {"cell_type": "code", "source": "x < 1", "metadata": {}, "outputs": list(outputs)},
    ]
    return render({"cells": cells}, PageContext("a.ipynb", "2026-11-23 09:00 UTC")).html


def shown(**data: str) -> dict[str, Any]:
    mimes = {name.replace("__", "/"): value for name, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": mimes}


def body(text: str) -> str:
    return text.partition("<main>")[2].partition("</main>")[0]


def test_the_page_says_what_it_is_and_forbids_what_it_does_not_need() -> None:
    text = page(markdown="# Which *memory* `size` & why?")
    assert "<title>Which memory size &amp; why?</title>" in text
    assert '<html lang="en">' in text
    assert "default-src 'none'" in html.unescape(text)
    assert "made 2026-11-23 09:00 UTC" in text


def test_there_is_no_script_and_nothing_is_loaded() -> None:
    text = page(
        shown(text__html="<b>x</b><script src='https://x'></script>"),
        markdown="# T\n\n[link](https://example.com) ![img](https://example.com/x.png)",
    )
    assert "<script" not in text
    assert '<a href="https://example.com">link</a> img' in text
    assert not re.search(r"(src|xlink:href)\s*=", text)
    assert "Left out of this report: the picture https://example.com/x.png." in text
    assert "Left out of this report: a script." in text


def test_words_of_data_are_shown_not_run() -> None:
    evil = "<script>alert(1)</script>"
    stream = {"output_type": "stream", "name": "stdout", "text": evil}
    error = {"output_type": "error", "ename": "E", "evalue": evil, "traceback": []}
    text = page(stream, error, shown(text__plain=evil), shown(text__markdown=evil))
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3


def test_the_richest_form_is_shown() -> None:
    svg = "<svg viewBox='0 0 1 1' role='img' aria-label='a line'></svg>"
    both = {"image/svg+xml": svg, NARROW_MIME: svg, "text/plain": "plain"}
    text = body(page({"output_type": "execute_result", "metadata": {}, "data": both}))
    assert text.count('aria-label="a line"') == 2
    assert 'class="narrow"' in text
    assert "plain" not in text
    assert "<p>rich</p>" in body(page(shown(text__html="<p>rich</p>", text__plain="poor")))
    assert "<em>md</em>" in body(page(shown(text__markdown="*md*", text__plain="poor")))
    png = body(page({"output_type": "display_data", "metadata": {}, "data": {"image/png": "AA\n"}}))
    assert 'src="data:image/png;base64,AA"' in png


def test_tables_scroll_in_a_box_of_their_own() -> None:
    text = body(page(shown(text__html="<table><tr><td>1</td></tr></table>")))
    assert re.search(r'class="scroll"[^>]*tabindex="0"><table>', text)
    assert "</table></div>" in text


def test_progress_and_talk_stay_out_of_the_story() -> None:
    progress = {"output_type": "display_data", "metadata": METADATA, "data": {"text/plain": "50 %"}}
    stderr = {"output_type": "stream", "name": "stderr", "text": "talk"}
    text = page(progress, stderr)
    assert "50 %" not in text
    assert "talk" not in body(text)
    assert "talk" in text


def test_code_is_folded_away_and_escaped() -> None:
    text = page()
    assert "x &lt; 1" in text
    assert "x &lt; 1" not in body(text)


def _themes() -> list[dict[str, str]]:
    """Colours of the light, the dark and the print theme."""
    roots = re.findall(r":root \{(.*?)\}", page(), re.DOTALL)
    pairs = [re.findall(r"--([\w-]+): (#[0-9a-f]{6}|#[0-9a-f]{3})", root) for root in roots]
    return [dict(attributes) for attributes in pairs]


def test_figures_have_the_same_colours_on_a_light_page_and_by_themselves() -> None:
    light = _themes()[0]
    assert [light[f"series-{n}"] for n in range(len(SERIES))] == list(SERIES)
    assert (light["ink"], light["paper"], light["grid"]) == (INK, PAPER, GRID)


def test_words_can_be_read_in_every_theme() -> None:
    for theme in _themes():
        paper = luminance(theme["paper"])
        for name in ("ink", "muted", *(f"series-{n}" for n in range(len(SERIES)))):
            low, high = sorted((paper, luminance(theme[name])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, name
        panel = luminance(theme["panel"])
        for name in ("red", "green", "yellow", "blue", "magenta", "cyan"):
            low, high = sorted((panel, luminance(theme[name])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, name
        low, high = sorted((luminance(theme["warn"]), luminance(theme["warn-panel"])))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_pictures_of_every_kind_are_kept_with_size_and_words() -> None:
    for kind in ("jpeg", "gif", "webp"):
        text = body(page(shown(**{f"image__{kind}": "QUJD\n"}, text__plain="<IPython Image>")))
        assert f'<figure><img alt="figure" src="data:image/{kind};base64,QUJD"></figure>' in text
    sized = shown(image__png="QUJD", text__plain="a line")
    sized["metadata"] = {"image/png": {"width": 40, "height": 30.0, "alt": "a < b"}}
    assert 'alt="a &lt; b" src="data:image/png;base64,QUJD" width="40" height="30"' in page(sized)


def test_a_drawing_of_another_program_is_a_picture_by_itself() -> None:
    svg = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><style>*{}</style></svg>'
    text = body(page({"output_type": "display_data", "metadata": {},
                      "data": {"image/svg+xml": svg}}))  # fmt: skip
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    assert data
    assert base64.b64decode(data[1]).decode() == svg
    assert "Left out" not in text


def test_a_raw_cell_is_what_its_format_says() -> None:
    def raw(source: str, **about: str) -> str:
        cell = {"cell_type": "raw", "source": source, "metadata": about}
        return body(render({"cells": [cell]}, PageContext("a.ipynb", "")).html)

    assert "<b>x</b>" in raw("<b>x</b><script>1</script>", raw_mimetype="text/html")
    assert "<em>x</em>" in raw("*x*", format="text/markdown")
    assert '<pre class="plain">a &lt; b</pre>' in raw("a < b")
    assert "Left out of this report: a raw cell of type text/latex." in raw(
        "x", format="text/latex"
    )
    # Settings for Quarto and Jupytext are not for readers.
    assert "title" not in raw("---\ntitle: mine\n---\n")


def test_an_error_is_shown_with_its_words_if_it_has_any() -> None:
    error = {"output_type": "error", "ename": "KeyboardInterrupt", "evalue": "", "traceback": []}
    assert '<pre class="error">KeyboardInterrupt</pre>' in page(error)
    assert "ValueError: no</pre>" in page({**error, "ename": "ValueError", "evalue": "no"})


def test_the_next_form_stands_in_for_one_that_a_report_cannot_hold() -> None:
    script = "<div id='x'></div><script>draw()</script>"
    text = body(page(shown(text__html=script, image__png="QUJD")))
    assert "data:image/png;base64,QUJD" in text
    assert "Left out of this report: a script." in text
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "HBox()"}
    text = body(page({"output_type": "display_data", "metadata": {}, "data": widget}))
    # Its words are those of when it was made: "0 %" of a bar that is full by now.
    assert "HBox" not in text
    assert "Left out of this report: a widget." in text
    frame = {"text/html": "<iframe src='x'></iframe>", "text/plain": "<IPython.IFrame at 0x7f2>"}
    text = body(page({"output_type": "display_data", "metadata": {}, "data": frame}))
    assert "IPython" not in text
    script_alone = {"application/javascript": "1", "text/plain": "<IPython.Javascript object>"}
    text = body(page({"output_type": "display_data", "metadata": {}, "data": script_alone}))
    assert "IPython" not in text
    assert "an output of type application/javascript" in text
    plotly: dict[str, Any] = {"application/vnd.plotly.v1+json": {"data": []}}
    text = body(page({"output_type": "display_data", "metadata": {}, "data": plotly}))
    assert "Left out of this report: an output of type application/vnd.plotly.v1+json." in text
    assert r"\alpha" in body(page(shown(text__latex=r"$\alpha$", text__plain="x")))
    json_text = {"application/json": {"a": [1]}, "text/plain": "<JSON>"}
    assert "&quot;a&quot;: [" in body(
        page({"output_type": "display_data", "metadata": {}, "data": json_text})
    )


def test_progress_of_a_terminal_is_folded_and_colours_are_classes() -> None:
    parts: list[dict[str, Any]] = [
        {"output_type": "stream", "name": "stdout", "text": "10 %\r"},
        {"output_type": "stream", "name": "stdout", "text": ["100 %\n", "\x1b[31mred\x1b[0m"]},
    ]
    text = body(page(*parts))
    assert '<pre class="plain">100 %\n<span class="lt-red">red</span></pre>' in text
    stderr = {"output_type": "stream", "name": "stderr", "text": "1 %\r2 % <b>"}
    assert '<pre class="plain">2 % &lt;b&gt;</pre>' in page(stderr)


def test_no_control_character_reaches_the_page() -> None:
    evil = "a\x1b[2J\x07b\u202e\ud83d<c>"
    cells = [
        {"cell_type": "markdown", "source": f"# T {evil}", "metadata": {}},
        {"cell_type": "code", "source": evil, "metadata": {}, "outputs": [
            shown(text__html=f"<p title='{evil}'>x{evil}&#27;[1m</p>"),
            {"output_type": "error", "ename": evil, "evalue": evil, "traceback": []}]},
    ]  # fmt: skip
    text = render({"cells": cells}, PageContext(f"{evil}.ipynb", "2026-11-23 09:00 UTC")).html
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text
    )
    assert "<title>T a\\x1b[2J\\x07b\\u202e\\ud83d&lt;c&gt;</title>" in text
    assert "x1b[1m" in text


def test_attachments_of_a_cell_are_shown() -> None:
    cell = {"cell_type": "markdown", "source": ["# T\n", "![x](attachment:a.png)"], "metadata": {},
            "attachments": {"a.png": {"image/png": "QUJD"}}}  # fmt: skip
    text = render({"cells": [cell]}, PageContext("a.ipynb", "now")).html
    assert 'src="data:image/png;base64,QUJD"' in text
    assert "<title>T</title>" in text
