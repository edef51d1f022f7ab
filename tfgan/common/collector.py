"""Two ways to spare Python's garbage collector work. A collection visits every object, and a graph has hundreds of thousands.

Python's `gc` has both switches, but no context managers that restore them.
"""

import contextlib
import gc


@contextlib.contextmanager
def disabled():
    """Disables garbage collection inside. Use it around code that creates many long-lived objects."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def frozen():
    """Excludes all existing objects from garbage collection inside. Use it around a loop that runs beside a large graph.

    Does nothing if the program has frozen objects by itself: they could not be told from these at the end.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
