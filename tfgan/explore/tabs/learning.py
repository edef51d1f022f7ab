"""The tab that shows how a run learns: its sample grids and its curves, also while it is being trained."""

import gradio as gr
import numpy as np

from tfgan.common import files
from tfgan.common.numbers import number_text
from tfgan.explore import curves
from tfgan.explore import history
from tfgan.explore import pictures
from tfgan.runs import read

_COLOURS = ("#3b82f6", "#f97316"), ("#16a34a", "#d946ef")  # of each chart's curves, on light and dark pages alike
_FRAME = """
<div class="tfgan-figures">
  <figure class="tfgan-grid"><img alt="sample grid" hidden><figcaption></figcaption></figure>
  <div class="tfgan-curves">
    <input type="range" min="0" step="1" aria-label="Iteration">
    <p class="tfgan-now"><strong aria-live="polite"></strong> <span hidden>The run is being trained.</span></p>
    <div class="tfgan-charts"></div>
  </div>
</div>
"""


def add(page):
    """Adds the tab to a `page.Page`, if the run has left anything to show."""
    run = page.source.history
    if run is None:
        return

    def look(iteration):
        """All that the tab shows of the run as it is now, with what `show` returns. iteration: None is the newest."""
        try:
            training = run.is_training()  # asked first: what a run writes at its end must not be missed
            moments = run.moments()
            newest = max(moments, default=0)
            shown = _show(run, newest if iteration is None else iteration)
            return {"training": training, "moments": moments, "charts": _charts(run, newest), **shown}
        except OSError as error:
            return _problem(error)

    def show(iteration):
        """What the tab shows of an iteration."""
        try:
            return _show(run, iteration)
        except OSError as error:
            return _problem(error)

    with gr.Tab("Learning", id="learning"):
        gr.Markdown(
            "Move the slider to see the samples, both losses and D's outputs at any moment of the run. While the run is being "
            "trained, the page follows it as long as the slider is at its end."
        )
        learning_js = pictures.asset("learning.js")
        gr.HTML(_FRAME, js_on_load=learning_js, server_functions=[look, show], apply_default_css=False, elem_id="learning")


def _problem(error):
    return {"now": f"{files.describe_error(error)}; fix that"}


def _show(run, iteration):
    """The grid and the measures of an iteration: JSON values for `learning.js`."""
    caption, picture, now, values = f"There are no sample grids in {run.out_dir}; --out-dir says where they are.", None, "", {}
    if found := run.grid(iteration):
        caption, picture = f"Samples after {found[0]:,} iterations", pictures.address(found[1], "image/png")
    if found := run.measures(iteration):
        now = f"Iteration {found[0]:,}"
        values = {name: number_text(float(value)) for name, value in found[1].items() if np.isfinite(value)}
    return {"caption": caption, "picture": picture, "now": now, "values": values}


def _charts(run, newest):
    """The charts of the losses and of D's outputs, as HTML. newest: the iteration at their right."""
    iterations, values = run.lines()
    losses = np.concatenate([values[name][np.isfinite(values[name])] for name in history.CHARTS[0]])
    lowest, highest = losses.min(initial=0), losses.max(initial=0)
    highest = highest if highest > lowest else 1.0
    limits = ((lowest, number_text(lowest)), (highest, number_text(highest))), ((0, "fake 0"), (1, "real 1"))
    charts = [
        curves.chart(colours, iterations, {name: (read.MEASURES[name], values[name]) for name in names}, newest, *ends)
        for colours, names, ends in zip(_COLOURS, history.CHARTS, limits, strict=True)
    ]
    return f'{"".join(charts)}<p class="tfgan-axis"><span>0</span><span>{newest:,} iterations</span></p>'
