"""Logs: one JSON object a line on standard output, each with service and correlation ID."""

import logging
import logging.config
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

from common import correlation


class _Context(logging.Filter):
    """Adds what every line carries."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def filter(self, record: logging.LogRecord) -> bool:
        record.service = self._service
        record.correlation_id = correlation.current()
        return True


class Lines(logging.StreamHandler):
    """Writes lines by the handful, because whoever takes them is woken by each write.

    A line waits a tenth of a second at most; from WARNING on none does, nor at the end of the
    process. Worker processes share a pipe, so what is written at once is no more than stays in one
    piece there (PIPE_BUF, pipe(7)), but for a single line that is longer.
    """

    WAIT_SECONDS = 0.1

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._begin()

    def _begin(self) -> None:
        self._waiting: list[str] = []
        self._some = threading.Event()
        self._writer = threading.Thread(target=self._write, name="log lines", daemon=True)
        self._pid = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler; it is called with the handler's lock."""
        if self._pid != os.getpid():  # forked: what waits is written by the parent
            self._begin()
        try:
            self._waiting.append(self.format(record) + self.terminator)
            if record.levelno >= logging.WARNING:
                self.flush()
                return
            if not self._writer.is_alive():
                self._writer.start()
            self._some.set()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits."""
        with self.lock:
            waiting, self._waiting = self._waiting, []
            for piece in _pieces(waiting):
                self.stream.write(piece)
                self.stream.flush()

    def _write(self) -> None:
        while self._some.wait():
            time.sleep(self.WAIT_SECONDS)
            self._some.clear()
            try:
                self.flush()
            except (OSError, ValueError):  # nobody takes them any more
                return


def _pieces(lines: list[str]) -> Iterator[str]:
    piece = ""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = ""
        piece += line
    if piece:
        yield piece


def config(service: str) -> dict[str, Any]:
    """The logging configuration (logging.config.dictConfig) of a process of `service`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": _Context, "service": service}},
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "%(levelname)s %(name)s %(message)s %(service)s %(correlation_id)s",
                "rename_fields": {"levelname": "level", "name": "logger"},
                "timestamp": True,
            }
        },
        "handlers": {
            "stdout": {
                "class": "common.logs.Lines",
                "stream": "ext://sys.stdout",
                "formatter": "json",
                "filters": ["context"],
            }
        },
        "root": {"level": "INFO", "handlers": ["stdout"]},
        "loggers": {
            # their lines at INFO tell only what our own already say
            "httpx": {"level": "WARNING"},
            # some ten lines of ERROR for every failed try to connect; it raises them as well
            "pika": {"level": "CRITICAL"},
            "gunicorn.error": {"level": "INFO", "handlers": ["stdout"], "propagate": False},
        },
    }


def configure(service: str) -> None:
    """Send everything this process says through the JSON formatter.

    Also what Python itself would write as text: warnings, and the exceptions that nobody catches.
    """
    logging.config.dictConfig(config(service))
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: _uncaught(error)
    threading.excepthook = lambda thrown: _uncaught(thrown.exc_value)


def _uncaught(error: BaseException | None) -> None:
    if not isinstance(error, (KeyboardInterrupt, SystemExit)):
        logging.getLogger(__name__).critical("nobody caught this", exc_info=error)
