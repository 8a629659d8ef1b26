"""Sliders for weight, deadline and volume in a notebook; a plain figure everywhere else."""

import math
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Unpack

from pandas import DataFrame

from ...core.strategies import DEFAULT_WEIGHT
from ..bill import plot_bill
from ..decision_map import plot_decision_map
from ..goals import DEFAULT_QUANTILE, Limits
from ..run import Run, as_run
from .chart import Chart, to_svg
from .deadline import plot_deadline


@dataclass(frozen=True, eq=False)
class Controls:
    """Shows itself as sliders with the figures that follow them, where ipywidgets is installed.

    Everywhere else, in reports too, it is `chart`, the bill at the values given.
    """

    run: Run
    chart: Chart
    monthly_invocations: float
    weight: float
    limits: Limits = field(default_factory=Limits)

    def charts(
        self, weight: float, monthly_invocations: float, deadline_ms: float = 0
    ) -> list[Chart]:
        """The bill at these values of the sliders, then the decision map and the deadline where
        their own slider was moved: the notebook shows them as they were."""
        limits = Limits(**{**self.limits, "deadline_ms": deadline_ms})
        quantile = limits.get("quantile", DEFAULT_QUANTILE)
        found: list[Chart | None] = [
            plot_bill(self.run, monthly_invocations, weight=weight, **limits)
        ]
        if weight != self.weight:
            found.append(plot_decision_map(self.run, weight))
        if deadline_ms != self.limits.get("deadline_ms", 0):
            found.append(plot_deadline(self.run, deadline_ms, quantile))
        return [chart for chart in found if chart is not None]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown: dict[str, Any] = self.chart._repr_mimebundle_()
        return shown | _widget(self)


def controls(
    source: Run | DataFrame,
    monthly_invocations: float,
    weight: float = DEFAULT_WEIGHT,
    **limits: Unpack[Limits],
) -> Controls:
    """The bill of each choice, with sliders for the volume, the weight and the deadline.

    UsageError as `bill` raises it.
    """
    run = as_run(source)
    chart = plot_bill(run, monthly_invocations, weight=weight, **limits)
    return Controls(run, chart, monthly_invocations, weight, limits)


def _widget(controls: Controls) -> dict[str, Any]:
    """The output by which a notebook shows the sliders; empty without ipywidgets."""
    if find_spec("ipywidgets") is None:
        return {}
    shown: dict[str, Any] = panel(controls)._repr_mimebundle_()
    return {kind: value for kind, value in shown.items() if kind.startswith("application/")}


def panel(controls: Controls) -> Any:
    """The sliders and, last, the picture that follows them, as a box of ipywidgets."""
    ipywidgets: Any = import_module("ipywidgets")
    picture = ipywidgets.HTML(_svg(controls.chart))
    sliders = _sliders(controls, ipywidgets)

    def follow(_: object) -> None:
        charts = controls.charts(**{name: slider.value for name, slider in sliders.items()})
        picture.value = "".join(map(_svg, charts))

    for slider in sliders.values():
        slider.observe(follow, "value")
    return ipywidgets.VBox([*sliders.values(), picture])


def _sliders(controls: Controls, ipywidgets: Any) -> dict[str, Any]:
    """By the argument of `charts` that each of them moves."""
    look = {
        "style": {"description_width": "11em"},
        "layout": {"width": "32em"},
        "continuous_update": False,
    }
    sliders = {
        "monthly_invocations": ipywidgets.FloatLogSlider(
            description="invocations a month",
            step=0.1,
            **_decades(controls.monthly_invocations, 3, 11),
            **look,
        ),
        "weight": ipywidgets.FloatSlider(
            controls.weight, min=0, max=1, step=0.01, description="weight of cost", **look
        ),
    }
    deadline_ms = controls.limits.get("deadline_ms", 0)
    if deadline_ms:
        sliders["deadline_ms"] = ipywidgets.FloatLogSlider(
            description="deadline (ms)", step=0.05, **_decades(deadline_ms, 0, 5), **look
        )
    return sliders


def _decades(value: float, low: int, high: int) -> dict[str, Any]:
    """A logarithmic range that has the value in it: a slider would else begin with another one."""
    exponent = math.log10(value)
    return {
        "value": value,
        "min": min(low, math.floor(exponent)),
        "max": max(high, math.ceil(exponent)),
        "readout_format": ",.0f",
    }


def _svg(chart: Chart) -> str:
    return to_svg(chart.figure, chart.title, chart.alt)
