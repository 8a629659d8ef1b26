"""A verdict as a badge: an SVG of its own, which loads nothing and needs no service."""

from xml.sax.saxutils import escape, quoteattr

from ..analysis.verdict import BETTER, FINE, UNKNOWN, WORSE, Verdict
from .markdown import TITLES, percent

_COLOURS = {FINE: "#2e7d32", BETTER: "#2e7d32", WORSE: "#c62828", UNKNOWN: "#616161"}
"""White text on each has a contrast of at least 5:1 (WCAG 2 asks for 4.5:1)."""

_CHARACTER_PX, _PADDING_PX, _HEIGHT_PX = 7, 6, 20
_LONGEST = 40

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" \
aria-label={title}>
<title>{text}</title>
<rect width="{width}" height="{height}" rx="3" fill="#424242"/>
<path d="M{left} 0h{bar}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{bar}z" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{label_x}" y="14" textLength="{label_px}">{label}</text>
<text x="{message_x}" y="14" textLength="{message_px}">{message}</text>
</g>
</svg>
"""


def badge(verdict: Verdict) -> str:
    """The function's name, and its verdict with the largest change for the worse."""
    label, message = _short(verdict.function or "lambdatuning"), _short(_message(verdict))
    label_px, message_px = len(label) * _CHARACTER_PX, len(message) * _CHARACTER_PX
    left, right = label_px + 2 * _PADDING_PX, message_px + 2 * _PADDING_PX
    text = f"{label}: {message}"
    return _SVG.format(
        width=left + right,
        height=_HEIGHT_PX,
        title=quoteattr(text),
        text=escape(text),
        left=left,
        bar=right - 3,
        colour=_COLOURS[verdict.kind],
        label=escape(label),
        label_x=left / 2,
        label_px=label_px,
        message=escape(message),
        message_x=left + right / 2,
        message_px=message_px,
    )


def _message(verdict: Verdict) -> str:
    worst = next(iter(verdict.worse), None)
    if worst is None or worst.change is None:
        return TITLES[verdict.kind]
    return f"{worst.measure} {percent(worst.change)}"


def _short(text: str) -> str:
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
