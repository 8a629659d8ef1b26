"""Runs cases of the shared format, by area: `python -m tests.conformance FILE [AREA ...]`.

A file is a JSON list of `{"area", "name", "input", "expected": {"value" | "output" | "error"}}`.
What is compared: values and outputs exactly, floats to the last bit. Errors by their text, but by
presence alone in the areas `executor` and `end_to_end`, and wherever V8 or a library and not Power
Tuning worded them. Of `end_to_end`, `status`, `output` and the presence of an error; the trace of
states, the count of AWS calls and the sequence of memory sizes are upstream's internals, which our
tuner does not have. There, upstream's answer is expected also where our tuner corrects it (a failed
run that SUCCEEDED with {}; a crash that wins because its exception is allowed): the area checks
that the contract's rules give the same from the same tails, not what our state machine does.
"""

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from lambdatuning.core import sizes
from lambdatuning.core.power_tuning import rules
from lambdatuning.core.power_tuning.javascript import (
    UNDEFINED,
    json_text,
    to_number,
    to_string,
    truthy,
)
from lambdatuning.core.power_tuning.rules import visualization
from lambdatuning.core.power_tuning.visualization import decode_arrays
from lambdatuning.core.tuning.payloads import event_of, shares, weighted_mix
from tests import oracle
from tests.fakes import power_tuning as upstream
from tests.oracle.power_tuning_values import parse_json, region_of_arn

Case = Mapping[str, Any]

_SPECIAL = {
    "undefined": UNDEFINED,
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
    "-0": -0.0,
}
_WORDED_BY_OTHERS = re.compile(
    r"is not a function|is not iterable|Cannot (read|set) propert|Cannot convert|Unexpected |"
    r"Invalid array length|URI malformed|Invalid URL|must be of type|is not valid JSON|"
    r"in JSON at position|Invalid string. Length|should be a multiple of"
)
_UNCOMPARED_TEXTS = {"executor", "end_to_end"}


@dataclass(frozen=True)
class Outcome:
    """What came of a case; `problem` is "" if it passed."""

    area: str
    name: str
    problem: str = ""


def load(path: Path) -> list[Case]:
    """The cases of a file."""
    cases: list[Case] = json.loads(path.read_text("utf-8"))
    return cases


def check(case: Case) -> Outcome:
    """Run one case by the rules of its area."""
    area, name = case["area"], case["name"]
    if area not in AREAS:
        return Outcome(area, name, f"unknown area; known are: {', '.join(sorted(AREAS))}")
    try:
        actual = AREAS[area](_revive(case["input"]))
    except Exception as exc:  # input that no rule is made for fails there with a TypeError, too
        return Outcome(area, name, _compare_error(area, case["expected"], str(exc)))
    return Outcome(area, name, _compare(area, _revive(case["expected"]), actual))


def main(arguments: Sequence[str]) -> int:
    """Print each failure and the counts; 0 if all cases passed, 1 if not, 2 for wrong use."""
    if not arguments:
        print("usage: python -m tests.conformance FILE [AREA ...]", file=sys.stderr)
        return 2
    try:
        cases = load(Path(arguments[0]))
    except (OSError, ValueError) as exc:
        print(f"cannot read {arguments[0]}: {exc}", file=sys.stderr)
        return 2
    selected = [case for case in cases if not arguments[1:] or case["area"] in arguments[1:]]
    outcomes = [check(case) for case in selected]
    for outcome in outcomes:
        if outcome.problem:
            print(f"FAILED {outcome.area} {outcome.name}: {outcome.problem}")
    for area, count in sorted(Counter(outcome.area for outcome in outcomes).items()):
        print(f"{area}: {count}{_by(area)}")
    failed = sum(1 for outcome in outcomes if outcome.problem)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _by(area: str) -> str:
    if area in ORACLE:
        return " (by the tests' oracle)"
    return " (by the product's rules in upstream's order of calls)" if area in RULES else ""


def same(expected: Any, actual: Any) -> bool:
    """Equality that tells NaN from a number, treats 1 and 1.0 alike and undefined as None."""
    if expected is None or expected is UNDEFINED or actual is None or actual is UNDEFINED:
        return expected in (None, UNDEFINED) and actual in (None, UNDEFINED)
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        # As doubles: JavaScript writes 2e18 without an exponent, which Python reads as an integer.
        one, other = float(expected), float(actual)
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(expected, list) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(
            same(expected[k], actual[k]) for k in expected
        )
    return type(expected) is type(actual) and bool(expected == actual)


def _compare(area: str, expected: Mapping[str, Any], actual: Any) -> str:
    if "error" in expected:
        return f"expected the error {expected['error']!r}, got {actual!r}"
    value = expected.get("value", expected.get("output"))
    if area == "end_to_end":
        value, actual = _essence(value), _essence(actual)
    if area == "payload_convert":
        value, actual = _event(value), _event(actual)
    if area == "payloads" and isinstance(value, list) and isinstance(actual, list):
        value, actual = _blocks(value), _blocks(actual)
    return "" if same(value, actual) else f"expected {value!r}, got {actual!r}"


def _compare_error(area: str, expected: Mapping[str, Any], text: str) -> str:
    if "error" not in expected:
        return f"expected {expected}, got the error {text!r}"
    message = expected["error"]
    incidental = area in _UNCOMPARED_TEXTS or expected.get("errorClass") == "incidental"
    if incidental or _WORDED_BY_OTHERS.search(message) or message == text:
        return ""
    return f"expected the error {message!r}, got {text!r}"


def _event(text: Any) -> Any:
    """What a function receives: we write the JSON of an event again, upstream some as they came."""
    try:
        return parse_json(text)
    except (TypeError, ValueError):
        return text


def _blocks(counted: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Events with their counts; equal ones that follow each other are one block."""
    blocks: list[list[Any]] = []
    for text, count in counted:
        event = _event(text)
        if blocks and same(blocks[-1][0], event):
            blocks[-1][1] += count
        else:
            blocks.append([event, count])
    return blocks


def _essence(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": result["status"],
        "output": result.get("output"),
        "failed": "error" in result,
    }


def _revive(value: Any) -> Any:
    """Values that JSON lacks; a member that is undefined is as good as absent."""
    if isinstance(value, dict):
        if set(value) == {"$special"}:
            return _SPECIAL[value["$special"]]
        revived = {key: _revive(entry) for key, entry in value.items()}
        return {key: entry for key, entry in revived.items() if entry is not UNDEFINED}
    return [_revive(entry) for entry in value] if isinstance(value, list) else value


def _region(given: Case) -> str:
    region: str = given.get("env", {}).get("AWS_REGION", "us-east-1")
    return region


def _visualization_url(given: Case) -> str:
    stats = [
        {
            "value": point.get("power", UNDEFINED),
            "averageDuration": point.get("duration", UNDEFINED),
            "averagePrice": point.get("cost", UNDEFINED),
        }
        for point in given["stats"]
    ]
    return visualization(
        stats, region=_region(given), base_url=to_string(given.get("baseURL", UNDEFINED))
    )


def _visualization_decode(given: Case) -> dict[str, Any]:
    parts = given["hash"].split(";")
    return dict(zip(("powers", "times", "costs"), decode_arrays(parts[:3]), strict=True))


def _log_totals(given: Case) -> dict[str, Any]:
    durations, billed = oracle.tail_totals(given["logs"])
    return {"durations": durations, "billed": billed}


def _is_plain(payload: Any) -> bool:
    """Whether our contract takes a payload: what it refuses by name (weights that are no numbers
    above 0 or too large, items that are no objects) upstream turns into faults of its own, which
    the oracle has.
    """
    if not isinstance(payload, list):
        return payload is not UNDEFINED
    weights: list[Any] = [
        item.get("weight", 1) if isinstance(item, dict) else None for item in payload
    ]
    numbers = all(_is_number(weight) and weight > 0 for weight in weights)
    return numbers and math.isfinite(sum(weights))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _payloads(given: Case) -> list[Any]:
    num, payload = given.get("num", UNDEFINED), given.get("payload", UNDEFINED)
    if not _is_plain(payload) or not _is_number(num) or num < 1 or num % 1:
        texts = oracle.generate_payloads(num, payload)
        return [[text, len(list(group))] for text, group in groupby(texts)]
    mix = weighted_mix(payload)
    counts = shares([entry.weight for entry in mix], num) if mix else (num,)
    events = [entry.event for entry in mix] or [event_of(payload)]
    return [[json_text(event), count] for event, count in zip(events, counts, strict=True)]


def _is_weighted(given: Case) -> bool:
    payload = given.get("payload", UNDEFINED)
    return bool(weighted_mix(payload)) if _is_plain(payload) else oracle.is_weighted(payload)


def _converted(given: Case) -> Any:
    payload = given.get("payload", UNDEFINED)
    return payload if payload is UNDEFINED else json_text(event_of(payload))


def _s3_payload(given: Case) -> dict[str, Any]:
    fetched = upstream.fetch_payload(given.get("path", UNDEFINED), given.get("s3", {}))
    return dict(zip(("bucket", "key", "value"), fetched, strict=True))


AREAS: Mapping[str, Callable[[Any], Any]] = {
    "average": lambda given: rules.average_duration(
        given.get("durations"), to_number(given.get("discardTopBottom", UNDEFINED))
    ),
    "price": lambda given: rules.price(
        given["minCost"],
        given.get("value", UNDEFINED),
        given.get("duration", UNDEFINED),
        to_number(given["minRAM"]),
    ),
    "total_cost": lambda given: rules.total_cost(
        given["minCost"], given["value"], given.get("durations"), to_number(given["minRAM"])
    ),
    "sf_cost": lambda given: rules.step_functions_cost(
        to_number(given["nPower"]),
        region=_region(given),
        only_cold_starts=truthy(given.get("onlyColdStarts")),
        num=given.get("num", UNDEFINED),
    ),
    "lambda_base_cost": lambda given: rules.lambda_base_cost(
        given.get("region", UNDEFINED), given.get("architecture", UNDEFINED)
    ),
    "visualization_url": _visualization_url,
    "visualization_decode": _visualization_decode,
    "analyzer": lambda given: upstream.analyse(given["event"], given.get("env", {})),
    "log_duration": lambda given: oracle.extract_duration(
        given["log"], given.get("type") or "durationMs"
    ),
    "log_totals": _log_totals,
    "payloads": _payloads,
    "payload_is_weighted": _is_weighted,
    "payload_convert": _converted,
    "arn_region": lambda given: region_of_arn(given.get("arn", UNDEFINED)),
    "s3_payload": _s3_payload,
    "all_power_values": lambda _: sizes.parse_sizes("ALL"),
    "executor": lambda given: upstream.run_size(given["event"], upstream.FakeAws(given["aws"])),
    "end_to_end": lambda given: upstream.run(
        given["event"], upstream.FakeAws(given["aws"]), given.get("env", {})
    ),
}
"""What runs the input of a case, by area."""

ORACLE = ("log_duration", "log_totals")
"""Areas of upstream's own faults in reading logs, which no path of the product has: the oracle in
the tests answers them."""

RULES = ("executor", "end_to_end")
"""Areas in which upstream's order of calls is a fake's, and every number the product's rules'."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
