"""The small rules of the embedded AWS, one by one, without a server."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.local import (
    admission,
    faults,
)
from lambdatuning.local.admission import Admission, CoreClaim
from lambdatuning.local.function import Facts
from lambdatuning.local.invoker import Ledger
from lambdatuning.local.logs import platform
from lambdatuning.local.logs.platform import ReportLine
from lambdatuning.local.runtime import command
from lambdatuning.local.runtime.environment import passed_s, settle
from lambdatuning.local.runtime.http_messages import RequestReader
from lambdatuning.local.runtime.mounts import Places
from lambdatuning.local.services import ministack
from tests.local import inside
from tests.test_imports import imported
from tests.waiting import until

AT = datetime(2026, 1, 31, 12, 0, 0, 123_456, UTC)


def test_the_seam_is_where_we_expect_it() -> None:
    """Fails when ministack moves what we touch: see what became of it, then pin the new version."""
    from importlib.metadata import version

    assert version("ministack") == ministack.PINNED_VERSION
    for names_by_module in (ministack.PRIVATE, ministack.PUBLIC):
        for module, names in names_by_module.items():
            contents = vars(import_module(f"ministack.{module}"))
            for name, parameters in names.items():
                assert name in contents, f"{module}.{name}"
                if parameters is not None:
                    taken = tuple(signature(contents[name]).parameters)
                    assert taken[: len(parameters)] == parameters, f"{module}.{name}"


def test_the_seam_is_narrow_and_in_one_file() -> None:
    private = {name for names in ministack.PRIVATE.values() for name in names}
    package = Path(ministack.__file__).parents[1]
    importers = [
        path.name
        for path in package.rglob("*.py")
        if any(
            name.partition(".")[0] == "ministack"
            for name in imported(path.read_text("utf-8"), ("lambdatuning",))
        )
    ]

    assert len(private) == 23
    assert all(name.startswith("_") for name in private)
    assert importers == []
    # By its name alone, in one place.
    naming = [p.name for p in package.rglob("*.py") if 'f"ministack.' in p.read_text("utf-8")]
    assert naming == ["ministack.py"]
    with pytest.raises(AttributeError, match="not in the seam"):
        ministack.part("services.lambda_svc", "_layer_arn")


def test_memory_buys_cpu_in_proportion() -> None:
    assert admission.enforced_share(1769, 2) == 1.0
    assert admission.enforced_share(128, 2) == pytest.approx(0.0724, abs=1e-4)
    assert admission.enforced_share(10_240, cores=2) == 2.0


@given(
    took_s=st.floats(0, 20),
    cpu_s=st.floats(0, 20),
    waited_s=st.floats(-1, 20),
    share=st.floats(0.07, 6),
)
def test_strict_durations_owe_their_cpu_and_never_hide_time(
    took_s: float, cpu_s: float, waited_s: float, share: float
) -> None:
    settled = settle(took_s, cpu_s, waited_s, share, limit_s=15)

    assert settled.duration_s == min(15, max(took_s, cpu_s / share))
    assert 0 <= settled.held_s <= settled.duration_s
    assert 0 <= settled.stolen_s <= max(0, waited_s)
    # Without what was stolen it would still have taken the time that its CPU owes.
    assert took_s - settled.stolen_s >= min(took_s, cpu_s / share) - 1e-9


def test_a_period_settled_duration_is_the_time_it_took() -> None:
    settled = settle(0.01, 0.01, 0.002, None, limit_s=15)

    assert (settled.duration_s, settled.held_s, settled.stolen_s) == (0.01, 0.0, 0.002)


@given(st.lists(st.floats(0, 900), min_size=4, max_size=4))
def test_a_duration_leaves_out_what_was_waited_for_the_runtime_api(moments: list[float]) -> None:
    started, arrived, answered, polled = sorted(moments)

    took_s = passed_s(started, arrived, answered, polled)

    assert took_s == pytest.approx((polled - started) - (answered - arrived))


@given(st.lists(st.floats(0, 900), min_size=4, max_size=4))
def test_moments_in_disorder_make_no_time_negative(moments: list[float]) -> None:
    # A handler may poll by itself, before its runtime has answered.
    assert passed_s(*moments) >= 0


def test_node_modules_come_from_layers_first_and_from_this_node_last(tmp_path: Path) -> None:
    layer, task, prefix = tmp_path / "layer", tmp_path / "task", tmp_path / "prefix"
    versioned, common = layer / "nodejs/node22/node_modules", layer / "nodejs/node_modules"
    of_node, others = prefix / "lib/node_modules", tmp_path / "layer2/nodejs"
    for folder in (versioned, common, of_node / "@aws-sdk", others, prefix / "bin"):
        folder.mkdir(parents=True)

    spec = replace(inside.spec(task), runtime="nodejs22.x", layers=(layer, others.parent))
    places = Places(task, spec.layers, tmp_path / "runtime")
    path = command.node_module_path(spec, places, str(prefix / "bin/node"))

    assert path.split(":")[:4] == [str(versioned), str(common), str(task), str(of_node)]


def test_a_cold_report_has_the_form_of_aws() -> None:
    line = platform.text_report(ReportLine("X", 47.28, 128, 70, 340.74))

    # The sample line of the AWS documentation, but for billing init since August 2025.
    assert line == (
        "REPORT RequestId: X\tDuration: 47.28 ms\tBilled Duration: 389 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 70 MB\tInit Duration: 340.74 ms\t"
    )


@pytest.mark.parametrize(
    ("status", "error_type", "end"),
    [
        ("success", "", "70 MB\t"),
        ("error", "ValueError", "70 MB\t"),
        ("timeout", "Sandbox.Timedout", "\tStatus: timeout\t"),
        ("error", "Runtime.ExitError", "\tStatus: error\tError Type: Runtime.ExitError\t"),
    ],
)
def test_reports_tell_what_the_platform_ended(status: str, error_type: str, end: str) -> None:
    numbers = ReportLine("X", 1.0, 128, 70, status=status, error_type=error_type)
    assert platform.text_report(numbers).endswith(end)


@given(st.floats(0, 1e6), st.none() | st.floats(0, 1e4))
def test_billed_time_is_whole_milliseconds_rounded_up(duration: float, init: float | None) -> None:
    numbers = ReportLine("X", duration, 128, 70, init)
    assert 0 <= numbers.billed_ms - duration - (init or 0.0) + 0.001 < 1.002


def test_platform_times_have_milliseconds() -> None:
    assert platform.timestamp(AT) == "2026-01-31T12:00:00.123Z"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "without providing a reason"),
        (1, "with error: exit status 1"),
        (-9, "with error: signal: killed"),
        (-11, "with error: signal: segmentation fault"),
        (-40, "with error: signal: signal 40"),
    ],
)
def test_exits_are_worded_as_on_aws(code: int, text: str) -> None:
    assert faults.exit_text(code) == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"0 /opt/extensions/a", "Error: exit status 0"),
        (b"143 /opt/extensions/a", "Error: signal: terminated"),
        (b"200 /opt/extensions/a", "Error: exit status 200"),
        (b"126 /opt/extensions/a b", "Error: fork/exec /opt/extensions/a b: permission denied"),
    ],
)
def test_ends_of_extensions_are_worded_as_on_aws(line: bytes, message: str) -> None:
    assert faults.extension_ended(line).message == message


REQUESTS = [
    (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    (b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    (
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n",
        b"abc",
    ),
]


@pytest.mark.parametrize(("message", "body"), REQUESTS)
def test_requests_are_parsed_once_complete(message: bytes, body: bytes) -> None:
    reader = RequestReader()
    for byte in message[:-1]:
        reader.feed(bytes([byte]))
        assert reader.next() is None

    reader.feed(message[-1:] + message)
    for _ in range(2):
        request = reader.next()
        assert request is not None
        assert (request.path, request.body) == (b"/a", body)
    assert reader.next() is None


CHUNKED = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"


def test_trailers_are_headers() -> None:
    """As AWS's streaming clients report an error in the middle of a response."""
    reader = RequestReader()
    reader.feed(CHUNKED + b"\r\n1\r\na\r\n0\r\nLambda-Runtime-Function-Error-Type: Oh\r\n")
    assert reader.next() is None

    reader.feed(b"\r\n")
    request = reader.next()

    assert request is not None
    assert request.body == b"a"
    assert request.headers[b"lambda-runtime-function-error-type"] == b"Oh"


@pytest.mark.parametrize(
    "message",
    [
        b"POST /a HTTP/1.1\r\nContent-Length: -6\r\n\r\n",
        b"POST /a HTTP/1.1\r\nContent-Length: +6\r\n\r\nabcdef",
        b"POST /a HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n",
        CHUNKED + b"\r\n-6\r\nab\r\n",
        CHUNKED + b"\r\n0x2\r\nab\r\n",
        CHUNKED + b"\r\n\r\nab\r\n",
        CHUNKED + b"\r\nffffffff\r\nab\r\n",
        CHUNKED + b"\r\n" + b"0" * 2000,
        CHUNKED + b"x" * (3 << 20),
        b"nonsense\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(message: bytes) -> None:
    reader = RequestReader()
    reader.feed(message)
    with pytest.raises(ValueError, match=r"."):
        reader.next()


def _facts(number: int) -> Facts:
    return Facts(f"r{number}", "f", 128, "e", 1, 0, 0, 0, False, 1, 1, None, 50, "success")


def test_the_ledger_forgets_the_oldest() -> None:
    ledger = Ledger(capacity=3)
    for number in range(5):
        ledger.add(_facts(number))

    assert [row["request_id"] for row in ledger.since(0)] == ["r2", "r3", "r4"]
    assert [row["sequence"] for row in ledger.since(4)] == [5]
    assert [row["request_id"] for row in ledger.of(["r0", "r4", "r2"])] == ["r4", "r2"]


def test_admission_keeps_parallel_shares_within_the_host() -> None:
    admission = Admission(cores=2)
    weight = admission.weight(886)
    most = []

    def work() -> None:
        with CoreClaim(admission, weight):
            most.append(admission.used)
            time.sleep(0.005)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert max(most) <= admission.capacity + 1e-9
    assert admission.used == pytest.approx(0)


def test_a_lent_claim_lets_others_in_and_comes_back() -> None:
    admission = Admission(cores=1)
    with CoreClaim(admission, 1.0) as caller:
        with caller.lent(), caller.lent():
            assert admission.used == 0
            with CoreClaim(admission, 1.0):
                assert admission.used == 1.0
        assert admission.used == 1.0
    assert admission.used == 0


def test_a_claim_that_ends_while_lent_is_not_given_back_twice() -> None:
    admission = Admission(cores=1)
    claim = CoreClaim(admission, 1.0)
    with claim:
        nested = claim.lent()
        nested.__enter__()
    nested.__exit__(None, None, None)
    assert admission.used == 0


def test_admission_is_first_come_first_served() -> None:
    admission = Admission(cores=2)
    order: list[int] = []
    threads = []

    def work(number: int, weight: float) -> None:
        with CoreClaim(admission, weight):
            order.append(number)

    def queued(count: int) -> bool:
        return len(admission._queue) >= count

    with CoreClaim(admission, admission.capacity):
        # The large one comes first; small ones that would fit earlier do not overtake it.
        for number, weight in enumerate([1.0, 0.1, 1.2, 0.1]):
            threads.append(threading.Thread(target=work, args=(number, weight)))
            threads[-1].start()
            until(partial(queued, number + 1), "its place in the queue")
    for thread in threads:
        thread.join()

    assert order.index(2) > max(order.index(0), order.index(1))
    assert order[-1] == 3
    assert admission.used == pytest.approx(0)
