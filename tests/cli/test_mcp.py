"""`lambdatuning mcp`, spoken to over stdio as an agent does, by the SDK's own client."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import lambdatuning as lt
from lambdatuning.cli.commands.schema import output_schemas

from ..analysis.synthetic import KINDS, store_synthetic_run
from .conftest import ROOT, Shell, environment

if TYPE_CHECKING:
    from mcp.client import Client

READING = ["answer", "checks", "compare", "history", "list_runs", "price"]


class Agent:
    """A client whose calls block."""

    def __init__(self, portal: Any, client: "Client") -> None:
        self.portal, self.client = portal, client

    def tools(self) -> dict[str, Any]:
        return {tool.name: tool for tool in self.portal.call(self.client.list_tools).tools}

    def call(self, name: str, **given: Any) -> Any:
        """The data of a call; ValueError with the message of one that failed."""
        result = self.portal.call(self.client.call_tool, name, given)
        if result.is_error:
            raise ValueError(result.content[0].text)
        data = result.structured_content
        return data["result"] if data.keys() == {"result"} else data


@contextmanager
def serving(given: Mapping[str, str], *words: str) -> Iterator[Agent]:
    # Imported here, as it takes long and every process of a run in several collects this module.
    import anyio.from_thread
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "lambdatuning", "mcp", *words],
        env=environment(given),
        cwd=ROOT,
    )
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(stdio_client(server))) as client,
    ):
        yield Agent(portal, client)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two runs of the same code."""
    for seed in (1, 2):
        about = {"run_id": f"2026112{seed}T090500-aaaaaa"}
        store_synthetic_run(tmp_path, KINDS[-2:], (128, 512), seed=seed, about=about)
    return tmp_path


def test_an_agent_reads_runs_without_a_login(nobody: Shell, store: Path) -> None:
    with serving(nobody.given, "--store", str(store)) as agent:
        tools = agent.tools()
        assert sorted(tools) == READING
        assert all(tool.annotations.read_only_hint and tool.description for tool in tools.values())
        for tool in tools.values():
            assert not tool.input_schema["additionalProperties"]
            assert all(
                argument["description"] for argument in tool.input_schema["properties"].values()
            )
        listed = agent.call("list_runs")
        ids = [run["run_id"] for run in listed]
        assert ids == list(lt.runs(store).frame["run_id"])
        assert agent.call("list_runs", limit=1) == listed[1:]
        answer = agent.call("answer", run=ids[0], strategy="cost")
        assert answer["decision"]["memory_mb"] == lt.Study(
            lt.load(store, ids[0]), strategy="cost"
        ).decision.memory_mb  # fmt: skip
        assert {check["severity"] for check in agent.call("checks")} <= {"note", "warning"}
        compared = agent.call("compare", before=ids[0], after=ids[1])
        assert compared["verdict"]["kind"] == "fine"
        assert compared["verdict"]["baseline"] == [ids[0]]
        taught = agent.call("compare", before=ids[0], after=ids[1], history="all")
        assert taught["same_code"] == {"sd": 0.025, "degrees": 3.0}  # both runs are judged
        past = agent.call("history")
        jsonschema.validate(past, output_schemas()["history"])
        assert [run["run_id"] for run in past["runs"]] == ids
        assert past["verdict"]["kind"] == "unknown"  # two runs say nothing about their noise
        with pytest.raises(ValueError, match=r"no runs? of .*nope"):
            agent.call("history", function="nope")
        with pytest.raises(ValueError, match=rf"no run 2026x in .*{store.name}"):
            agent.call("answer", run="2026x")
        with pytest.raises(ValueError, match="name both runs"):
            agent.call("compare", before=ids[0])
        # The answer of another run than was meant would be worse than none.
        with pytest.raises(ValueError, match=r"run_id\n *Extra inputs are not permitted"):
            agent.call("answer", run_id=ids[0])
        with pytest.raises(ValueError, match="limit must be a whole number, 1 or more; not -5"):
            agent.call("list_runs", limit=-5)
        with pytest.raises(ValueError, match="nknown tool"):
            agent.call("measure", function="f", max_usd=1)
