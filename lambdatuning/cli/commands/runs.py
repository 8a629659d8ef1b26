"""`lambdatuning runs`, `compare`, `logs`, `executions` and `show`: what was measured before."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import click

from ...core.address import is_s3
from ...core.errors import UsageError
from ...core.format import format_mb
from ...core.validation import number, whole_number
from ..options import pairs, place, store_option
from ..output import money, records, refuse, table
from ..session import Session, session_options
from ..verdicts import publish, verdict_options, verdict_outputs

if TYPE_CHECKING:
    from pandas import DataFrame

    from ...analysis.compare.comparison import Comparison
    from ...analysis.run import Run
    from ..json_outputs import ComparedRuns, ImportedLogs

_LEFT_OUT = ["lambda_cost_usd", "started_at", "wall_ms", "visualization", "execution_arn"]
"""Columns of executions that do not fit on a terminal; --json has them."""


@click.command()
@store_option
@session_options
def runs(session: Session, store: str) -> None:
    """List the stored runs, oldest first."""
    from ...api.runs import runs

    frame = runs(store, cloud=session.connect_for(store)).frame
    if frame.empty:
        text = f"no run in {store}; `lambdatuning benchmark` makes one"
    else:
        wide = frame.assign(payloads=frame["payloads"].str.len(), sizes=frame["sizes"].str.len())
        shown = wide.assign(usd=wide["usd"].map(money), power=wide["power"].astype("Int64"))
        text = table(shown.drop(columns=["url", "kind", "region"]))
    session.output.show(records(frame), text)


@click.command()
@click.argument("names", nargs=-1, metavar="[RUN]...")
@store_option
@click.option("--function", default="", help="With no run named: of this function.")
@click.option("--payload", default="", help="Payload types, with commas (default: all).")
@click.option("--memory", metavar="MB", help="This size alone (default: all).")
@click.option(
    "--max-regression",
    metavar="PERCENT",
    help="How much slower or more expensive is no regression (5).",
)
@click.option(
    "--history",
    default="",
    metavar="RUNS",
    help='More runs, ids or "latest 9": those of the code before teach how much runs differ.',
)
@click.option(
    "--rate",
    "rates",
    multiple=True,
    metavar="CNY=AMOUNT",
    help="What a dollar costs, to compare runs whose costs are in different currencies.",
)
@verdict_options
@session_options
def compare(session: Session, /, names: tuple[str, ...], store: str, **options: Any) -> None:
    """Compare RUNs (ids or visualization URLs, the one before first; default: the two newest).

    Without RUNs, the two newest of the function, architecture and region that was measured last.
    Exit code 3 where something got significantly worse, 5 where that cannot be told.
    """
    outputs = verdict_outputs(options)
    comparison = _compared(session, names, store, options)
    verdict = comparison.verdict
    publish(verdict, outputs, lambda: _both(comparison))
    text = comparison.words if verdict.exit_code else str(comparison)
    if session.output.json or text:
        session.output.show(comparison_data(comparison), text)
    refuse(verdict)


@click.command()
@click.argument("state_machine", metavar="ARN")
@click.option("--limit", default="100", show_default=True, metavar="N", help="Newest so many.")
@session_options
def executions(session: Session, state_machine: str, limit: str) -> None:
    """List past executions of the state machine ARN, ours or Power Tuning's, newest first.

    An execution that ended without an answer is a failed one.
    """
    from ...api.executions import executions

    number = whole_number("--limit", limit)
    with session.connected() as cloud:
        frame = executions(cloud, state_machine, limit=number)
    shown = frame.assign(
        cost_usd=frame["cost_usd"].map(money),
        power=frame["power"].astype("Int64"),
        duration_ms=frame["duration_ms"].map(_ms),
    )
    text = "no execution yet" if frame.empty else table(shown.drop(columns=_LEFT_OUT))
    session.output.show(records(frame), text)


@click.command()
@click.argument("run", default="latest")
@store_option
@click.option("--markdown", is_flag=True, help="For a pull request: answer, table, figure.")
@click.option(
    "--png", callback=place, metavar="FILE", help="Write the figure as PNG, for slides and chats."
)
@click.option("--svg", callback=place, metavar="FILE", help="Write the figure as SVG.")
@click.option("--strategy", default="", help="Another one than the run was asked for.")
@click.option("--deadline", metavar="MS", help="For deadline: how long an invocation may take.")
@click.option("--budget", metavar="USD", help="For budget: what a million invocations may cost.")
@click.option("--volume", metavar="N", help="Invocations a month, for the money.")
@session_options
def show(session: Session, /, run: str, **options: Any) -> None:
    """Show the answer of RUN: an id, its folder, "latest", or a visualization URL.

    Of a URL of Power Tuning, also of a comparison of two, the curves are printed.
    """
    if "://" in run and not is_s3(run):
        _show_url(session, run)
        return
    from ...analysis.run import merge
    from ...api.runs import load_runs, newest_in_one_place
    from ...study import Study
    from .tuning import show_study

    store, question = options["store"], _question(options)
    cloud = session.connect_for(run if is_s3(run) else store)
    # The newest run of all, not the newest of each function.
    if run == "latest":
        measured = merge(newest_in_one_place(run, store, cloud=cloud))
    else:
        measured = merge(load_runs(store, run, cloud=cloud))
    study = Study(measured, **question)
    figures = {form: options[form] for form in ("png", "svg") if options[form]}
    for form, file in figures.items():
        study.plot.choice().save(file, form)
    if options["markdown"]:
        session.output.show(study.to_json(), study.to_markdown(next(iter(figures.values()), "")))
    else:
        show_study(session.output, study, [*figures.values()])


_LIMITS = {"deadline": "deadline_ms", "budget": "budget_usd_per_million"}
"""The option that says the limit of a strategy, and what a study calls it."""


def _question(options: Mapping[str, Any]) -> dict[str, Any]:
    """What a study is asked, by the names that it has for it."""
    strategy = options["strategy"]
    if strategy in _LIMITS and options[strategy] is None:
        raise UsageError(f"--strategy {strategy} needs its limit, too: --{strategy}")
    given = {"volume": "monthly_invocations", **_LIMITS}
    return {
        "strategy": strategy,
        **{
            name: number(f"--{option}", options[option], 0)
            for option, name in given.items()
            if options[option] is not None
        },
    }


def _show_url(session: Session, url: str) -> None:
    from ...api.executions import show

    frame = show(url)
    cost = [money(*row) for row in zip(frame["cost"], frame["currency"], strict=True)]
    shown = frame.assign(duration_ms=frame["duration_ms"].map(_ms), cost=cost)
    unnamed = [] if frame["run"].any() else ["run"]
    text = table(shown.drop(columns=["cost_usd", "currency", *unnamed]))
    best = [_best(str(name), curve) for name, curve in frame.groupby("run", sort=False)]
    session.output.show(records(frame), "\n".join([text, *filter(None, best)]))


def _best(name: str, curve: "DataFrame") -> str:
    """The cheapest and the fastest size of a published curve; "" where no number is known."""
    measures = {"cheapest": curve["cost"], "fastest": curve["duration_ms"]}
    sizes = [
        f"{word} {format_mb(curve['memory_mb'].iloc[int(values.argmin())])}"
        for word, values in measures.items()
        if values.notna().any()
    ]
    return ": ".join(filter(None, (name, ", ".join(sizes)))) if sizes else ""


def _ms(duration_ms: float | None) -> str:
    """A duration as it is published, without the digits of Float32."""
    is_number = duration_ms is not None and duration_ms == duration_ms  # noqa: PLR0124 - NaN
    return f"{duration_ms:.6g}" if is_number else ""


@click.command()
@click.argument("files", nargs=-1, required=True, callback=place, metavar="FILE...")
@store_option
@click.option("--function", default="", help="This function alone; or its name, if logs lack it.")
@click.option(
    "--architecture", default="x86_64", show_default=True, help="Of the function, for its price."
)
@session_options
def logs(
    session: Session, files: tuple[str, ...], store: str, function: str, architecture: str
) -> None:
    """Make a run of exported logs (files, folders, - for stdin), which every notebook reads."""
    from ...api.logs import import_logs

    run = import_logs(
        files,
        store=store,
        function=function,
        architecture=architecture,
        region=session.region or "us-east-1",
    )
    data: ImportedLogs = {
        "rows": len(run.samples),
        "failed": int(run.samples["error"].ne("").sum()),
        "cold": int(run.samples["cold"].sum()),
        "unread": run.manifest.logs.unread if run.manifest.logs else 0,
        "run_id": run.run_id,
    }
    session.output.show(data, _logs_text(run, data, store))


def _logs_text(run: "Run", data: "ImportedLogs", store: str) -> str:
    from ...core.format import join, join_mb

    functions = join(sorted(str(name) for name in run.samples["function"].unique()))
    return (
        f"{data['rows']:,} invocations of {functions} at {join_mb(run.sizes)}: "
        f"{data['failed']:,} failed, {data['cold']:,} cold starts; "
        f"{data['unread']:,} reports could not be read\n\n"
        f"stored in {store}/ as {run.run_id}; `lambdatuning report` looks at it"
    )


def _both(comparison: "Comparison") -> "list[Run]":
    """The runs that were compared, oldest first."""
    both = [run for pair in comparison.pairs for run in (pair.before, pair.after)]
    return list({run.run_id: run for run in both or comparison.alone}.values())


def _compared(
    session: Session, names: tuple[str, ...], store: str, options: Mapping[str, Any]
) -> "Comparison":
    from ...analysis.compare.gate import MAX_REGRESSION
    from ...api.compare import NEWEST, compare

    percent, memory = options["max_regression"], options["memory"]
    memory_mb = None if memory is None else whole_number("--memory (MB)", memory)
    if percent is not None:
        percent = number("--max-regression (per cent)", percent, 0)
    rates = {
        name.upper(): number(f"--rate {name}", rate)
        for name, rate in pairs("--rate", options["rates"]).items()
    }
    comparison = compare(
        names or NEWEST,
        store=store,
        payload_types=options["payload"],
        memory_mb=memory_mb,
        max_regression=MAX_REGRESSION if percent is None else percent / 100,
        history=options["history"],
        function=options["function"],
        cloud=session.connect_for(store),
        rates=rates,
    )
    if names and len(comparison.alone) == 1 and not comparison.pairs:
        (only,) = comparison.alone
        raise UsageError(
            f"only {only.run_id} is there of {only.function}; name two runs, or measure again"
        )
    return comparison


def comparison_data(comparison: "Comparison") -> "ComparedRuns":
    """What `compare --json` prints."""
    data = {
        "answer": str(comparison),
        "verdict": comparison.verdict.to_json(),
        "regressions": comparison.regressions,
        "cannot_tell": comparison.cannot_tell,
        "max_regression": comparison.max_regression,
        "same_code": vars(comparison.noise),
        "changes": records(comparison.overall),
        "by_size": records(comparison.by_size),
        "findings": [vars(finding) for finding in comparison.findings],
    }
    return cast("ComparedRuns", data)
