"""Consent: nothing is billed or changed before its price or its list was shown and agreed to."""

from collections.abc import Callable

from ..cloud.session import Cloud
from ..cloud.stack.deploy import DeployPlan, ResourceChange
from ..cloud.stack.destroy import DestroyPlan
from ..cloud.tuning.plan import TunePlan
from ..core.errors import DeclinedError
from ..core.format import Money, format_count, money_of

Confirm = Callable[[str, str], None]
"""Called with what to tell and what to ask ("" for nothing to ask); raises DeclinedError for no."""


def agree(_: str, __: str) -> None:
    """Agree to everything: for machines, and for notebooks, which have `max_usd` instead."""


def only_after_yes(cloud: Cloud) -> Confirm:
    """For a notebook that was not told to pay: DeclinedError with the price of what AWS bills."""

    def confirm(description: str, question: str) -> None:
        if cloud.kind == "aws" and question:
            one_line = " ".join(description.split())
            raise DeclinedError(
                f"{question} needs a yes: set the notebook's parameter `yes` to True, or pass "
                f"--yes to `lambdatuning report` ({one_line})"
            )

    return confirm


def describe_changes(plan: DeployPlan) -> str:
    """The change set as lines, what is replaced marked; what only refers to a change in one."""
    shown = [change for change in plan.changes if not change.follows or _replaces(change)]
    lines = [f"  {_change(change)}" for change in shown]
    if others := [change.logical_id for change in plan.changes if change not in shown]:
        lines.append(f"  looked at again, for they refer to these: {', '.join(others)}")
    number = "1 change" if len(shown) == 1 else f"{len(shown)} changes"
    return "\n".join([f'stack "{plan.stack_name}", {number}:', *lines])


def describe_removal(plan: DestroyPlan) -> str:
    """What goes with the stack, as lines."""
    lines = [f"  {entry.type} {entry.physical_id}" for entry in plan.resources]
    what = f'stack "{plan.stack_name}", {len(plan.resources)} resources'
    packages = "its" if plan.packages is None else plan.packages
    inside = f"with {plan.objects} objects in its bucket and {packages} code packages:"
    return "\n".join([f"{what}, {inside}", *lines])


def describe_price(cloud: Cloud, plan: TunePlan) -> str:
    """What a run will cost, by what is paid for, and what it may cost at most."""
    what = "\n".join([f"{_invocations(plan)} of {plan.arn.name}: {_scope(plan)}", *plan.notes])
    if cloud.embedded:
        return f"{what}\nthe embedded AWS bills nothing; on AWS: {_bill(plan)}"
    return f"{what}\n{_bill(plan)}"


def _invocations(plan: TunePlan) -> str:
    if not plan.request.adaptive:
        return f"{plan.estimate.invocations:,} invocations"
    expected, grid = plan.estimate.invocations, plan.grid.invocations
    return f"adaptive, about {expected:,} and at most {grid:,} invocations"


def _scope(plan: TunePlan) -> str:
    request = plan.request
    types = format_count(len(request.payloads), "payload type")
    sizes = format_count(len(request.sizes), "size")
    if request.adaptive:
        return f"{types}, {sizes} to choose from{_ends(plan)}"
    return f"{types} x {sizes} x {request.num}, and warm-ups"


def _ends(plan: TunePlan) -> str:
    """What ends an adaptive run before it is sure."""
    limits = []
    if plan.request.max_usd is not None:
        limits.append(_sign(plan).replace("{}", f"{plan.request.max_usd:g}"))
    if plan.request.max_seconds is not None:
        limits.append(f"{plan.request.max_seconds / 60:g} minutes")
    return f", ended by {' or '.join(limits)}" if limits else ""


def _bill(plan: TunePlan) -> str:
    estimate = plan.estimate
    basis = (
        "from earlier runs"
        if estimate.from_earlier_runs
        else "assuming 200 ms of CPU an invocation, so it may be several times more or less"
    )
    parts = (
        f"about {_price(plan, estimate.usd)} ({basis}): "
        f"function {_price(plan, estimate.function_usd)}, "
        f"tuner {_price(plan, estimate.tuner_usd)}, "
        f"Step Functions {_price(plan, estimate.transitions_usd)}"
    )
    if plan.request.adaptive:
        parts += f"; {_against_grid(plan)}"
    return (
        f"{parts}; at most {_price(plan, estimate.at_most_usd)} should every invocation time "
        f"out; at the prices of {plan.prices.version}"
    )


def _price(plan: TunePlan, amount: float) -> str:
    return _sign(plan).replace("{}", f"{amount:.4f}")


def _sign(plan: TunePlan) -> str:
    """How amounts are written in the currency in which the function's region is billed."""
    return _money(plan).pattern


def _money(plan: TunePlan) -> Money:
    return money_of(plan.prices.region(plan.arn.region).currency)


def _against_grid(plan: TunePlan) -> str:
    """What an adaptive run saves; to decide about few and short invocations may cost more."""
    grid = f"the grid would be about {_price(plan, plan.grid.usd)}"
    if plan.estimate.usd > plan.grid.usd:
        return f"{grid}, which is cheaper: give --explore grid"
    return f"{grid}, and it stops at the grid's price"


def require_budget(plan: TunePlan, max_usd: float | None) -> None:
    """DeclinedError when a grid is estimated to cost more; an adaptive run ends itself."""
    if max_usd is not None and not plan.request.adaptive and plan.estimate.usd > max_usd:
        raise DeclinedError(
            f"the run is estimated at {_price(plan, plan.estimate.usd)}, more than the "
            f"{_money(plan)(max_usd)} that it may cost: measure fewer sizes or "
            "types, invoke less often, explore adaptively, or allow more"
        )


def _change(change: ResourceChange) -> str:
    return f"{change.action:<8} {change.logical_id} ({change.type}){_note(change)}"


def _note(change: ResourceChange) -> str:
    """What becomes of what is there."""
    lost = "what it holds is lost" if change.loses else ""
    if change.replacement:
        return f"  REPLACED{lost and f': {lost}'}"
    if change.conditional:
        return f"  may be replaced{lost and f': {lost} then'}"
    return f"  {lost}" if lost and change.action == "removed" else ""


def _replaces(change: ResourceChange) -> bool:
    return change.replacement or change.conditional
