"""CloudFormation: stacks made by change sets have descriptions, templates lie at any URL of S3."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote, urlsplit, urlunsplit

from .asgi import HttpResponse

Summary = Callable[[str], Awaitable[HttpResponse]]
"""Calls GetTemplateSummary for the stack of this name, as the caller would."""

_WITHOUT = re.compile(
    r"<StackName>(?P<name>[^<]+)</StackName>(?:(?!</?member>).)*?<Description></Description>",
    re.DOTALL,
)
_PARAMETERS = re.compile(r"<Parameters>.*?</Parameters>", re.DOTALL)
_DESCRIPTION = re.compile(r"<Description>[^<]+</Description>")
_BUCKET_OF_HOST = re.compile(
    r"(?P<bucket>.+?)\.(?P<host>"
    r"s3(-fips)?(\.dualstack)?([.-][a-z]{2}(-[a-z]+)+-\d+)?\.amazonaws\.com(\.cn)?"
    r"|s3-(accelerate(\.dualstack)?|external-1)\.amazonaws\.com"
    r"|(s3\.)?localhost)(?P<port>:\d+)?",
    re.IGNORECASE,
)


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


def in_path_style(url: str) -> str:
    """The URL of an object in S3 with its bucket in the path, wherever it was; others as they are.

    `https://BUCKET.s3.REGION.amazonaws.com/KEY` is what CDK and Terraform write. Forms of hosts:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    parts = urlsplit(url)
    path = unquote(parts.path)
    if virtual := _BUCKET_OF_HOST.fullmatch(parts.netloc):
        host = virtual["host"] + (virtual["port"] or "")
        parts, path = parts._replace(netloc=host), f"/{virtual['bucket']}{path}"
    return urlunsplit(parts._replace(path=path))
