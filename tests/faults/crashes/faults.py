"""What happens at a boundary: who dies there and when, or what is lost or late."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any

import psutil
from local_stack.stack import Stack

from common.testing import wait_for
from platform_client import process_tree
from scenarios import Scenario
from watch import Boundary, Passing, Watch
from world import World


class Fault(Enum):
    """Its words in the table."""

    KILLED_BEFORE = "driver killed before the call"
    KILLED_AFTER = "driver killed after it"
    ANSWER_LOST = "answers lost"
    SERVICE_KILLED_BEFORE = "service killed before it"
    SERVICE_KILLED_AFTER = "service killed after it, answer lost"
    RECOVERY_KILLED = "driver killed after it, then recovery"
    LATE = "service frozen, call late"


_OF_DRIVER = {Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.RECOVERY_KILLED}
_OF_READS = {Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.ANSWER_LOST}
_OF_BROKER = {Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.ANSWER_LOST}


def possible(scenario: type[Scenario], boundary: Boundary) -> list[Fault]:
    """What can happen at that boundary; a killed broker is a fault of a part, not of a step."""
    faults = list(Fault)
    if not scenario.by_orchestrator:
        faults = [one for one in faults if one not in _OF_DRIVER]
    if not boundary.changes:
        faults = [one for one in faults if one in _OF_READS]
    if boundary.service == "rabbitmq":
        faults = [one for one in faults if one in _OF_BROKER]
    return faults


class Striking:
    """One fault at one boundary; `thaw` lets a call that is late come to its end."""

    def __init__(self, world: World, fault: Fault, boundary: Boundary) -> None:
        self._world = world
        self._watch: Watch = world.watch
        self._fault = fault
        self._boundary = boundary
        self._frozen: psutil.Process | None = None
        self._late_call_is_over = threading.Event()
        self._recovery_is_killed = threading.Event()

    def arm(self) -> None:
        """From now on."""
        again = self._fault is Fault.ANSWER_LOST  # the caller's second try is as unlucky
        self._watch.arm(self._is_meant, getattr(self, f"_{self._fault.name.lower()}"), again)

    @contextmanager
    def recovering(self) -> Iterator[None]:
        """Recovery meanwhile: the stack's own, or one that is killed as it begins, then another."""
        if self._fault is not Fault.RECOVERY_KILLED:
            try:
                yield
            finally:
                self._resume()
            return
        self._world.stack.stop("recovery")
        first = self._world.watched_recovery()
        try:
            with self._replaced(first):
                yield
        finally:
            first.kill()
            self._world.stack.start("recovery")

    def thaw(self) -> None:
        """What was frozen goes on, and the late call is done with."""
        self._resume()
        assert self._late_call_is_over.wait(20), "the late call did not come to its end"

    def _resume(self) -> None:
        if self._frozen is not None:
            self._frozen.resume()

    def _is_meant(self, boundary: Boundary) -> bool:
        of_call = (boundary.service, boundary.call) == (self._boundary.service, self._boundary.call)
        return of_call and boundary.nth >= self._boundary.nth

    def _killed_before(self, _: Passing) -> None:
        self._world.orchestrator.kill()

    def _killed_after(self, passing: Passing) -> None:
        passing.send()
        self._world.orchestrator.kill()

    def _answer_lost(self, passing: Passing) -> None:
        passing.send()

    def _service_killed_before(self, passing: Passing) -> Any:
        kill_service(self._world.stack, self._boundary.service)
        return passing.send()

    def _service_killed_after(self, passing: Passing) -> None:
        passing.send()
        kill_service(self._world.stack, self._boundary.service)

    def _recovery_killed(self, passing: Passing) -> None:
        passing.send()
        self._watch.arm(_is_recoverys_first_change, self._kill_recovery)
        self._world.orchestrator.kill()

    def _late(self, passing: Passing) -> None:
        port = passing.connect()
        self._frozen = worker_of(self._world.stack, self._boundary.service, port)
        self._frozen.suspend()
        passing.send()
        self._late_call_is_over.set()

    def _kill_recovery(self, _: Passing) -> None:
        self._recovery.kill()
        self._recovery_is_killed.set()

    @contextmanager
    def _replaced(self, first: Any) -> Iterator[None]:
        """Another recovery runs once the first one is dead."""
        self._recovery = first
        replaced = threading.Event()

        def replace() -> None:
            while not replaced.wait(0.05):
                if self._recovery_is_killed.is_set():
                    self._world.stack.start("recovery")
                    return

        replacing = threading.Thread(target=replace)
        replacing.start()
        try:
            yield
        finally:
            replaced.set()
            replacing.join()


def kill_service(stack: Stack, name: str) -> None:
    """SIGKILL for all that it consists of; its supervisor starts it again."""
    for pid in process_tree(stack.pid(name)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def worker_of(stack: Stack, name: str, client_port: int) -> psutil.Process:
    """Which of a service's processes has the connection that comes from that port."""
    processes = [psutil.Process(pid) for pid in process_tree(stack.pid(name))]

    def having() -> psutil.Process | None:
        for process in processes:
            for one in process.net_connections("tcp"):
                if one.raddr and one.raddr.port == client_port:
                    return process
        return None

    return wait_for(having, f"the connection of {name}")


def _is_recoverys_first_change(boundary: Boundary) -> bool:
    return boundary.changes and not boundary.call.endswith("/saga/take-over")
