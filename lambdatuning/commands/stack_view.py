"""A stack as lines of text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..cloud.stack.status import StackEvent


def event_line(event: "StackEvent") -> str:
    """One event of a deployment."""
    reason = f"  {event.reason}" if event.reason else ""
    return f"  {event.state:<20} {event.logical_id} ({event.type}){reason}"


def output_lines(outputs: Mapping[str, str]) -> str:
    """The outputs, one a line."""
    width = max((len(name) for name in outputs), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in sorted(outputs.items()))
