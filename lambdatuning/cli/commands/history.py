"""`lambdatuning history`: the runs of a function over time, and the gate of a nightly run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ...core.errors import UsageError
from ...core.validation import number
from ..options import stack_option, store_option
from ..output import refuse
from ..session import Session, session_options
from ..verdicts import publish, verdict_options, verdict_outputs

if TYPE_CHECKING:
    from ...analysis.history.history import History
    from ...analysis.run import Run


@click.command()
@click.argument("function", default="", metavar="[FUNCTION]")
@store_option
@click.option(
    "--accept",
    "accept_run",
    default="",
    metavar="RUN",
    help="Accept what changed at RUN: later runs are compared with it.",
)
@click.option("--why", default="", metavar="TEXT", help="With --accept: the reason, kept with it.")
@click.option("--confirm", is_flag=True, help="Where the newest run is suspect, measure again.")
@click.option(
    "--payload", multiple=True, metavar="EVENT", help="With --confirm: as `tune` takes it."
)
@click.option("--payloads", metavar="FOLDER", help="With --confirm: folder of payload types.")
@click.option("--max-usd", metavar="USD", help="With --confirm: refuse a more expensive run.")
@stack_option
@verdict_options
@session_options
def history(session: Session, /, function: str, store: str, **options: Any) -> None:
    """What changed in FUNCTION (default: the one measured last) over all of its runs.

    Exit code 0 where nothing got worse, 3 where the newest run confirms that something did (each
    change once), 5 where that cannot be told: fewer than 5 runs of one level, or a suspect.
    """
    if options["why"] and not options["accept_run"]:
        raise UsageError("--why goes with --accept RUN")
    outputs = verdict_outputs(options)
    judged = _history(session, function, store, options)
    verdict = judged.verdict
    publish(verdict, outputs, lambda: _measured(session, store, judged))
    lines = judged.sentences if verdict.exit_code else [str(verdict), *judged.sentences]
    session.output.show(judged.to_json(), "\n".join(lines))
    refuse(verdict)


def _measured(session: Session, store: str, judged: "History") -> "list[Run]":
    """The runs with their samples, for exports."""
    from ...api.runs import load_runs

    names = [run.run_id for run in judged.runs]
    return load_runs(store, names, cloud=session.connect_for(store))


def _history(session: Session, function: str, store: str, options: Mapping[str, Any]) -> "History":
    from ...api.history import history, measuring

    level = {name: options[name] for name in ("accept_run", "why")}
    if not options["confirm"]:
        return history(function, store=store, cloud=session.connect_for(store), **level)
    budget = options["max_usd"]
    again = {
        **{name: options[name] for name in ("stack", "payload", "payloads")},
        "max_usd": None if budget is None else number("--max-usd", budget, 0),
        "confirm": session.output.confirm,
        "on_progress": session.output.progress(),
    }
    with session.connected() as cloud:
        measure = measuring(cloud, store, **again)
        return history(function, store=store, cloud=cloud, confirm=measure, **level)
