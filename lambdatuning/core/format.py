"""Numbers for people: sizes, durations, shares and money, written in one way everywhere."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Annotated

from .errors import UsageError
from .validation import PositiveAmount, hold

NOTHING = "–"

SURE, FAIRLY_SURE = 0.95, 0.8
"""From here on a size is recommended without reserve, and with it; below, it is a guess."""

_GIVEN_NAME = re.compile(r"-([A-Za-z0-9]+)-(?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{12,13}$")
"""The end of a name that CloudFormation gave: STACK-LogicalId-RANDOM."""


def _currency(_: str, value: object) -> str:
    """A pattern with one {} for the amount."""
    if isinstance(value, str) and value.count("{}") == 1:
        return value
    raise UsageError(f'currency {value!r} must have {{}} once, for the amount, as in "{{}} €"')


Currency = Annotated[str, _currency]
"""How an amount is written: "{} €"."""


@dataclass(frozen=True)
class Money:
    """How amounts in US dollars are written: `pattern` has {} for the amount, `per_usd` is the
    exchange rate; computing stays in US dollars.

    UsageError for a pattern without {}, and for a rate that is not positive.

    >>> Money("{} €", 0.92)(100)
    '92.0 €'
    """

    pattern: Currency = "${}"
    per_usd: PositiveAmount = 1.0

    def __post_init__(self) -> None:
        hold(self)

    def __call__(self, usd: float) -> str:
        """Three significant digits, whole from a thousand on.

        >>> DOLLARS(0.2834), DOLLARS(9.996), DOLLARS(1234.4), DOLLARS(0.000001234)
        ('$0.283', '$10.0', '$1,234', '$0.00000123')
        """
        amount = abs(usd) * self.per_usd
        if _missing(amount):
            return NOTHING
        return ("-" if usd < 0 else "") + self.pattern.replace("{}", _digits(amount))

    def bill(self, usd: float) -> str:
        """An amount of a bill: with cents from one on, otherwise as `__call__` has it.

        >>> DOLLARS.bill(48.875), DOLLARS.bill(0.4521), DOLLARS.bill(12_345.6)
        ('$48.88', '$0.452', '$12,346')
        """
        amount = abs(usd) * self.per_usd
        if _missing(usd) or not 1 <= round(amount, 2) < 1000:
            return self(usd)
        return ("-" if usd < 0 else "") + self.pattern.replace("{}", f"{amount:.2f}")


DOLLARS = Money()


def money_of(currency: str) -> Money:
    """How costs are written that are in `currency` and not in dollars: as they are, unconverted.

    >>> money_of("CNY")(0.0000142), money_of("USD")(0.0000142)
    ('¥0.0000142', '$0.0000142')
    """
    return Money({"USD": "${}", "CNY": "¥{}"}.get(currency, f"{{}} {currency}"))


def short_name(function: str) -> str:
    """A function's name for headlines: what CloudFormation put around it is left out.

    >>> short_name("shop-OrdersFunction-1JKHDUVWFRX5T"), short_name("orders-service")
    ('OrdersFunction', 'orders-service')
    """
    match = _GIVEN_NAME.search(function)
    return match[1] if match else function


def format_ms(value: float) -> str:
    """Milliseconds with three significant digits, in the unit that reads best.

    >>> format_ms(0.4), format_ms(47.28), format_ms(999.7), format_ms(75_000)
    ('0.400 ms', '47.3 ms', '1.00 s', '75.0 s')
    """
    if _missing(value):
        return NOTHING
    return f"{_digits(value / 1000)} s" if abs(value) >= 999.5 else f"{_digits(value)} ms"


def format_mb(value: float | None) -> str:
    """Whole megabytes with thousands separated.

    >>> format_mb(1769), format_mb(128)
    ('1,769 MB', '128 MB')
    """
    return NOTHING if _missing(value) else f"{value:,.0f} MB"


_CONTROLS = {
    code: (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
    for code in (
        *(set(range(0xA0)) - set(range(0x20, 0x7F)) - {0x09, 0x0A}),
        *range(0x202A, 0x202F),  # these five and four change the direction of the text after them
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),  # halves of characters, which no file can hold
    )
}


def visible(text: str) -> str:
    r"""Characters that control a terminal or turn text around, and half ones, as escapes to read.

    >>> visible("a\x1b[31m b\r\n")
    'a\\x1b[31m b\n'
    """
    return text.replace("\r\n", "\n").translate(_CONTROLS)


def one_line(text: object, most: int = 500) -> str:
    r"""A text, such as that of an error, on one line of so many characters at most.

    >>> one_line(" a\n  b ")
    'a b'
    """
    return " ".join(str(text).split())[:most]


def capitalised(text: str) -> str:
    """A text that begins with a capital, the rest as it is.

    >>> capitalised("p95 of AWS"), capitalised("")
    ('P95 of AWS', '')
    """
    return text[:1].upper() + text[1:]


def first_few(texts: Sequence[str], most: int = 3) -> str:
    """The first of some texts, and how many more there are.

    >>> first_few(["a", "b", "c", "d"], 2)
    'a; b; and 2 more'
    """
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return "; ".join([*texts[:most], *more])


def format_count(number: int, noun: str) -> str:
    """How many there are, in words.

    >>> format_count(1, "size"), format_count(1200, "size")
    ('1 size', '1,200 sizes')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_share(value: float) -> str:
    """A share between 0 and 1 as per cent; certainty that resampling cannot have is not claimed.

    >>> format_share(0.347), format_share(0.9999), format_share(1.0), format_share(0.0)
    ('35 %', '> 99 %', '> 99 %', '< 1 %')
    """
    if _missing(value):
        return NOTHING
    if not 0.01 <= value <= 0.99:
        return "< 1 %" if value < 0.01 else "> 99 %"
    return f"{value * 100:.0f} %"


def format_sure(value: float) -> str:
    """How sure something is, in per cent. Cut rather than rounded: what is nearly sure enough does
    not look so; and certainty that resampling cannot have is not claimed.

    >>> format_sure(0.9496), format_sure(0.57), format_sure(1.0), format_sure(0.004)
    ('94 %', '57 %', '> 99 %', '< 1 %')
    """
    if not 0.01 <= value <= 0.99:
        return format_share(value)
    return f"{math.floor(value * 100 + 1e-9)} %"


def format_part(value: float, small_places: int = 1) -> str:
    """A part of a whole, with decimals where it is small; unlike `format_share` it claims nothing.

    >>> format_part(0.013), format_part(0.27), format_part(0.01), format_part(0.00129, 2)
    ('1.3 %', '27 %', '1 %', '0.13 %')
    """
    if _missing(value):
        return NOTHING
    text = f"{value * 100:.{small_places if 0 < value < 0.0995 else 0}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def format_change(value: float, less: str, more: str) -> str:
    """A relative change in words.

    >>> format_change(-0.34, "faster", "slower"), format_change(1.85, "faster", "slower")
    ('34 % faster', '185 % slower')
    """
    if _missing(value):
        return NOTHING
    percent = f"{abs(value) * 100:.0f}"
    return "the same" if percent == "0" else f"{percent} % {less if value < 0 else more}"


def format_level(value: float) -> str:
    """A level against that of the first runs, as a signed change.

    >>> format_level(1.1), format_level(0.995), format_level(float("nan"))
    ('+10 %', '-0.5 %', '–')
    """
    if _missing(value):
        return NOTHING
    places = 0 if abs(value - 1) >= 0.0995 else 1
    return f"{(value - 1) * 100:+.{places}f} %".replace("+0.0 %", "0 %").replace("-0.0 %", "0 %")


def format_span(low: float, high: float) -> str:
    """Both ends of an interval of a relative change, signed.

    >>> format_span(-0.161, -0.08), format_span(-0.02, 0.05)
    ('-16 to -8 %', '-2 to +5 %')
    """
    if _missing(low) or _missing(high):
        return NOTHING
    return f"{_signed(low)} to {_signed(high)} %"


def format_times(value: float) -> str:
    """A ratio as "times".

    >>> format_times(11.93), format_times(1.234)
    ('11.9 ×', '1.23 ×')
    """
    return NOTHING if _missing(value) else f"{_digits(value)} ×"


def format_gain(speedup: float) -> str:
    """How many times faster or slower in words, or by how many per cent where that reads better.

    >>> format_gain(5.43), format_gain(2.0), format_gain(1.5), format_gain(0.8)
    ('5.4 times', '2 times', '50 %', '25 %')
    """
    more = max(speedup, 1 / speedup) if speedup else math.inf
    if more < 1.95:
        return f"{(more - 1) * 100:.0f} %"
    return f"{more:,.1f}".removesuffix(".0") + " times"


def format_faster(speedup: float, than: str = "") -> str:
    """How much faster or slower something is, than what.

    >>> format_faster(5.43), format_faster(0.5, "today"), format_faster(1.004, "today")
    ('5.4 times faster', '2 times slower than today', 'as fast as today')
    """
    if abs(speedup - 1) < 0.01:
        return f"as fast{f' as {than}' if than else ''}"
    words = f"{format_gain(speedup)} {'faster' if speedup > 1 else 'slower'}"
    return f"{words} than {than}" if than else words


def ratio(value: float, base: float) -> float:
    """`value / base`; 1 where both are zero, NaN, which is shown as a dash, where the base is.

    >>> ratio(3, 2), ratio(0, 0), ratio(1, 0)
    (1.5, 1.0, nan)
    """
    if not base:
        return math.nan if value else 1.0
    return float(value) / float(base)


def of_all(part: int, whole: int) -> str:
    """How many, as "all 10", "both", "8 of 10" or "none of 10"."""
    if not part:
        return f"none of {whole}"
    if part == whole:
        return "both" if whole == 2 else f"all {whole}"
    return f"{part} of {whole}"


def join(names: Iterable[object]) -> str:
    """Words as a list in a sentence.

    >>> join(["a", "b", "c"]), join(["a"])
    ('a, b and c', 'a')
    """
    words = [str(name) for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def join_mb(sizes: Sequence[int]) -> str:
    """Sizes as a list in a sentence, the unit once.

    >>> join_mb((128, 1024))
    '128 and 1,024 MB'
    """
    return f"{join(f'{size:,}' for size in sizes)} MB" if sizes else NOTHING


def _signed(share: float) -> str:
    percent = share * 100
    places = 1 if abs(percent) < 1 else 0
    text = f"{percent:+.{places}f}"
    return "0" if not float(text) else text


def _digits(value: float) -> str:
    """Three significant digits, counted after rounding: 9.996 is 10.0; whole from a thousand on."""
    if value == 0:
        return "0"
    power = int(f"{value:.2e}".partition("e")[2])
    return f"{value:,.{max(0, 2 - power)}f}"


def _missing(value: float | None) -> bool:
    """Whether there is no number to write; what overflowed is none."""
    return value is None or not math.isfinite(value)


def card(title: str, facts: Iterable[tuple[str, str]]) -> str:
    """A box with a title and facts under it, as HTML for notebooks; facts that say nothing are left
    out.

    >>> card("shop", [("region", "eu-west-1"), ("price", "")]).count("<dt>")
    1
    """
    rows = "".join(
        f'<dt>{escape(name)}</dt><dd style="margin: 0">{escape(value)}</dd>'
        for name, value in facts
        if value
    )
    grid = "display: grid; grid-template-columns: max-content auto; gap: 0 14px; margin: 6px 0 0"
    return (
        '<div class="lt-card" style="border: 1px solid; border-radius: 6px; padding: 8px 14px">'
        f'<strong>{escape(title)}</strong><dl style="{grid}">{rows}</dl></div>'
    )
