"""Python's search for cycles of garbage, made to fit a process that serves for days."""

import gc

_NEW_OBJECTS = 20_000  # between two searches; a request makes hundreds that need none


def spare_what_is_here() -> None:
    """Never search again what exists now: the modules and the app, which stay until the end.

    For the end of a worker's start. See gc.freeze in Python's library reference.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
