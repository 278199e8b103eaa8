"""The gRPC worker processes: started, started again when they die, and gone when we are."""

import logging
import subprocess
import sys
import threading
import time

log = logging.getLogger(__name__)


class WorkerProcesses:
    """`count` processes of one Python module.

    Each reads its standard input to the end and then stops. Only we hold the other end of it, so a
    worker never outlives us, not even when we are killed.
    """

    WATCH_SECONDS = 0.2
    RESTART_SECONDS = 1.0  # a worker that cannot start must not spin
    STOP_SECONDS = 5.0

    def __init__(self, module: str, count: int) -> None:
        self._module = module
        self._workers = [self._start() for _ in range(count)]

    def watch(self, stopping: threading.Event) -> None:
        """Replace whoever dies, until `stopping` is set."""
        while not stopping.wait(self.WATCH_SECONDS):
            for index, worker in enumerate(self._workers):
                if worker.poll() is None:
                    continue
                log.error("worker died", extra={"worker": worker.pid, "status": worker.returncode})
                if stopping.wait(self.RESTART_SECONDS):
                    return
                worker.stdin.close()
                self._workers[index] = self._start()

    def stop(self) -> None:
        """End them all: those that answer calls may finish them, for STOP_SECONDS."""
        for worker in self._workers:
            worker.stdin.close()
        deadline = time.monotonic() + self.STOP_SECONDS
        for worker in self._workers:
            try:
                worker.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", self._module], stdin=subprocess.PIPE)
