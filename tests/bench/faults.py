"""Kill points and denied actions: does the function end as it was? One JSON line last.

A run is cut off at every call of the tuner's functions and all along by signals to the client,
once or twice, and each action of AWS that a run needs is denied in turn by a service control
policy. Each must leave the function as it was, by itself or by the one command that is named, and a
denial must end in one line. `python -m tests.bench.faults --kills 8 --denials 4` takes a sample,
`--minutes 10` ends in time.
"""

import argparse
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.exceptions import BotoCoreError, ClientError

import lambdatuning as lt
from lambdatuning.api.runs import load_runs
from lambdatuning.cli.app import main as run_command
from lambdatuning.cloud.session import Cloud, connect
from lambdatuning.core.errors import LambdaTuningError
from lambdatuning.core.progress import ignore
from lambdatuning.local import endpoint
from tests.aws.account import Account

DENIED = (
    "lambda:GetFunctionConfiguration", "lambda:GetFunction", "lambda:GetFunctionConcurrency",
    "lambda:GetAccountSettings", "lambda:GetAlias", "lambda:CreateAlias", "lambda:UpdateAlias",
    "lambda:DeleteAlias", "lambda:PublishVersion", "lambda:UpdateFunctionConfiguration",
    "lambda:ListVersionsByFunction", "lambda:DeleteFunction", "lambda:InvokeFunction",
    "lambda:GetPolicy", "lambda:ListEventSourceMappings", "lambda:GetFunctionRecursionConfig",
    "logs:FilterLogEvents", "s3:GetObject", "s3:PutObject", "s3:ListBucket",
    "states:StartExecution", "states:DescribeExecution", "states:DescribeStateMachine",
    "states:StopExecution", "states:GetExecutionHistory", "cloudformation:DescribeStacks",
)  # fmt: skip
"""Every action that a run needs or asks for, of the client and of the tuner."""

CLEANING = {
    "lambda:DeleteAlias", "lambda:DeleteFunction", "lambda:UpdateFunctionConfiguration",
    "lambda:GetAlias", "lambda:UpdateAlias", "lambda:ListVersionsByFunction",
    "lambda:GetFunctionConfiguration", "lambda:InvokeFunction",
}  # fmt: skip
"""Without these the tuner cannot clean: the function is as it was once `clean` ran with them."""

KILLED = (("TunerControl", 40), ("TunerMeasure", 12))
"""Functions that are killed, and at how many of their calls."""
ADAPTIVE_CALLS = range(8, 24, 4)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
MOMENTS = (0.2, 0.4, 0.6, 0.8, 0.95)
"""After these shares of a whole run the client gets a signal."""
TWICE_S = (0.05, 0.3, 1.0)
"""So long after the first Ctrl-C comes the second."""

_PATIENCE_S = 420
_WAIT_SCALE = 0.05
"""Between its tries of what is denied the state machine waits a twentieth of what it waits on AWS,
which is minutes in all."""

SHORT: dict[str, Any] = {
    "powers": "256,512",
    "current": False,
    "num": 2,
    "environments": 2,
    "explore": "grid",
}
ADAPTIVE: dict[str, Any] = {
    "powers": "256,512,1024",
    "current": False,
    "environments": 2,
    "explore": "adaptive",
}


@dataclass
class Tally:
    """Counts of what was tried and of what went well; every failure in words."""

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
    """The account, the function that is tuned, its user, and how it looked before."""

    account: Account
    function: str
    keys: dict[str, str]
    user: Cloud
    store: Path
    before: dict[str, Any]

    @classmethod
    def in_account(cls, account: Account, store: Path) -> "Stand":
        """The account's small function, and somebody who may tune it."""
        _, function = account.deployed()
        (store / "ping.json").write_text('{"operation": "ping"}')
        keys = account.keys("tune", "clean")
        before = account.looks(function)
        return cls(account, function, keys, account.by(keys), store, before)

    def switch(self, **switches: Any) -> None:
        """The account is strict in these ways and no other."""
        self.account.switch(wait_scale=_WAIT_SCALE, **switches)

    def tune(self, **options: Any) -> None:
        """A run from here; how it ends is looked at on the function."""
        payload = json.loads((self.store / "ping.json").read_text())
        with suppress(LambdaTuningError, ClientError, BotoCoreError):
            lt.tune(
                self.user, self.function, payload, store=self.store, on_progress=ignore, **options
            )

    def words(self, **options: Any) -> list[str]:
        """The words of the command."""
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        payload = str(self.store / "ping.json")
        command = ["tune", self.function, "--yes", "--quiet", "--payload", payload, *words]
        return [*command, "--store", str(self.store)]

    def command(self, **options: Any) -> "subprocess.Popen[str]":
        """The command, by somebody with the policy of `tune`."""
        return subprocess.Popen(
            [sys.executable, "-m", "lambdatuning", *self.words(**options)],
            env={**os.environ, **self.keys},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, **options: Any) -> tuple[int, str]:
        """Exit code and standard error of the command, which no signal disturbs: run here, where
        all that it imports is imported already."""
        return self.undisturbed(self.words(**options))

    def undisturbed(self, words: Sequence[str]) -> tuple[int, str]:
        """Exit code and standard error of `lambdatuning WORDS` by somebody who may tune."""
        err = io.StringIO()
        with (
            patch.dict(os.environ, self.keys),
            redirect_stdout(io.StringIO()),
            redirect_stderr(err),
        ):
            code = run_command(words)
        return code, err.getvalue()

    def restored(self) -> bool:
        """Whether the function is as it was, by itself."""
        self.switch()
        self.account.rests()
        return self.account.looks(self.function) == self.before

    def cleaned(self) -> bool:
        """Whether it is once `clean` ran, the one command that messages name."""
        self.undisturbed(["clean", self.function, "--yes"])
        return self.account.looks(self.function) == self.before


# Kill points: a function of the tuner dies at one of its calls, or the client gets a signal.


@dataclass(frozen=True)
class Death:
    """The environment of a function of the tuner dies with one of its calls."""

    function: str
    call: int
    options: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.options['explore']} {self.function} call {self.call}"

    def met(self, stand: Stand) -> bool:
        """Whether a run has such a call: it died there."""
        stand.switch(kill={"function": self.function, "call": self.call})
        stand.tune(**self.options)
        return bool(stand.account.killed)


@dataclass(frozen=True)
class Signalled:
    """The client gets a signal after a share of a run, and perhaps another one soon after."""

    number: signal.Signals
    share: float
    run_s: float
    options: dict[str, Any]
    again_s: float = 0.0

    def __str__(self) -> str:
        twice = f" and again {self.again_s:g} s later" if self.again_s else ""
        return f"{self.options['explore']} client {self.number.name} at {self.share:.0%}{twice}"

    def met(self, stand: Stand) -> bool:
        """Whether the client did not end before."""
        stand.switch()
        process = stand.command(**self.options)
        time.sleep(self.share * self.run_s)
        process.send_signal(self.number)
        if self.again_s:
            time.sleep(self.again_s)
            process.send_signal(self.number)
        _ended(process)
        return process.returncode != 0


Point = Death | Signalled


def kills(stand: Stand, most: int, tally: Tally) -> None:
    """Kill each function of the tuner at each of its calls, and the client all along a run."""
    if most < 0:
        return
    beyond: dict[str, int] = {}
    for point in _sample(list(_kill_points(_whole_run_s(stand))), most):
        if tally.over or (isinstance(point, Death) and point.call > beyond.get(_calls(point), 999)):
            continue
        if not point.met(stand):
            if isinstance(point, Death):
                beyond[_calls(point)] = point.call  # a run has no such call
            continue
        tally.kill_points += 1
        print(f"  {point}", file=sys.stderr, flush=True)
        if stand.restored() or (isinstance(point, Signalled) and point.again_s and stand.cleaned()):
            tally.restored += 1
            continue
        state = stand.account.looks(stand.function)
        again = "cleaned" if stand.cleaned() else "NOT EVEN CLEANED"
        tally.wrong.append(f"{point}: {state} ({again})")
        print(f"not restored: {tally.wrong[-1]}", flush=True)


def _calls(point: Death) -> str:
    return f"{point.options['explore']} {point.function}"


def _whole_run_s(stand: Stand) -> float:
    """How long the command takes when nobody disturbs it."""
    stand.switch()
    started_s = time.monotonic()
    _ended(stand.command(**SHORT))
    return time.monotonic() - started_s


def _kill_points(run_s: float) -> Iterator[Point]:
    for function, calls in KILLED:
        for call in range(1, calls + 1):
            yield Death(function, call, SHORT)
    for call in ADAPTIVE_CALLS:
        yield Death("TunerControl", call, ADAPTIVE)
    for number in SIGNALS:
        for share in MOMENTS:
            yield Signalled(number, share, run_s, ADAPTIVE if share == MOMENTS[2] else SHORT)
    for again_s in TWICE_S:
        yield Signalled(signal.SIGINT, 0.6, run_s, SHORT, again_s)


def _ended(process: "subprocess.Popen[str]") -> str:
    """Its standard error; a command that does not end in time is killed, which is added."""
    try:
        return process.communicate(timeout=_PATIENCE_S)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        return f"{process.communicate()[1]}Traceback: not over after {_PATIENCE_S} s"


def denials(stand: Stand, most: int, tally: Tally) -> None:
    """Deny each action in turn: one line, and a function as it was."""
    for action in _sample(DENIED, most):
        if tally.over:
            return
        print(f"  {action} is denied", file=sys.stderr, flush=True)
        tally.denied_actions += 1
        stand.switch(iam=True, deny=[action])
        code, err = stand.ended(**SHORT)
        complaints = [line for line in err.splitlines() if line.startswith("lambdatuning: ")]
        one_line = code == 0 or (len(complaints) >= 1 and "Traceback" not in err)
        clean = stand.restored() or (action in CLEANING and stand.cleaned())
        if one_line and clean:
            tally.clean_after_denial += 1
        else:
            stand.cleaned()
            tally.wrong.append(f"{action}: exit {code}, {err.strip()[-300:]}")
            print(f"denied: {tally.wrong[-1]}", flush=True)


def exposures(stand: Stand, runs: int, tally: Tally) -> None:
    """How long callers of `$LATEST` could meet another size, as the manifests say, where updates
    take as long as on AWS."""
    if not runs:
        return
    stand.account.switch(update_s=5, logs_s=12)
    for _ in range(runs):
        stand.tune(**SHORT)
    for run in load_runs(stand.store, "all"):
        exposed = getattr(run.manifest, "exposed_ms", None)
        if exposed is not None:
            tally.exposed_ms.append(float(exposed))


def _sample(points: Sequence[Any], most: int) -> Sequence[Any]:
    """All, or so many spread over them."""
    if not most or most >= len(points):
        return points
    if most < 0:
        return ()
    return [points[round(n * (len(points) - 1) / max(1, most - 1))] for n in range(most)]


def run(
    account: Account,
    *,
    kill_points: int = 0,
    denied: int = 0,
    exposed: int = 3,
    minutes: float = float("inf"),
) -> Tally:
    """The bench, or a sample of so many points (0 for all, -1 for none)."""
    tally = Tally(until_s=time.monotonic() + 60 * minutes)
    with tempfile.TemporaryDirectory() as place:
        stand = Stand.in_account(account, Path(place))
        exposures(stand, exposed, tally)
        denials(stand, denied, tally)
        kills(stand, kill_points, tally)
        account.switch()
    return tally


@contextmanager
def own_account() -> Iterator[Account]:
    """An embedded AWS for the bench alone."""
    with tempfile.TemporaryDirectory() as place:
        switches = Path(place) / "switches.json"
        switches.write_text("{}")
        with endpoint.start(strict=switches) as running:
            os.environ.update(running.environment)
            yield Account(connect(), switches, running.url)


def main() -> int:
    """Run it all, or the sample asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--denials", type=int, default=0)
    parser.add_argument("--exposed", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--limiter", default="auto", help="taken, as by every bench")
    options = parser.parse_args()
    with own_account() as account:
        tally = run(
            account,
            kill_points=options.kills,
            denied=options.denials,
            exposed=options.exposed,
            minutes=options.minutes,
        )
    for line in tally.wrong:
        print(line)
    print(json.dumps(tally.line()))
    whole = tally.restored == tally.kill_points
    return 0 if whole and tally.clean_after_denial == tally.denied_actions else 1


if __name__ == "__main__":
    sys.exit(main())
