"""`lambdatuning runs`: the stored runs."""

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from .manners import show
from .tuning_arguments import STORE

if TYPE_CHECKING:
    from ..cloud.session import Cloud


def add_arguments(parser: ArgumentParser) -> None:
    """Where the runs lie."""
    parser.add_argument(
        "--store", default=STORE, help=f"folder or s3://bucket/runs of stored runs ({STORE})"
    )


def run(arguments: Namespace) -> int:
    """Print one line a run, oldest first."""
    from ..api.runs import runs

    frame = runs(arguments.store, cloud=session(arguments))
    if frame.empty:
        text = f"no run in {arguments.store}; `lambdatuning benchmark` makes one"
    else:
        wide = frame.assign(payloads=frame["payloads"].str.len(), sizes=frame["sizes"].str.len())
        text = wide.drop(columns=["url", "kind", "region"]).to_string(index=False)
    show(arguments, json.loads(frame.to_json(orient="records")), text)
    return 0


def session(arguments: Namespace) -> "Cloud | None":
    """A session for a store in S3; a folder needs none."""
    if not arguments.store.startswith("s3://"):
        return None
    from ..cloud.session import connect

    return connect(
        profile=arguments.profile, region=arguments.region, endpoint_url=arguments.endpoint_url
    )
