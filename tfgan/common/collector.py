"""When Python's garbage collector rests: it looks at every object that there is, and a graph has hundreds of thousands."""

import contextlib
import gc


@contextlib.contextmanager
def disabled():
    """Nothing is collected inside: for what makes many objects that stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def frozen():
    """What there is already is not looked at inside: for a loop, in which one look would take as long as many iterations."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
