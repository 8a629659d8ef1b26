"""What a deployed schedule measures every night: its client writes it, its function reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..pricing import price_book_of
from ..wire import camel, known_fields, read_record, write_record
from .estimate import (
    EarlierRuns,
    Estimate,
    Overhead,
    Tariff,
    Workload,
    estimate_adaptive,
    estimate_run,
)
from .payloads import PayloadType


@dataclass(frozen=True)
class NightlyRun:
    """The run of every night, and what its price is estimated from.

    `input` is the execution's, without what each night has of its own: run id, seed and the address
    of the payload types. `folder` is the function's in the paths of reports. `seeds` is how many
    items a payload type may use up, `key_names` are the keys of the table they are put into, () for
    payload types that need none. `price_book` is the text of one, "" for the packaged one.
    """

    function: str
    folder: str
    region: str
    architecture: str
    input: Mapping[str, Any]
    payloads: tuple[PayloadType, ...]
    workload: Workload
    earlier: EarlierRuns
    seeds: int
    key_names: tuple[str, ...] = ()
    price_book: str = ""

    @property
    def adaptive(self) -> bool:
        """Whether each step is chosen by what was measured before it."""
        return bool(self.input.get("exploration") == "adaptive")

    @property
    def table(self) -> str:
        """The table of seed items; "" where there is none."""
        return str(self.input.get("table") or "")

    def estimate(self) -> Estimate:
        """What one night is expected to cost, in the currency of its price book."""
        tariff = Tariff(price_book_of(self.price_book), self.region, self.architecture)
        grid = estimate_run(tariff, self.workload, self.earlier)
        if not self.adaptive:
            return grid
        num, strategy = int(self.input["num"]), str(self.input["strategy"])
        return estimate_adaptive(tariff, grid, num, strategy)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "NightlyRun":
        """The inverse of `to_json`."""
        own, _ = known_fields(cls, value)
        workload = read_record(Workload, own["workload"])
        return cls(
            **{
                **own,
                "payloads": tuple(map(PayloadType.from_json, own["payloads"])),
                "workload": replace(workload, sizes=tuple(workload.sizes)),
                "earlier": _earlier_from_json(own["earlier"]),
                "key_names": tuple(own["key_names"]),
            }
        )

    def to_json(self) -> dict[str, object]:
        """Plain values, for the file in the bucket."""
        plain = vars(self) | {
            "payloads": [payload.to_json() for payload in self.payloads],
            "workload": write_record(self.workload),
            "earlier": _earlier_to_json(self.earlier),
            "key_names": list(self.key_names),
        }
        return {camel(name): value for name, value in plain.items()}


def _earlier_to_json(earlier: EarlierRuns) -> dict[str, object]:
    """Keys of a JSON object are text, so that durations are lists with their keys in front."""
    return {
        "warmMs": [[*cell, ms] for cell, ms in sorted(earlier.warm_ms.items())],
        "coldMs": [[size, ms] for size, ms in sorted(earlier.cold_ms.items())],
        "overhead": write_record(earlier.overhead) if earlier.overhead else None,
    }


def _earlier_from_json(value: Mapping[str, Any]) -> EarlierRuns:
    return EarlierRuns(
        {(str(payload), int(size)): ms for payload, size, ms in value["warmMs"]},
        {int(size): ms for size, ms in value["coldMs"]},
        read_record(Overhead, value["overhead"]) if value["overhead"] else None,
    )
