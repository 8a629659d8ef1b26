"""CloudFormation: a stack that was made by a change set has its template's description, too."""

import re
from collections.abc import Awaitable, Callable

from .asgi import Answer

Summary = Callable[[str], Awaitable[Answer]]
"""Calls GetTemplateSummary for the stack of this name, as the caller would."""

_WITHOUT = re.compile(
    r"<StackName>(?P<name>[^<]+)</StackName>(?:(?!</?member>).)*?<Description></Description>",
    re.DOTALL,
)
_PARAMETERS = re.compile(r"<Parameters>.*?</Parameters>", re.DOTALL)
_DESCRIPTION = re.compile(r"<Description>[^<]+</Description>")


async def with_descriptions(described: str, summary: Summary) -> str:
    """The answer of DescribeStacks, with the descriptions that it lacks."""
    for name in dict.fromkeys(match["name"] for match in _WITHOUT.finditer(described)):
        answer = await summary(name)
        template = _PARAMETERS.sub("", answer.body.decode("utf-8", "replace"))
        text = _DESCRIPTION.search(template) if answer.status == 200 else None
        if text is not None:
            described = _WITHOUT.sub(lambda one: _filled(one, name, text[0]), described)  # noqa: B023
    return described


def _filled(match: re.Match[str], name: str, text: str) -> str:
    if match["name"] != name:
        return match[0]
    return match[0].replace("<Description></Description>", text)
