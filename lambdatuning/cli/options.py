"""The options that several commands share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from ..core.errors import UsageError
from ..core.format import FAIRLY_SURE
from ..core.strategies import KIT_STRATEGY, RUN_STRATEGIES, WORTH
from ..core.validation import number
from ..workspace.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
V = TypeVar("V", str | None, tuple[str, ...])

NUM = 10


def place(_: click.Context, option: click.Parameter, value: V) -> V:
    """Callback of an option for files, folders or addresses; it refuses "", which a variable that
    is not set leaves behind, and which would be the working folder."""
    for text in (value,) if isinstance(value, str) else value or ():
        if not text.strip():
            raise click.BadParameter("it is empty; name a place, or leave it out.", param=option)
    return value


# What is not given is the project's: see `workspace.settings`.
stack_option = click.option("--stack", help="Name of the stack (lambdatuning).")
template_option = click.option(
    "--template",
    callback=place,
    metavar="FILE",
    help="SAM template (template.yaml if it is there, else built in).",
)
store_option = click.option(
    "--store",
    callback=place,
    metavar="FOLDER",
    help="Where runs are stored: a folder (lambdatuning-runs), or s3://bucket/runs to read.",
)
price_book_option = click.option(
    "--price-book",
    callback=place,
    metavar="FILE",
    help="Prices to compute bills from (data/prices.json if it is there, else built in).",
)

_TUNING_OPTIONS = (
    click.option(
        "--payload",
        multiple=True,
        metavar="EVENT",
        help="Name of a payload type, or an event: a file, s3://bucket/key, or JSON "
        "(repeatable; default: one empty event, for the stack's own function all of --payloads).",
    ),
    click.option(
        "--payloads",
        callback=place,
        metavar="FOLDER",
        help="Payload types (data/payloads if it is there, else built in).",
    ),
    click.option("--powers", metavar="MB,MB,...", help='Memory sizes, or "ALL".'),
    click.option(
        "--current/--no-current",
        default=True,
        help="With --powers: measure today's size, too (default), or not.",
    ),
    click.option("--num", metavar="N", help=f"Invocations per size and payload type ({NUM})."),
    click.option(
        "--strategy",
        default=KIT_STRATEGY,
        show_default=True,
        help="value, cost, speed or balanced.",
    ),
    click.option(
        "--speed-worth",
        default=f"{WORTH.speed_worth:g}",
        show_default=True,
        metavar="X",
        help="For value: a size twice as fast may cost 2^X times as much (0.1: 7 % more).",
    ),
    click.option(
        "--tolerance",
        default=f"{WORTH.cost_tolerance * 100:g}",
        show_default=True,
        metavar="PERCENT",
        help="For value: leave out sizes that cost so much more than the cheapest.",
    ),
    click.option(
        "--weight",
        default="0.5",
        show_default=True,
        metavar="SHARE",
        help="For balanced: 0 is speed, 1 is cost.",
    ),
    click.option("--auto-optimize", is_flag=True, help="Set the winner, if it is sure enough."),
    click.option("--alias", help="With --auto-optimize: publish behind this alias instead."),
    click.option(
        "--min-sure",
        default=f"{FAIRLY_SURE * 100:g}",
        show_default=True,
        metavar="PERCENT",
        help="With --auto-optimize: set only an answer that is at least so sure (0: any answer).",
    ),
    click.option("--seed", metavar="N", help="Seed of order and placeholders (default: drawn)."),
    click.option(
        "--environments",
        metavar="N",
        help="Execution environments per size (5; embedded: fewer).",
    ),
    stack_option,
    store_option,
    click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="KEY=VALUE",
        help="A label to store with the run (repeatable).",
    ),
    click.option(
        "--allowed-error",
        "allowed_errors",
        multiple=True,
        metavar="TYPE",
        help="Error type that the function is meant to raise (repeatable).",
    ),
    price_book_option,
    click.option(
        "--max-usd",
        metavar="USD",
        help="Refuse a grid that is estimated to cost more; end an adaptive run with the best "
        "so far.",
    ),
    click.option(
        "--regret",
        metavar="PERCENT",
        help="End an adaptive run where its answer is expected to lose no more (2).",
    ),
    click.option(
        "--for-compare/--no-for-compare",
        default=None,
        help="Measure today's size and the answer in 3 environments at least, for intervals in "
        "compare and history (default: where the store has an earlier run).",
    ),
    click.option(
        "--max-minutes",
        metavar="N",
        help="End an adaptive run with the best answer so far.",
    ),
)


def tuning_options(explored: str) -> Callable[[F], F]:
    """Which payloads, sizes and strategy, and where the run is stored; `explored` says how it
    measures if nothing is said."""
    explore = click.option(
        "--explore",
        metavar="HOW",
        help="grid: every size, num times; adaptive: what tells most for its price, until sure "
        f"({explored}).",
    )

    def decorated(command: F) -> F:
        for option in reversed((*_TUNING_OPTIONS, explore)):
            command = option(command)
        return command

    return decorated


def defaults(settings: Settings) -> dict[str, Any]:
    """The settings by the names of the options that they stand for.

    A strategy that no run can be asked for, such as a deadline, is for reports alone.
    """
    project = dict(settings.given)
    if project.get("strategy") not in RUN_STRATEGIES:
        project.pop("strategy", None)
    return {
        **{name: settings[name] for name in ("stack", "store")},
        **{name: project[name] for name in _SAME_NAME if name in project},
        "tags": tuple(f"{key}={value}" for key, value in settings["tags"].items()),
    }


_SAME_NAME = (
    "payloads",
    "template",
    "price_book",
    "strategy",
    "weight",
    "speed_worth",
    "tolerance",
    "max_regression",
    "max_usd",
    "deadline",
)


def with_share(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a tuning command, per cent as the shares that the library takes."""
    shares = {
        "cost_tolerance": number("--tolerance (per cent)", options["tolerance"], 0) / 100,
        "min_sure": number("--min-sure (per cent)", options["min_sure"], 0, 100) / 100,
    }
    return {name: value for name, value in options.items() if name != "tolerance"} | shares


def pairs(option: str, entries: Iterable[str], kind: str = "NAME") -> dict[str, str]:
    """The values of a repeatable option such as NAME=VALUE."""
    named = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {entry}: write {option} {kind}=VALUE")
        named[name] = value
    return named
