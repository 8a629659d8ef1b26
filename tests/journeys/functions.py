"""Small functions of the user's, made on the embedded AWS for journeys."""

import io
import time
import zipfile
from typing import Any

from lambdatuning.cloud.session import Cloud
from lambdatuning.core.tuning.payloads import PayloadType
from lambdatuning.functions.tuner.function import settled

ROLE = "arn:aws:iam::111122223333:role/user"

HANDLER = '''
import json
import os
import time

calls = 0


class Expected(Exception):
    pass


def handler(event, context):
    """Answers its event; raises at every fourth call where it is told to."""
    global calls
    calls += 1
    event = event if isinstance(event, dict) else {"event": event}
    time.sleep(event.get("sleep_s", 0))
    if "say" in event:
        print(event["say"].format(request_id=context.aws_request_id))
    if event.get("fourth") and calls % 4 == 0:
        raise Expected("the fourth")
    if event.get("raise"):
        raise ValueError(event["raise"])
    return {**event, "memory": os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]}


def before(event, context):
    return {"made_by": "before", "was": event}


def after(event, context):
    print("AFTER " + json.dumps(event))
    if "made_by" not in event:
        raise ValueError("not what the pre-processor made")
'''


def make_function(
    cloud: Cloud,
    name: str,
    *,
    region: str | None = None,
    source: str = HANDLER,
    **settings: Any,
) -> str:
    """A function that is ready to be used; its ARN. `settings` are CreateFunction's."""
    client = cloud.client("lambda", region=region)
    given = {"Runtime": "python3.12", "Handler": "app.handler", "Timeout": 10, "MemorySize": 128}
    answer = client.create_function(
        FunctionName=name, Role=ROLE, Code={"ZipFile": package(source)}, **{**given, **settings}
    )
    settled(client, name, None, time.sleep)
    return str(answer["FunctionArn"])


def package(source: str) -> bytes:
    """A deployment package with one module, `app`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("app.py", source)
    return archive.getvalue()


TUNED = '''
"""What the stack's function does without a table, and without its SDK: a cold start in a fifth."""
import hashlib, os, time

def handler(event, context):
    given = event.get("payload")
    match event["operation"]:
        case "ping":
            return "pong"
        case "echo":
            return given
        case "digest":
            key = hashlib.pbkdf2_hmac("sha256", given["text"].encode(), b"", given["rounds"])
            return key.hex()
        case "sleep":
            memory_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
            time.sleep(given["seconds"] if memory_mb < given.get("below_mb", 99999) else 0)
            return "slept"
        case "gate":
            import socket
            try:
                with socket.create_connection(("127.0.0.1", given["port"]), 3) as gate:
                    gate.recv(1)
            except OSError:
                return "open"
            return "shut"
        case other:
            raise ValueError(f'Unrecognized operation "{other}"')
'''


def sleeping(seconds: float, **more: int) -> dict[str, Any]:
    """An event of `TUNED`; with `below_mb`, larger sizes answer at once."""
    return {"operation": "sleep", "payload": {"seconds": seconds, **more}}


def gated(port: int) -> dict[str, Any]:
    """An event of `TUNED` that takes 3 s while something listens on that port, then none."""
    return {"operation": "gate", "payload": {"port": port}}


NAP = PayloadType("nap", sleeping(0.05))
"""For what takes time, but no CPU of the machine that tests run on."""


# Functions whose calls differ much from one another, so that trimmed means, medians and first calls
# name the wrong size: from this project's issue 14 (`cases/functions/*.py` there).

JIT = '''
"""50 ms below 1,024 MB; above, 20 ms, but 400 ms at every fourth call of an environment."""
import os, time
n = 0
def handler(event, context):
    global n
    n += 1
    m = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    time.sleep(0.05 if m < 1024 else (0.4 if n % 4 == 0 else 0.02))
    return "ok"
'''

TRIMMED = JIT.replace("0.05 if", "0.3 if").replace("0.4 if", "1.2 if").replace("0.02)", "0.08)")
"""The same, so slow that what a busy machine adds is little beside it."""

GC = '''
"""A minority (1 of 5 calls) is heavy, the others light: a queue of mixed sizes. From 1,024 MB on
all take a quarter. It sleeps, as work lasts longer on a busy machine."""
import os, time
n = 0
def handler(event, context):
    global n
    n += 1
    m = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    time.sleep((1 if n % 5 == 0 else 0.04) / (1 if m < 1024 else 4))
    return "ok"
'''
