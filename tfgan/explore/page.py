"""The page: what is above the tabs, the tabs, and how a click reaches the generator of the chosen checkpoint."""

import contextlib
import dataclasses
import functools
import inspect
import threading

import gradio as gr

from tfgan.errors import UserError
from tfgan.errors import one_line
from tfgan.explore import picks
from tfgan.explore import pictures
from tfgan.explore.generators import Generators
from tfgan.explore.tabs import arithmetic
from tfgan.explore.tabs import between
from tfgan.explore.tabs import directions
from tfgan.explore.tabs import eye
from tfgan.explore.tabs import learning
from tfgan.explore.tabs import picture
from tfgan.explore.tabs import samples

TABS = (learning, samples, directions, between, arithmetic, picture, eye)  # each has add(page)
_UNSEEN = {"show_progress": "hidden", "api_visibility": "private"}  # the page's events are no interface for programs
_LATEST = {"concurrency_limit": 4, "trigger_mode": "always_last"}
_ONE_BY_ONE = {"concurrency_limit": 1, "concurrency_id": "clicks", "trigger_mode": "multiple"}
_FONTS = ("system-ui", "sans-serif")  # those of the user's system: none is fetched


@dataclasses.dataclass(frozen=True)
class Page:
    """What a tab needs to know of the page that it is added to."""

    source: Generators  # where generators come from
    checkpoint: gr.Dropdown  # its value is what source.open takes
    collection: gr.State  # the `picks.Pick`s that the user takes along to all tabs, a list
    picture: gr.State  # the user's own one, uint8 [h, w, c] of the model's size, or None
    start: gr.events.Dependency  # the event after which the checkpoint is chosen, when the page is opened

    def on(self, events, function, inputs=(), outputs=(), quick=False, cancels=()):
        """Calls function(generator, *values of the inputs) at these events, and puts what it returns into the outputs.

        A function with an argument of type gr.EventData gets the event there. A generator function fills the outputs again and
        again. A UserError is shown on the page. quick: answer without Gradio's queue, as a slider needs it; the function can then
        show no message, and so can no UserError. cancels: events whose functions are stopped, of those that `on` returned.

        Returns what identifies the event for `cancels`. Of sliders and the like only the latest value counts, so the calls before
        it may be left out. Clicks are all answered, one after the other, since each changes what the one before has left.
        """
        call = (_call_stepwise if inspect.isgeneratorfunction(function) else _call)(self.source, function)
        inputs = [self.checkpoint, *inputs]
        is_click = any(each.annotation is gr.EventData for each in inspect.signature(function).parameters.values())
        return gr.on(
            events, call, inputs, [*outputs], queue=not quick, cancels=[*cancels] or None,
            **(_ONE_BY_ONE if is_click else _LATEST), **_UNSEEN
        )  # fmt: skip

    def at_start(self, function, inputs=(), outputs=()):
        """Calls the function, as `on` does, when the page has been opened."""
        self.start.then(_call(self.source, function), [self.checkpoint, *inputs], [*outputs], **_UNSEEN)

    def when_shown(self, tab, function, inputs=(), outputs=()):
        """Calls the function, as `on` does, whenever this tab is opened, and whenever another checkpoint is chosen."""
        self.on([tab.select, self.checkpoint.change], function, inputs, outputs)

    def offer(self, generator, collection, count=8):
        """The picks that a tab offers: those taken along, or the first samples of the run's seed where there are none."""
        return collection or picks.first_samples(generator, count, self.source.seed)


def _with_messages(function):
    """The function, whose UserErrors are shown on the page."""

    @functools.wraps(function)
    def call(*values):
        try:
            return function(*values)
        except UserError as error:
            raise _message(error) from error

    return call


def _call(source, function):
    @functools.wraps(function)
    def call(iteration, *values):
        return function(source.open(iteration), *values)

    return _with_messages(call)


def _call_stepwise(source, function):
    @functools.wraps(function)
    def call(iteration, *values):
        try:
            yield from function(source.open(iteration), *values)
        except UserError as error:
            raise _message(error) from error

    return call


def _message(error):
    """The message on the page for an error that the user can mend."""
    return gr.Error(one_line(error), duration=15, print_exception=False)


def build(source):
    """Makes the page of a `Generators`: (gradio.Blocks, settings of `gradio.mount_gradio_app`).

    The first generator is opened in a thread, while the browser loads the page.
    """
    first, _ = source.first()
    with gr.Blocks(title=f"{source.name}: tfgan", analytics_enabled=False, fill_width=False) as blocks:
        gr.Markdown(f"## {source.name}\n{source.about}")
        with gr.Row(elem_classes="tfgan-head"):
            checkpoint = gr.Dropdown(source.choices(), value=first, label="Checkpoint", min_width=160, scale=3)
            reload = gr.Button("Reload", min_width=100, scale=1, visible=source.grows, elem_id="reload")
        start = blocks.load(_with_messages(lambda: _begin(source)), outputs=checkpoint, **_UNSEEN)
        page = Page(source, checkpoint, gr.State([]), gr.State(None), start)
        with gr.Tabs(selected="learning" if source.history and source.history.is_training() else "samples"):
            for tab in TABS:
                tab.add(page)
        reload.click(_with_messages(lambda: _newest(source)), outputs=checkpoint, **_UNSEEN)
    threading.Thread(target=_open_first, args=[source, first], daemon=True).start()
    theme = gr.themes.Base(primary_hue="indigo", font=_FONTS, font_mono=("ui-monospace", "monospace"))
    css = pictures.asset("page.css")
    return blocks, {"theme": theme, "css": css}


def _open_first(source, iteration):
    with contextlib.suppress(UserError):  # the page shows it, as soon as it opens it itself
        source.open(iteration)


def _begin(source):
    """The list of checkpoints as it is now, with the one chosen that the page begins with."""
    return _choices(source, *source.first())


def _newest(source):
    """The list of checkpoints as it is now, with the newest one chosen."""
    newest, note = source.newest()
    words = {iteration: words for words, iteration in source.choices()}[newest]
    gr.Info(f"The checkpoint is now {words}.", duration=3)
    return _choices(source, newest, note)


def _choices(source, iteration, note):
    """The list of checkpoints as it is now, with one of them chosen. note: a line to show, or ""."""
    if note:
        gr.Warning(note, duration=15)
    return gr.Dropdown(source.choices(), value=iteration)
