"""Sliders for weight, deadline and volume in a notebook; a plain figure everywhere else."""

from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Unpack

from pandas import DataFrame

from ...core.strategies import DEFAULT_WEIGHT
from ..choice.goals import DEFAULT_QUANTILE, Limits
from ..samples.run import Run, as_run
from .bill import plot_bill
from .chart import Chart
from .deadline import plot_deadline
from .decision_map import plot_decision_map

_SVG = "image/svg+xml"


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
        """The figures at these values of the sliders."""
        limits = Limits(**{**self.limits, "deadline_ms": deadline_ms})
        quantile = limits.get("quantile", DEFAULT_QUANTILE)
        found = [
            plot_bill(self.run, monthly_invocations, weight=weight, **limits),
            plot_decision_map(self.run, weight),
            plot_deadline(self.run, deadline_ms, quantile),
        ]
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
    ipywidgets: Any = import_module("ipywidgets")
    picture = ipywidgets.HTML(controls.chart._repr_mimebundle_()[_SVG])
    style = {"description_width": "11em"}
    layout = {"width": "32em"}
    sliders = {
        "monthly_invocations": ipywidgets.FloatLogSlider(
            value=controls.monthly_invocations, min=3, max=11, step=0.1, readout_format=",.0f"
        ),
        "weight": ipywidgets.FloatSlider(value=controls.weight, min=0, max=1, step=0.01),
    }
    deadline_ms = controls.limits.get("deadline_ms", 0)
    if deadline_ms:
        sliders["deadline_ms"] = ipywidgets.FloatLogSlider(
            value=deadline_ms, min=0, max=5, step=0.05
        )

    def follow(_: object) -> None:
        charts = controls.charts(**{name: slider.value for name, slider in sliders.items()})
        picture.value = "".join(chart._repr_mimebundle_()[_SVG] for chart in charts)

    for name, slider in sliders.items():
        slider.description, slider.style, slider.layout = name.replace("_", " "), style, layout
        slider.continuous_update = False
        slider.observe(follow, "value")
    shown: dict[str, Any] = ipywidgets.VBox([*sliders.values(), picture])._repr_mimebundle_()
    return {kind: value for kind, value in shown.items() if kind.startswith("application/")}
