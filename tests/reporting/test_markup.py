import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.reporting.markup import Markup


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("<p>a &lt; b &amp; c</p>", "<p>a &lt; b &amp; c</p>"),
        ("<script>alert(1)</script>after", "after"),
        ("<p onclick='x()'>a</p>", "<p>a</p>"),
        ("<img src=x onerror=alert(1)>", ""),
        ('<a href="https://a.b/c">text</a>', '<a href="https://a.b/c">text</a>'),
        ('<a href="data:text/html,x">text</a>', "<a>text</a>"),
        ('<a href=" JavaScript:x">text</a>', "<a>text</a>"),
        ('<a href="//a.b">text</a>', "<a>text</a>"),
        ('<a href="javascript:alert(1)">text</a>', "<a>text</a>"),
        ('<a href="#here">text</a>', '<a href="#here">text</a>'),
        ("<iframe src='x'><p>in</p></iframe>out", "out"),
        ("<style>p{}</style><p>a</p>", "<p>a</p>"),
        ('<p style="color: red">a</p>', '<p style="color: red">a</p>'),
        ('<p style="background: url(https://x)">a</p>', "<p>a</p>"),
        ('<p style="background: URL(//x)">a</p>', "<p>a</p>"),
        (r'<p style="background: u\72l(x)">a</p>', "<p>a</p>"),
        ("<blink>a</blink>", "a"),
        ("<table><tr><td>a", "<table><tbody><tr><td>a</td></tr></tbody></table>"),
        ("a<br>b</p>", "a<br>b<p></p>"),
        (
            '<img src="data:image/png;base64,AAAA" alt="x">',
            '<img src="data:image/png;base64,AAAA" alt="x">',
        ),
        (
            '<img src="data:image/svg+xml;base64,AAAA" alt="x">',
            '<img src="data:image/svg+xml;base64,AAAA" alt="x">',
        ),
        ('<img src="data:text/html;base64,AAAA" alt="a &gt; b">', "a &gt; b"),
        ('<img src="data:image/png;base64,AA">', '<img alt="" src="data:image/png;base64,AA">'),
        ("a<embed src=x>b<p>c</p>", "ab<p>c</p>"),
        ("<svg><image xlink:href='https://x/y.png'/></svg>", "<svg><image></image></svg>"),
        (
            "<svg><use xlink:href='#a'/><linearGradient id='g'/></svg>",
            '<svg><use xlink:href="#a"></use><linearGradient id="g"></linearGradient></svg>',
        ),
        ('<svg><rect fill="url(https://x#a)"/></svg>', "<svg><rect></rect></svg>"),
        ('<p style="background: image-set(x)">a</p>', "<p>a</p>"),
        (
            "<svg viewBox='0 0 1 1'><path d='M0 0'/></svg>",
            '<svg viewBox="0 0 1 1"><path d="M0 0"></path></svg>',
        ),
        (
            "<svg><use href='#a'/><use href='x.svg#a'/></svg>",
            '<svg><use href="#a"></use><use></use></svg>',
        ),
        ("<svg><g clip-path='url(#a)'></g></svg>", '<svg><g clip-path="url(#a)"></g></svg>'),
        ("<svg><foreignObject><p>x</p></foreignObject></svg>", "<svg></svg>"),
        ("<!-- x --><p>a</p>", "<p>a</p>"),
        ("<p title='\"><script>'>a</p>", '<p title="&quot;&gt;&lt;script&gt;">a</p>'),
    ],
)
def test_what_is_kept_and_what_goes(given: str, cleaned: str) -> None:
    assert Markup().html(given) == cleaned


pieces = st.sampled_from(
    [
        "<",
        ">",
        "</",
        "script",
        "svg",
        "style",
        "<p>",
        "</p>",
        "on",
        "=",
        '"',
        "'",
        "&lt;",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "javascript:",
        "<a href=",
        "url(",
        "x",
        " ",
        "<img src=x onerror=x>",
        "<![CDATA[",
    ]
)


@given(st.lists(pieces, max_size=25).map("".join))
def test_nothing_that_runs_survives(markup: str) -> None:
    cleaned = Markup().html(markup)
    tags = re.findall(r"<([a-zA-Z!/?][^\s>/]*)([^>]*)", cleaned)
    for name, attributes in tags:
        assert name.lstrip("/") in {"p", "a", "img", "svg"}
        assert not re.search(r"\bon\w+=", re.sub(r'"[^"]*"', "", attributes))
    assert Markup().html(cleaned) == cleaned


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""One pixel."""


def test_what_a_report_cannot_hold_is_named_once() -> None:
    markup = Markup()
    markup.html(
        "<script>x</script><script>y</script><embed src=a.pdf><iframe></iframe><style>p{}</style>"
        "<img src='https://a.b/c.png'><a href='data.xlsx'>d</a><video src=x></video>"
    )
    assert markup.left_out == [
        "a script",
        "an embedded object",
        "an iframe",
        "a style sheet",
        "a video",
        "the picture https://a.b/c.png",
        "the link to data.xlsx",
    ]


def test_the_style_of_a_data_frame_is_no_loss() -> None:
    markup = Markup()
    assert markup.html("<style scoped>\n .dataframe tbody {}</style><b>x</b>") == "<b>x</b>"
    assert markup.left_out == []


def test_pictures_beside_the_notebook_become_part_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "one two.png").write_bytes(PNG)
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0 jpeg")
    (tmp_path / "c.svg").write_text(
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'
    )
    (tmp_path / "d.webp").write_bytes(b"RIFF0000WEBPVP8 ")
    (tmp_path / "secret.png").write_text("password")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    markup = Markup(folder)
    text = markup.markdown(
        "![a](../figures/one%20two.png) ![b](../b.jpg?raw=true#x)\n\n<img src='../c.svg' width=10>"
        "\n\n![d](../d.webp)\n\n![s](../secret.png) ![n](../none.png) ![p](/etc/hostname)"
    )
    assert f'src="data:image/png;base64,{base64.b64encode(PNG).decode()}" alt="a"' in text
    for kind in ("jpeg", "svg+xml", "webp"):
        assert f'src="data:image/{kind};base64,' in text
    assert 'width="10"' in text
    assert markup.left_out == [
        "the picture ../secret.png",
        "the picture ../none.png",
        "the picture /etc/hostname",
    ]
    assert "<p>s n p</p>" in text


def test_attachments_are_kept(tmp_path: Path) -> None:
    attachments = {"a b.png": {"image/png": "QUJD\n"}, "c.txt": {"text/html": "QUJD"}}
    markup = Markup(tmp_path)
    text = markup.markdown(
        "![x](attachment:a%20b.png) <img src='attachment:a b.png' alt='y'> ![z](attachment:c.txt)"
        " ![w](attachment:none.png)",
        attachments,
    )
    assert text.count('src="data:image/png;base64,QUJD"') == 2
    assert markup.left_out == [
        "the picture attachment:c.txt",
        "the picture attachment:none.png",
    ]


def test_links_between_notebooks_lead_to_their_reports() -> None:
    markup = Markup(links={"02 b.ipynb": "02%20b.html"})
    text = markup.markdown("[next](./02%20b.ipynb#The-bill) [other](03.ipynb) [here](#A)")
    assert '<a href="02%20b.html#The-bill">next</a>' in text
    assert "<a>other</a>" in text
    assert '<a href="#A">here</a>' in text
    assert markup.left_out == []


def test_markdown_is_as_jupyterlab_shows_it() -> None:
    text = Markup().markdown(
        "# A *b* c\n\n# A *b* c\n\n- [ ] open\n- [x] done\n\n~~old~~ $x_1*y*$ \\$5 and \\$6\n\n"
        "$$a_b*c*$$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx < 1\n```\n"
    )
    assert '<h1 id="A-b-c">A <em>b</em> c</h1>' in text
    assert 'id="A-b-c-2"' in text
    assert "<li>☐ open</li>" in text
    assert "<li>☑ done</li>" in text
    assert "<del>old</del> $x_1*y*$ $5 and $6" in text
    assert "$$a_b*c*$$" in text
    assert "<td>1</td>" in text
    assert '<code class="language-python">x &lt; 1' in text
