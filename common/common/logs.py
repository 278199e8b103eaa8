"""Logs: one JSON object a line on standard output, each with service and correlation ID."""

import logging
import logging.config
import sys
import threading
from typing import Any

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
                "class": "logging.StreamHandler",
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
