"""Work that a process does again and again beside its requests."""

import logging
import threading
from collections.abc import Callable

from common import correlation
from common.errors import AppError

log = logging.getLogger(__name__)


def run_every(seconds: float, work: Callable[[], object], name: str) -> threading.Thread:
    """Call `work` at once and then every `seconds`, in a daemon thread named `name`.

    An AppError (something cannot be reached) is said once, at the beginning of the outage; anything
    else is a bug and logged each time. Neither ends the thread.
    """
    thread = threading.Thread(target=_loop, args=(seconds, work, name), name=name, daemon=True)
    thread.start()
    return thread


def _loop(seconds: float, work: Callable[[], object], name: str) -> None:
    pause, failing = threading.Event(), False
    while True:
        correlation.adopt(None)
        try:
            work()
            failing = False
        except AppError as error:
            if not failing:
                log.warning("periodic work fails", extra={"work": name, "reason": str(error)})
            failing = True
        except Exception:
            log.exception("unexpected error in periodic work", extra={"work": name})
        pause.wait(seconds)
