"""The options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

STACK = "lambdatuning"
NUM = 10
PAYLOADS = "data/payloads"
STORE = "data/runs"

stack_option = click.option("--stack", default=STACK, show_default=True, help="Name of the stack.")
template_option = click.option(
    "--template", default="template.yaml", show_default=True, metavar="FILE", help="SAM template."
)
store_option = click.option(
    "--store",
    default=STORE,
    show_default=True,
    metavar="FOLDER",
    help="Where runs are stored: a folder, or s3://bucket/runs to read.",
)
price_book_option = click.option(
    "--price-book",
    metavar="FILE",
    help="Prices to compute bills from (data/prices.json if there is one, else the packaged).",
)

_TUNING_OPTIONS = (
    click.option(
        "--payload",
        multiple=True,
        metavar="NAME_OR_FILE",
        help="Payload type (repeatable; benchmark: default all of --payloads).",
    ),
    click.option(
        "--payloads", default=PAYLOADS, show_default=True, metavar="FOLDER", help="Payload files."
    ),
    click.option("--powers", metavar="MB,MB,...", help='Memory sizes, or "ALL".'),
    click.option("--num", metavar="N", help=f"Invocations per size and payload type ({NUM})."),
    click.option(
        "--strategy", default="cost", show_default=True, help="cost, speed, balanced or knee."
    ),
    click.option(
        "--weight",
        default="0.5",
        show_default=True,
        metavar="SHARE",
        help="For balanced: 0 is speed, 1 is cost.",
    ),
    click.option("--auto-optimize", is_flag=True, help="Set the winner."),
    click.option("--alias", help="With --auto-optimize: publish behind this alias instead."),
    click.option("--seed", metavar="N", help="Seed of order and placeholders (default: drawn)."),
    click.option(
        "--environments",
        metavar="N",
        help="Execution environments per size (5; embedded: fewer).",
    ),
    stack_option,
    store_option,
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
