"""The plan of one tuning run, written to the bucket once and read by every step."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .payloads import PayloadType, payload_type
from .plan import Invocation, schedule, seed_number

PLAN_NAME = "_plan.json"
MANIFEST_NAME = "_manifest.json"
"""Names begin with "_", so that Athena, DuckDB and Spark pass them over beside the samples."""

SCHEMA = 1


@dataclass(frozen=True)
class Target:
    """The function under test, as it was before the run touched it."""

    arn: str
    name: str
    region: str
    architecture: str
    runtime: str
    memory_mb: int
    timeout_s: int
    code_sha256: str
    log_group: str
    log_format: str = "Text"
    ephemeral_mb: int = 512


@dataclass(frozen=True)
class RunPlan:
    """Everything that measuring needs to know; `counts` are invocations a size, by payload type."""

    run_id: str
    execution: str
    target: Target
    sizes: tuple[int, ...]
    payloads: tuple[PayloadType, ...]
    counts: tuple[int, ...]
    environments: int
    seed: int
    table: str
    warm: bool
    sleep_ms: int
    pre_processor: str | None
    post_processor: str | None

    def chains(self, memory_mb: int) -> tuple[tuple[Invocation, ...], ...]:
        """The chains of invocations of one size, one for each execution environment."""
        return schedule(
            self.counts, self.environments, size_index=self.sizes.index(memory_mb), seed=self.seed
        )

    def number(self, invocation: Invocation) -> int:
        """The `{{n}}` that an invocation's placeholders see."""
        count = self.counts[invocation.payload]
        return seed_number(invocation, count, len(self.sizes), self.environments)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return asdict(self) | {"payloads": [payload.to_json() for payload in self.payloads]}


def plan_from_json(value: Mapping[str, Any]) -> RunPlan:
    """The inverse of `RunPlan.to_json`."""
    return RunPlan(
        **{
            **value,
            "target": Target(**value["target"]),
            "sizes": tuple(value["sizes"]),
            "counts": tuple(value["counts"]),
            "payloads": tuple(payload_type(entry) for entry in value["payloads"]),
        }
    )


def run_prefix(function: str, run_id: str) -> str:
    """The Hive-style folder of a run within a store."""
    return f"function={function}/run={run_id}/"
