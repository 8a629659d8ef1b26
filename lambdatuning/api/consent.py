"""Consent: nothing is billed or changed before its price or its list was shown and agreed to."""

from collections.abc import Callable

from ..cloud.session import Cloud
from ..cloud.stack import Change, DeployPlan, DestroyPlan
from ..cloud.tuning_plan import TunePlan
from ..core.errors import DeclinedError

Confirm = Callable[[str, str], None]
"""Called with what to tell and what to ask ("" for nothing to ask); raises DeclinedError for no."""


def agree(_: str, __: str) -> None:
    """Agree to everything: for machines, and for notebooks, which have `max_usd` instead."""


def describe_changes(plan: DeployPlan) -> str:
    """The change set as lines, what is replaced marked."""
    lines = [f"  {_change(change)}" for change in plan.changes]
    return "\n".join([f'stack "{plan.stack_name}", {len(plan.changes)} changes:', *lines])


def describe_removal(plan: DestroyPlan) -> str:
    """What goes with the stack, as lines."""
    lines = [f"  {entry.type} {entry.physical_id}" for entry in plan.resources]
    what = f'stack "{plan.stack_name}", {len(plan.resources)} resources'
    inside = f"with {plan.objects} objects in its bucket and {plan.packages} code packages:"
    return "\n".join([f"{what}, {inside}", *lines])


def describe_price(cloud: Cloud, plan: TunePlan) -> str:
    """What a run will cost, by what is paid for, and what it may cost at most."""
    found, request = plan.estimate, plan.request
    basis = "from earlier runs" if found.known else "assuming 200 ms of CPU an invocation"
    bill = (
        f"about ${found.usd:.4f} ({basis}): function ${found.function_usd:.4f}, tuner "
        f"${found.tuner_usd:.4f}, Step Functions ${found.transitions_usd:.4f}; at most "
        f"${found.at_most_usd + found.tuner_usd:.2f} should every invocation time out; at the "
        f"prices of {plan.prices.version}"
    )
    what = (
        f"{found.invocations:,} invocations of {plan.arn.name}: {len(request.payloads)} payload "
        f"types x {len(request.sizes)} sizes x {request.num}, and warm-ups"
    )
    if cloud.kind == "embedded":
        return f"{what}\nthe embedded AWS bills nothing; on AWS: {bill}"
    return f"{what}\n{bill}"


def require_budget(plan: TunePlan, max_usd: float | None) -> None:
    """DeclinedError when a run is estimated dearer than allowed."""
    if max_usd is not None and plan.estimate.usd > max_usd:
        raise DeclinedError(
            f"the run is estimated at ${plan.estimate.usd:.4f}, above max_usd={max_usd}: "
            "measure fewer sizes or types, lower num, or allow more"
        )


def _change(change: Change) -> str:
    lost = "  REPLACED: what it holds is lost" if change.replacement else ""
    return f"{change.action:<8} {change.logical_id} ({change.type}){lost}"
