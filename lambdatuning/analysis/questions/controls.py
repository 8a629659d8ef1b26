"""Sliders for weight, deadline and volume in a notebook; a plain figure everywhere else."""

import math
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..data import StudyData
from ..plot.chart import Chart, to_svg
from .bill import plot_bill, volume
from .deadline import plot_deadline
from .decision_map import plot_decision_map


@dataclass(frozen=True, eq=False)
class Controls:
    """Shows itself as sliders with the figures that follow them, where ipywidgets is installed.

    Everywhere else, in reports too, it is `chart`, the bill at the values given.
    """

    data: StudyData
    chart: Chart

    def charts(
        self, weight: float, monthly_invocations: float, deadline_ms: float = 0
    ) -> list[Chart]:
        """The bill at these values of the sliders, then the decision map and the deadline where
        their own slider was moved: the notebook shows them as they were."""
        options = self.data.options
        moved = self.data.with_options(
            weight=weight, monthly_invocations=monthly_invocations, deadline_ms=deadline_ms
        )
        charts: list[Chart | None] = [plot_bill(moved)]
        if weight != options.weight:
            charts.append(plot_decision_map(moved))
        if deadline_ms != options.deadline_ms:
            charts.append(plot_deadline(moved))
        return [chart for chart in charts if chart is not None]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        bundle: dict[str, Any] = self.chart._repr_mimebundle_()
        return bundle | _widget(self)


def controls(data: StudyData) -> Controls:
    """The bill of each choice, with sliders for the volume, the weight and the deadline."""
    return Controls(data, plot_bill(data))


def _widget(controls: Controls) -> dict[str, object]:
    """The output by which a notebook shows the sliders; empty without ipywidgets."""
    if find_spec("ipywidgets") is None:
        return {}
    bundle: dict[str, Any] = panel(controls)._repr_mimebundle_()
    return {kind: value for kind, value in bundle.items() if kind.startswith("application/")}


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
            **_decades(volume(controls.data), 3, 11),
            **look,
        ),
        "weight": ipywidgets.FloatSlider(
            controls.data.options.weight,
            min=0,
            max=1,
            step=0.01,
            description="weight of cost",
            **look,
        ),
    }
    deadline_ms = controls.data.options.deadline_ms
    if deadline_ms:
        sliders["deadline_ms"] = ipywidgets.FloatLogSlider(
            description="deadline (ms)", step=0.05, **_decades(deadline_ms, 0, 5), **look
        )
    return sliders


def _decades(value: float, low: int, high: int) -> dict[str, object]:
    """A logarithmic range that has the value in it: a slider would else start at another one."""
    exponent = math.log10(value)
    return {
        "value": value,
        "min": min(low, math.floor(exponent)),
        "max": max(high, math.ceil(exponent)),
        "readout_format": ",.0f",
    }


def _svg(chart: Chart) -> str:
    return to_svg(chart.figure, chart.title, chart.alt)
