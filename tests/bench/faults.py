"""Kill points and denied actions: does the function end as it was? One JSON line last.

A run is cut off at every call of the tuner's functions and of the client, and each action of AWS
that a run needs is denied in turn by a service control policy; each must leave the function as it
was, by itself or by the one command that is named, and a denial must end in one line. `python -m
tests.bench.faults --kills 8 --denials 4` takes a sample, `--minutes 20` ends in time.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lambdatuning as lt
from lambdatuning.api.runs import load_runs
from lambdatuning.cloud.session import connect
from lambdatuning.local import endpoint
from tests.aws.account import Account

DENIED = (
    "lambda:GetFunctionConfiguration", "lambda:GetFunction", "lambda:GetFunctionConcurrency",
    "lambda:GetAccountSettings", "lambda:GetAlias", "lambda:CreateAlias", "lambda:UpdateAlias",
    "lambda:DeleteAlias", "lambda:PublishVersion", "lambda:UpdateFunctionConfiguration",
    "lambda:ListVersionsByFunction", "lambda:DeleteFunction", "lambda:InvokeFunction",
    "logs:FilterLogEvents", "s3:GetObject", "s3:PutObject", "s3:ListBucket",
    "states:StartExecution", "states:DescribeExecution", "states:DescribeStateMachine",
    "states:StopExecution", "cloudformation:DescribeStacks",
)  # fmt: skip
"""Every action that a run needs, of the client and of the tuner."""

CLEANING = {
    "lambda:DeleteAlias", "lambda:DeleteFunction", "lambda:UpdateFunctionConfiguration",
    "lambda:GetAlias", "lambda:UpdateAlias", "lambda:ListVersionsByFunction",
    "lambda:GetFunctionConfiguration",
}  # fmt: skip
"""Without these nobody can clean: the function is as it was once `clean` ran with them."""

KILLED = (("TunerControl", 40), ("TunerMeasure", 12))
"""Functions that are killed, and at how many of their calls."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
MOMENTS_S = (0.5, 1.5, 2.5, 4.0)
"""After so many seconds of a run the client is killed."""

_PATIENCE_S = 420
"""Longer than the state machine tries a step that is denied again and again."""

SHORT = ("--powers", "256,512", "--num", "2", "--environments", "2", "--explore", "grid")
ADAPTIVE = ("--powers", "256,512,1024", "--environments", "2", "--explore", "adaptive")


@dataclass
class Tally:
    """What was seen."""

    kill_points: int = 0
    restored: int = 0
    denied_actions: int = 0
    clean_after_denial: int = 0
    exposed_ms: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    until_s: float = float("inf")

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() > self.until_s

    def line(self) -> dict[str, Any]:
        """The JSON line."""
        exposed = round(statistics.median(self.exposed_ms), 1) if self.exposed_ms else None
        return {
            "kill_points": self.kill_points,
            "restored": self.restored,
            "denied_actions": self.denied_actions,
            "clean_after_denial": self.clean_after_denial,
            "exposed_ms_median": exposed,
        }


@dataclass(frozen=True)
class Stand:
    """The account, the function that is tuned, and how it looked before."""

    account: Account
    function: str
    environment: dict[str, str]
    store: Path
    before: dict[str, Any]

    def tune(self, *words: str) -> "subprocess.Popen[str]":
        """The command, by somebody with the policy of `tune`."""
        command = [sys.executable, "-m", "lambdatuning", "tune", self.function, "--yes", "--quiet"]
        return subprocess.Popen(
            [
                *command,
                "--payload",
                str(self.store / "ping.json"),
                "--store",
                str(self.store),
                *words,
            ],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def restored(self) -> bool:
        """Whether the function is as it was, by itself."""
        self.account.switch()
        self.account.rests()
        return self.account.looks(self.function) == self.before

    def cleaned(self) -> bool:
        """Whether it is once `clean` ran, the one command that messages name; tried again while
        a run that still holds it comes to rest."""
        command = [sys.executable, "-m", "lambdatuning", "clean", self.function, "--yes"]
        subprocess.run(command, env=self.environment, capture_output=True, check=False)
        return self.account.looks(self.function) == self.before


def kills(stand: Stand, most: int, tally: Tally) -> None:
    """Kill each function of the tuner at each of its calls, and the client at moments of a run."""
    for name, kill in _chosen(list(_kill_points()), most):
        if tally.over or not _killed(stand, name, kill):
            continue  # a run has no such call
        print(f"  {name}", file=sys.stderr, flush=True)
        tally.kill_points += 1
        if stand.restored():
            tally.restored += 1
            continue
        left = stand.account.looks(stand.function)
        again = "cleaned" if stand.cleaned() else "NOT EVEN CLEANED"
        tally.wrong.append(f"{name}: {left} ({again})")
        print(f"not restored: {tally.wrong[-1]}", flush=True)


def _killed(stand: Stand, name: str, kill: Any) -> bool:
    """Whether the run met its kill point."""
    if isinstance(kill, dict):
        stand.account.switch(kill=kill)
        words = ADAPTIVE if "adaptive" in name else SHORT
        _ended(stand.tune(*words))
        return bool(stand.account.killed)
    number, moment_s, words = kill
    process = stand.tune(*words)
    time.sleep(moment_s)
    process.send_signal(number)
    _ended(process)
    return process.returncode != 0


def _ended(process: "subprocess.Popen[str]") -> str:
    """What it complained of; a command that does not end is killed and complains of that."""
    try:
        return process.communicate(timeout=_PATIENCE_S)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        return f"{process.communicate()[1]}Traceback: not over after {_PATIENCE_S} s"


def _kill_points() -> Iterator[tuple[str, Any]]:
    for function, calls in KILLED:
        for call in range(1, calls + 1):
            yield f"{function} call {call}", {"function": function, "call": call}
    for call in range(8, 24, 4):
        yield f"adaptive TunerControl call {call}", {"function": "TunerControl", "call": call}
    for number in SIGNALS:
        for moment_s in MOMENTS_S:
            words = ADAPTIVE if moment_s == MOMENTS_S[-1] else SHORT
            yield f"{number.name} after {moment_s} s", (number, moment_s, words)


def denials(stand: Stand, most: int, tally: Tally) -> None:
    """Deny each action in turn: one line, and a function as it was."""
    for action in _chosen(DENIED, most):
        if tally.over:
            return
        print(f"  {action} is denied", file=sys.stderr, flush=True)
        tally.denied_actions += 1
        stand.account.switch(iam=True, deny=[action])
        process = stand.tune(*SHORT)
        err = _ended(process)
        complaints = [line for line in err.splitlines() if line.startswith("lambdatuning: ")]
        one_line = process.returncode == 0 or (len(complaints) >= 1 and "Traceback" not in err)
        clean = stand.restored() or (action in CLEANING and stand.cleaned())
        if one_line and clean:
            tally.clean_after_denial += 1
        else:
            stand.cleaned()
            tally.wrong.append(f"{action}: exit {process.returncode}, {err.strip()[-300:]}")
            print(f"denied: {tally.wrong[-1]}", flush=True)


def exposures(stand: Stand, runs: int, tally: Tally) -> None:
    """How long callers of `$LATEST` could meet another size, as the manifests say."""
    if not runs:
        return
    stand.account.switch(update_s=0.5)
    for _ in range(runs):
        _ended(stand.tune(*SHORT))
    stand.account.switch()
    for run in load_runs(stand.store, "all"):
        exposed = getattr(run.manifest, "exposed_ms", None)
        if exposed is not None:
            tally.exposed_ms.append(float(exposed))


def _chosen(points: Sequence[Any], most: int) -> Sequence[Any]:
    """All, or so many spread over them."""
    if not most or most >= len(points):
        return points
    if most < 0:
        return ()
    return [points[round(n * (len(points) - 1) / max(1, most - 1))] for n in range(most)]


def run(
    kill_points: int = 0, denied: int = 0, exposed: int = 3, minutes: float = float("inf")
) -> Tally:
    """The bench, or a sample of so many points (0 for all, -1 for none)."""
    tally = Tally(until_s=time.monotonic() + 60 * minutes)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        switches = folder / "switches.json"
        switches.write_text("{}")
        (folder / "ping.json").write_text('{"operation": "ping"}')
        with endpoint.start(strict=switches) as running:
            os.environ.update(running.environment)
            account = Account(connect(), switches, running.url)
            outputs = lt.deploy(account.owner)
            function = outputs["FunctionName"]
            environment = {**os.environ, **account.keys("tune", "clean")}
            before = account.looks(function)
            stand = Stand(account, function, environment, folder, before)
            exposures(stand, exposed, tally)
            denials(stand, denied, tally)
            kills(stand, kill_points, tally)
    return tally


def main() -> int:
    """Run it all, or the sample asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--denials", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--limiter", default="auto", help="taken, as by every bench")
    options = parser.parse_args()
    tally = run(options.kills, options.denials, minutes=options.minutes)
    for line in tally.wrong:
        print(line)
    print(json.dumps(tally.line()))
    whole = tally.restored == tally.kill_points
    return 0 if whole and tally.clean_after_denial == tally.denied_actions else 1


if __name__ == "__main__":
    sys.exit(main())
