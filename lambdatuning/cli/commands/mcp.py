"""`lambdatuning mcp`: runs and their answers for agents, by the Model Context Protocol on stdio.

Reading is free. Measuring is offered only where the server was started with a budget; each call
names its own share of it, and nothing starts that is estimated to cost more.
"""

import functools
import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import click

from ...core.address import is_s3
from ...core.errors import DeclinedError, LambdaTuningError, UsageError
from ...core.format import one_line
from ...core.progress import ignore
from ...core.validation import number, whole_number
from ...workspace.extras import require
from ..options import stack_option, store_option
from ..output import records
from ..session import Session, session_options

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from mcp.server.mcpserver.tools import Tool
    from mcp_types import ToolAnnotations

    from ...analysis.run import Run
    from ...cloud.session import Cloud

INSTRUCTIONS = """\
How much memory should an AWS Lambda function have, and what does it cost? Stored runs are read
without cost: list_runs, then answer, checks, compare and history. `sure` is a probability: below
0.8 say so and measure more. price says what a measurement would cost. Names of runs are ids,
"latest" or "latest 3". Data are those of the command line with --json, which `lambdatuning schema`
describes.
"""


@click.command()
@store_option
@stack_option
@click.option(
    "--max-usd",
    metavar="USD",
    help="Let agents measure, for so much in all; without it they can only read.",
)
@session_options
def mcp(session: Session, store: str, stack: str, max_usd: str | None) -> None:
    """Serve runs and their answers to an agent, by the Model Context Protocol on stdio."""
    require("mcp")
    budget = None if max_usd is None else number("--max-usd", max_usd, 0)
    with session.environment():
        _server(Tools(session, store, stack), budget).run()


@dataclass
class Tools:
    """What an agent may call; `left_usd` is what it may still spend."""

    session: Session
    store: str
    stack: str
    left_usd: float = 0.0
    clouds: "list[Cloud]" = field(default_factory=list)
    spending: threading.Lock = field(default_factory=threading.Lock)

    def list_runs(
        self,
        function: Annotated[str, "name or a part of it; without it those of all"] = "",
        limit: Annotated[int, "so many at most"] = 20,
    ) -> list[dict[str, Any]]:
        """The newest stored runs, the newest last: id, function, sizes, payload types, the size
        that it answered (power), its cost."""
        from ...api.runs import runs

        limit = whole_number("limit", limit)
        frame = runs(self.store, function=function, cloud=self._cloud_of_store()).frame
        listed: list[dict[str, Any]] = records(frame.tail(limit))
        return listed

    def answer(
        self,
        run: Annotated[str, "id of a run, or latest"] = "latest",
        strategy: Annotated[str, "value, cost, speed, balanced or knee"] = "",
    ) -> dict[str, Any]:
        """What memory to set, how sure that is and what it changes; recommendations for each
        payload type and strategy; what may mislead (checks)."""
        return self._data(self._run(run), strategy)

    def checks(
        self, run: Annotated[str, "id of a run, or latest"] = "latest"
    ) -> list[dict[str, Any]]:
        """What may mislead in a run: drift, throttling, failures, too few samples; with what to
        do about each."""
        from ...study import Study

        return [asdict(check) for check in Study(self._run(run)).checks()]

    def compare(
        self,
        before: Annotated[str, "id; with neither, the two newest runs of a function"] = "",
        after: Annotated[str, "id"] = "",
        function: Annotated[str, "with no run named: of this function"] = "",
        max_regression_percent: Annotated[float, "by which worse is no regression"] = 5.0,
        history: Annotated[
            str,
            'more runs, such as "latest 9": those of the code before teach how much runs of the '
            "same code differ, without which only large rises are told from it",
        ] = "",
    ) -> dict[str, Any]:
        """Whether a function got slower or more expensive from one run to another: verdict (fine,
        better, worse, or unknown: it cannot be told, and why), changes with 95 % intervals."""
        from ...api.compare import NEWEST, compare
        from .runs import comparison_data

        named = [name for name in (before, after) if name]
        if len(named) == 1:
            raise UsageError("name both runs, before and after, or neither")
        comparison = compare(
            *(named or [NEWEST]),
            store=self.store,
            function=function,
            history=history,
            max_regression=number("max_regression_percent", max_regression_percent, 0) / 100,
            cloud=self._cloud_of_store(),
        )
        return dict(comparison_data(comparison))

    def history(
        self,
        function: Annotated[str, "name or a part of it; without it the one measured last"] = "",
    ) -> dict[str, Any]:
        """Whether a function got slower or more expensive over all of its runs, since which run
        and by how much: verdict (fine, better, worse, unknown), changes, every run in a row."""
        from ...api.history import history

        return history(function, store=self.store, cloud=self._cloud_of_store()).to_json()

    def price(
        self,
        function: Annotated[str, "name or ARN"],
        payload: Annotated[str, "name of a payload type, or an event as JSON"] = "",
        powers: Annotated[str, "memory sizes in MB, with commas"] = "",
    ) -> dict[str, Any]:
        """What measuring a function would cost, and what should be known before; measures
        nothing."""
        from ...api.tuning import tune

        def stop(description: str, _: str) -> None:
            raise _PricedError(description)

        try:
            tune(self._cloud(), function, confirm=stop, **self._measured(payload, powers))
        except _PricedError as exc:
            return {"description": str(exc)}
        raise AssertionError("a run is confirmed before it starts")

    def measure(
        self,
        function: Annotated[str, "name or ARN"],
        max_usd: Annotated[float, "the most that this may cost, in US dollars"],
        payload: Annotated[str, "name of a payload type, or an event as JSON"] = "",
        powers: Annotated[str, "memory sizes in MB, with commas"] = "",
    ) -> dict[str, Any]:
        """Measure a function by really invoking it with the payload, many times, until the answer
        is sure or the budget is spent; store the run and return its answer. Invocations have
        their usual effects. Takes minutes."""
        from ...api.tuning import tune

        budget = number("max_usd", max_usd, 0)
        options = self._measured(payload, powers)
        with self.spending:
            if budget > self.left_usd:
                raise DeclinedError(
                    f"max_usd={budget:g} is more than the ${self.left_usd:g} that this server may "
                    "still spend; ask the user to start it with a larger --max-usd"
                )

            def start(*_: str) -> None:
                # What is not known to be cheaper has cost all of it.
                self.left_usd -= budget

            run = tune(
                self._cloud(),
                function,
                max_usd=budget,
                confirm=start,
                on_progress=ignore,
                **options,
            )
            if run.manifest.usd is not None:
                self.left_usd += budget - run.manifest.usd
        return self._data(run, "")

    def _measured(self, payload: str, powers: str) -> dict[str, Any]:
        return {
            "payload": [payload] if payload else [],
            "powers": powers or None,
            "stack": self.stack,
            "store": self.store,
        }

    def _run(self, name: str) -> "Run":
        from ...api.runs import load

        return load(self.store, name, cloud=self._cloud_of_store())

    def _data(self, run: "Run", strategy: str) -> dict[str, Any]:
        from .tuning import AnswerOptions, run_data

        options = AnswerOptions(self.store, strategy) if strategy else AnswerOptions(self.store)
        return dict(run_data(run, options))

    def _cloud(self) -> "Cloud":
        if not self.clouds:
            self.clouds.append(self.session.connect())
        return self.clouds[0]

    def _cloud_of_store(self) -> "Cloud | None":
        return self._cloud() if is_s3(self.store) else None


class _PricedError(Exception):
    """The description of a run that is not wanted yet."""


def _in_one_line(tool: Callable[..., Any]) -> Callable[..., Any]:
    """The tool; its errors are one line that says what to do."""
    from mcp.server.mcpserver.exceptions import ToolError

    from ...cloud.aws_errors import explain

    @functools.wraps(tool)
    def explained(**arguments: Any) -> Any:
        try:
            return tool(**arguments)
        except Exception as exc:
            cause = exc if isinstance(exc, LambdaTuningError) else explain(exc)
            raise ToolError(one_line(cause)) from exc

    return explained


def _tool(tool: Callable[..., Any], annotations: "ToolAnnotations") -> "Tool":
    """What the SDK offers to an agent: each argument with what it means, and no other ones, so
    that a misspelled one is not as good as none."""
    from mcp.server.mcpserver.tools import Tool

    offered = Tool.from_function(_in_one_line(tool), annotations=annotations)
    arguments = offered.fn_metadata.arg_model
    for name, hint in get_type_hints(tool, include_extras=True).items():
        if name in arguments.model_fields:
            arguments.model_fields[name].description = " ".join(getattr(hint, "__metadata__", ()))
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    offered.parameters = arguments.model_json_schema(by_alias=True)
    return offered


def _server(tools: Tools, budget: float | None) -> "MCPServer[Any]":
    from mcp.server import MCPServer
    from mcp_types import ToolAnnotations

    from ... import __version__

    logging.getLogger("mcp").setLevel(logging.WARNING)
    reading = ToolAnnotations(read_only_hint=True)
    offered = [
        _tool(tool, reading)
        for tool in (
            tools.list_runs, tools.answer, tools.checks, tools.compare, tools.history, tools.price,
        )
    ]  # fmt: skip
    if budget:
        tools.left_usd = budget
        measuring = ToolAnnotations(read_only_hint=False, destructive_hint=False)
        offered.append(_tool(tools.measure, measuring))
    server: MCPServer[Any] = MCPServer(
        "lambdatuning",
        instructions=INSTRUCTIONS,
        version=__version__,
        tools=offered,
        log_level="WARNING",
    )
    return server
