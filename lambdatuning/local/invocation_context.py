"""What an HTTP request knows that ministack does not hand on: who calls, and the answer's id."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Call:
    """One HTTP request; `request_id` is filled in when it turns out to invoke a function.

    `direct` holds for a synchronous call of the Invoke API, whose answer goes out byte by byte;
    only then is `key_id` set, because only then does the caller wait. `client_context` is JSON.
    """

    key_id: str = ""
    direct: bool = False
    client_context: str = ""
    request_id: str = ""


current: ContextVar[Call] = ContextVar("lambdatuning_call")


def now() -> Call:
    """The call in progress; an empty one outside of any request."""
    return current.get(None) or Call()
