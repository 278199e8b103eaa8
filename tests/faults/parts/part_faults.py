"""Every fault of a part: what is done to it, for how long, and which functions go on meanwhile."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import psutil
from local_stack.packages import RABBITMQ_SERVER
from local_stack.rabbitmq import RabbitMQ
from local_stack.settings import clean_environment
from local_stack.stack import Stack

from answers import FUNCTIONS
from lines import Lines, Mode
from outside import frozen
from platform_client import Records, process_tree

SERVICES = ("user", "order", "event", "inventory", "orchestrator")
DATABASES = ("user_db", "order_db", "event_db", "inventory_db")
LINES = (*SERVICES, *DATABASES, "rabbitmq")
_ALL_SERVICES = "all services"
_BEHIND_GATEWAY = ("user", "event", "orchestrator")
_LONG_SECONDS = 20.0
_BROKER_SECONDS = 15.0  # longer than a hold and the sweep that ends it
_SECONDS = 8.0
_DYING_SECONDS = 10.0
_MOMENT_SECONDS = 3.0  # what happens in an instant ends by itself

# Functions that do not need the part. Of the event service, `reserve` needs to know what the seat
# costs, and whatever makes a code or reads one, in which hall it is.
_OF_ACCOUNTS = {"login", "balance", "topup"}
_GO_ON = {
    "user": {"browse", "tickets", "reserve"},
    "order": {"browse", "tickets", *_OF_ACCOUNTS},
    "event": {"refund", "initiate", *_OF_ACCOUNTS},
    "inventory": _OF_ACCOUNTS,
    "orchestrator": {"browse", "login"},
    "recovery": set(FUNCTIONS),
    "rabbitmq": set(FUNCTIONS) - {"reserve"},
}


@dataclass(frozen=True)
class Platform:
    """The stack, and the lines between its parts."""

    stack: Stack
    lines: Lines


Breaking = Callable[[Platform, str], AbstractContextManager[None]]


@dataclass(frozen=True)
class PartFault:
    """`breaking` is what is done to the part; its block lasts so many seconds."""

    part: str
    name: str
    breaking: Breaking
    seconds: float = _SECONDS

    @property
    def goes_on(self) -> set[str]:
        """The functions that must not notice."""
        return _GO_ON.get(self.part.removesuffix("_db"), set())

    @property
    def is_lasting(self) -> bool:
        """Whether every function is called while it lasts."""
        return self.seconds > _MOMENT_SECONDS

    @property
    def is_felt(self) -> bool:
        """Whether somebody notices; else nothing was broken that a lasting one was to break."""
        return self.is_lasting and self.part != "recovery"

    @property
    def breaks_off_answers(self) -> bool:
        """Whether connections are reset that the gateway has to the part.

        HAProxy hangs up on a client too, without a word, where a server resets a connection over a
        request that is not the client's first: the client is to send it again (RFC 9112, 9.3.1).
        """
        return self.part in _BEHIND_GATEWAY and self.breaking in (_killed, _CUT)

    @property
    def leaves_answers_out(self) -> bool:
        """Whether nobody is there to answer: the gateway is what is broken."""
        return self.part == "gateway"

    def __str__(self) -> str:
        return f"{self.part} {self.name}"


@contextmanager
def _stopped(platform: Platform, part: str) -> Iterator[None]:
    platform.stack.stop(part)
    try:
        yield
    finally:
        platform.stack.start(part)


@contextmanager
def _killed(platform: Platform, part: str) -> Iterator[None]:
    """All that it consists of at once; the supervisor sees to it that it comes back."""
    killed = [psutil.Process(pid) for pid in process_tree(platform.stack.pid(part))]
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=_DYING_SECONDS)  # until then connections may be taken
    yield


def _frozen(platform: Platform, part: str) -> AbstractContextManager[None]:
    return frozen(platform.stack, part)


@contextmanager
def _line(mode: Mode, platform: Platform, part: str) -> Iterator[None]:
    platform.lines.switch(part, mode)
    try:
        yield
    finally:
        platform.lines.switch(part, Mode.PASS)


@contextmanager
def _all_sluggish(platform: Platform, _: str) -> Iterator[None]:
    """Every call is answered, and together they take too long: what counts is the whole request."""
    asked = ("user", "order", "event", "inventory")
    for part in asked:
        platform.lines.switch(part, Mode.SLUGGISH)
    try:
        yield
    finally:
        for part in asked:
            platform.lines.switch(part, Mode.PASS)


@contextmanager
def _connections_ended(platform: Platform, _: str) -> Iterator[None]:
    """Every client's, by the server."""
    Records(platform.stack.database_url).query(
        "user",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )
    yield


@contextmanager
def _memory_alarm(platform: Platform, _: str) -> Iterator[None]:
    """The broker takes no message more from whoever publishes."""
    _broker_may_use(platform.stack, "absolute", "1")
    try:
        yield
    finally:
        _broker_may_use(platform.stack, "0.4")


def _broker_may_use(stack: Stack, *memory: str) -> None:
    node = RabbitMQ(stack.state_dir / "rabbitmq", stack.ports, stack.settings)
    subprocess.run(
        [RABBITMQ_SERVER.with_name("rabbitmqctl"), "set_vm_memory_high_watermark", *memory],
        env={**clean_environment(), **node.environment},
        check=True,
        capture_output=True,
        timeout=60,
    )


_CUT, _SILENT, _SLOW = (partial(_line, mode) for mode in (Mode.CUT, Mode.SILENT, Mode.SLOW))

FAULTS = [
    PartFault("postgres", "stopped and started", _stopped),
    PartFault("postgres", "killed", _killed, _MOMENT_SECONDS),
    PartFault("postgres", "frozen", _frozen),
    PartFault("postgres", "all connections ended", _connections_ended, _MOMENT_SECONDS),
    *(
        PartFault(part, name, breaking)
        for part in DATABASES
        for name, breaking in (("line cut", _CUT), ("line silent", _SILENT), ("line slow", _SLOW))
    ),
    PartFault("rabbitmq", "stopped and started", _stopped, _BROKER_SECONDS),
    PartFault("rabbitmq", "killed", _killed, _MOMENT_SECONDS),
    PartFault("rabbitmq", "memory alarm", _memory_alarm, _BROKER_SECONDS),
    PartFault("rabbitmq", "line cut", _CUT, _BROKER_SECONDS),
    PartFault("rabbitmq", "line silent", _SILENT, _BROKER_SECONDS),
    PartFault("rabbitmq", "line slow", _SLOW),
    *(
        fault
        for part in (*SERVICES, "recovery", "gateway")
        for fault in (
            PartFault(part, "killed", _killed, _MOMENT_SECONDS),
            PartFault(part, "frozen", _frozen, _LONG_SECONDS),
        )
    ),
    *(
        PartFault(part, name, breaking)
        for part in SERVICES
        for name, breaking in (("line cut", _CUT), ("line slow", _SLOW))
    ),
    PartFault(_ALL_SERVICES, "lines just quick enough", _all_sluggish, _LONG_SECONDS),
]
_SHORT = (
    "user frozen",
    "order_db line silent",
    "rabbitmq line cut",
    "all services lines just quick enough",
)


def chosen() -> list[PartFault]:
    """All of them where FAULTS says so, else a few that stand for the others."""
    is_full = os.environ.get("FAULTS") == "all"
    return [fault for fault in FAULTS if is_full or str(fault) in _SHORT]


def wait_until(moment: float) -> None:
    """Let a fault last until then."""
    time.sleep(max(0.0, moment - time.monotonic()))
