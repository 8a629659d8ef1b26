"""Log events as CloudWatch Logs has them on AWS: cut, timed and ordered as they were written."""

import struct
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.local.logs.printed import KEPT_BYTES, LogBuffer, LogEvent, cut
from tests.local.conftest import NODE, Cloud, package
from tests.waiting import until


def test_events_have_the_time_at_which_they_were_written(cloud: Cloud) -> None:
    name = cloud.function(
        """
        import logging, time
        def handler(event, context):
            moments = [time.time()]
            print("first")
            for _ in range(2):
                time.sleep(0.1)
                moments.append(time.time())
                logging.getLogger().error("second")
            moments.append(time.time())
            time.sleep(0.1)
            return [int(moment * 1000) for moment in moments] + [int(time.time() * 1000)]
        """
    )

    first_ms, second_ms, third_ms, after_ms, end_ms = cloud.invoke(name).payload

    events = [(e["message"].split()[0], e["timestamp"]) for e in cloud.events(_group(name))]
    words, at = zip(*events, strict=True)
    assert words == ("INIT_START", "START", "first", "[ERROR]", "[ERROR]", "END", "REPORT")
    assert at[0] <= at[1] <= at[2]
    # A record has its writer's time; a line is read a moment later, but before what follows it.
    assert first_ms <= at[2] <= at[3]
    assert second_ms <= at[3] <= third_ms <= at[4] <= after_ms
    assert end_ms <= at[5] == at[6]


def test_a_line_is_read_while_the_function_runs(cloud: Cloud) -> None:
    name = cloud.function(
        "import time\ndef handler(event, context):\n    print('first')\n    time.sleep(0.2)\n"
        "    print('second')\n"
    )

    def apart_ms() -> int:
        cloud.invoke(name)
        first, second = [e["timestamp"] for e in cloud.events(_group(name))][-4:-2]
        return int(second - first)

    # On a machine that is held up, both may be read at once; not in every invocation.
    until(lambda: apart_ms() >= 199, "lines that are read when they are written")


def _group(name: str) -> str:
    return f"/aws/lambda/{name}"


def test_printed_lines_are_events_and_logged_records_are_whole(cloud: Cloud) -> None:
    name = cloud.function(
        """
        import logging
        def handler(event, context):
            print("one\\ntwo")
            logging.getLogger().warning("three\\nfour")
            print("five", end="")
            logging.getLogger().warning("six")
            print("seven")
            raise ValueError("eight")
        """
    )

    answer = cloud.invoke(name)

    messages = cloud.messages(f"/aws/lambda/{name}")[2:-2]
    shown = [message.rpartition("\t")[2] for message in messages]
    assert shown[:-1] == ["one", "two", "three\nfour", "five", "six", "seven"]
    assert messages[-1].startswith(
        "[ERROR] ValueError: eight\nTraceback (most recent call last):\n"
    )
    assert "\n".join(messages) in answer.log


def test_json_records_are_an_event_each(cloud: Cloud) -> None:
    name = cloud.function(
        "import logging\ndef handler(event, context):\n"
        "    logging.getLogger().error('a\\nb')\n    print('c\\nd')\n",
        LoggingConfig={"LogFormat": "JSON"},
    )
    cloud.invoke(name)

    messages = cloud.messages(f"/aws/lambda/{name}")

    assert [message.startswith("{") for message in messages] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]
    assert messages[3:5] == ["c", "d"]


@pytest.mark.usefixtures("node")
def test_node_records_are_whole(cloud: Cloud) -> None:
    source = (
        "export const handler = async () => {"
        "console.log('one\\ntwo'); process.stdout.write('three\\nfour\\n');"
        "console.error('five'); };"
    )
    name = cloud.function("", Runtime=NODE, Code={"ZipFile": package({"app.mjs": source})})
    cloud.invoke(name)

    messages = cloud.messages(f"/aws/lambda/{name}")[2:-2]

    assert [message.rpartition("\t")[2] for message in messages] == [
        "one\ntwo",
        "three",
        "four",
        "five",
    ]


def test_a_timeout_is_logged_in_one_event(cloud: Cloud) -> None:
    name = cloud.function(
        "import time\ndef handler(event, context):\n    print('slow')\n    time.sleep(9)\n",
        Timeout=1,
    )
    answer = cloud.invoke(name)

    messages = cloud.messages(f"/aws/lambda/{name}")[2:]

    assert messages[0] == "slow"
    assert messages[1].endswith(f"{answer.request_id} Task timed out after 1.00 seconds\n")
    assert messages[2] == f"END RequestId: {answer.request_id}"


def _frame(text: str, at_ms: int) -> bytes:
    encoded = text.encode()
    return struct.pack(">IIQ", 0xA55A0003, len(encoded), at_ms * 1000) + encoded


# Of one to four bytes, and all that anything takes for the end of a line.
texts = st.text("a \t\r\n\0\v\f\x1c\x85\u2028\u20ac\U0001f600", max_size=20)
printed = texts.map(lambda text: text.replace("\n", " "))


@given(st.lists(st.tuples(st.booleans(), texts, printed)), st.lists(st.integers(0, 50)))
def test_events_do_not_depend_on_how_they_arrive(
    parts: list[tuple[bool, str, str]], sizes: list[int]
) -> None:
    data = b"".join(
        _frame(record, 7) if framed else f"{line}\n".encode() for framed, record, line in parts
    )
    pieces, start = [], 0
    for size in sizes:
        pieces.append(data[start : start + size])
        start += size
    chunks = [(9, piece) for piece in (*pieces, data[start:])]

    events = cut(chunks)

    assert [event.text for event in events] == [
        record.removesuffix("\n") if framed else line for framed, record, line in parts
    ]
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)


def test_what_has_no_end_is_an_event_as_well() -> None:
    assert cut([(1, b"unfinished")]) == [LogEvent(1, "unfinished")]
    assert cut([(1, _frame("a long record", 5)[:20])]) == [LogEvent(1, "a lo")]
    assert cut([]) == []


def test_lines_have_the_time_of_their_end() -> None:
    times = count(100, 100)
    log = LogBuffer(lambda: next(times))
    for piece in (b"a\nb", b"c\nd", b"\n"):
        log.add(piece)

    assert log.take() == [LogEvent(100, "a"), LogEvent(200, "bc"), LogEvent(300, "d")]
    assert log.take() == []


def test_logs_are_kept_from_both_ends() -> None:
    log = LogBuffer()
    log.add(b"a" * KEPT_BYTES)
    for _ in range(3):
        log.add(b"b" * 4096)
    log.add(b"c" * 10)

    kept, gap, tail = (event.text for event in log.take())

    assert kept == "a" * KEPT_BYTES
    assert gap == "[8202 bytes of log dropped]"
    assert tail.endswith("b" + "c" * 10)
    assert log.take() == []
