"""The options that `tune` and `benchmark` share."""

from argparse import ArgumentParser, Namespace
from typing import Any

STACK = "lambdatuning"
NUM = 10
PAYLOADS = "data/payloads"
STORE = "data/runs"


def add_tuning_arguments(parser: ArgumentParser, explored: str) -> None:
    """Which payloads, sizes and strategy, and where the run is stored; `explored` tells how, if
    nothing is said."""
    parser.add_argument(
        "--payload",
        action="append",
        default=[],
        metavar="NAME_OR_FILE",
        help="payload type (repeatable; benchmark: default all of --payloads)",
    )
    parser.add_argument("--payloads", default=PAYLOADS, metavar="FOLDER", help="payload files")
    parser.add_argument("--powers", metavar="MB,MB,...", help='memory sizes, or "ALL"')
    parser.add_argument("--num", help=f"invocations a size and payload type ({NUM})")
    parser.add_argument("--strategy", default="cost", help="cost, speed or balanced")
    parser.add_argument("--weight", default=0.5, help="for balanced: 0 is speed, 1 is cost")
    parser.add_argument("--auto-optimize", action="store_true", help="set the winner")
    parser.add_argument("--alias", help="with --auto-optimize: publish behind this alias instead")
    parser.add_argument("--seed", help="seed of order and placeholders (default: drawn)")
    parser.add_argument("--environments", help="execution environments a size (5; embedded: fewer)")
    parser.add_argument("--stack", default=STACK, help=f"stack of the tuner ({STACK})")
    parser.add_argument(
        "--store", default=STORE, metavar="FOLDER", help=f"where runs lie ({STORE})"
    )
    parser.add_argument(
        "--allowed-error",
        dest="allowed_errors",
        action="append",
        default=[],
        metavar="TYPE",
        help="error type that the function is meant to raise (repeatable)",
    )
    parser.add_argument(
        "--price-book",
        metavar="FILE",
        help="prices to compute bills from (data/prices.json if there is one, else the packaged)",
    )
    parser.add_argument(
        "--explore",
        metavar="HOW",
        help="grid: every size, num times; adaptive: what tells most for its price, until sure "
        f"({explored})",
    )
    parser.add_argument(
        "--max-usd",
        metavar="USD",
        help="refuse a grid that is estimated dearer; end an adaptive run with the best so far",
    )
    parser.add_argument("--max-minutes", help="end an adaptive run with the best answer so far")


def tuning_options(arguments: Namespace, explore: str) -> dict[str, Any]:
    """The options as `lambdatuning.tune` and `benchmark` take them; `explore` if none is given."""
    names = ("powers", "strategy", "weight", "auto_optimize", "alias", "seed")
    more = ("environments", "stack", "store", "max_usd", "payloads", "allowed_errors", "price_book")
    given = {name: getattr(arguments, name) for name in (*names, *more, "max_minutes")}
    num = NUM if arguments.num is None else arguments.num
    return {**given, "num": num, "explore": arguments.explore or explore}
