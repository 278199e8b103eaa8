"""A TCP proxy that can lose one answer, or deliver one request late: what networks do to sagas."""

import re
import socket
import threading
from enum import Enum

from common.testing import wait_for

_CHUNK = 65536
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.I | re.M)


class Fault(Enum):
    """What happens to the connection that the armed bytes pass through; its answers are lost."""

    LOSE_ANSWER = "the request arrives, its answer does not"
    HOLD_REQUEST = "the request arrives only once it is released, whoever has given up meanwhile"
    HOLD_CALL = "the same for gRPC, whose client takes a call back on the same connection"


class FaultProxy:
    """Stands between a client and `target`; harmless until armed, and then for one connection."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._fault: tuple[Fault, bytes] | None = None
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._lost = b""
        self.struck = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, fault: Fault, marker: bytes) -> None:
        """Strike the next connection on which a request with these bytes comes."""
        self._released.clear()
        self.struck.clear()
        self._lost = b""
        self._fault = (fault, marker)

    def release(self) -> None:
        """Let a held request go on to the server."""
        self._released.set()

    def expect_answer(self, sign: bytes) -> None:
        """Wait for these bytes in what the server answered to the request that was struck."""
        wait_for(lambda: sign in self._lost, f"{sign!r} in the lost answer")

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        is_struck = threading.Event()
        answers = threading.Thread(
            target=self._pump_answers, args=(server, client, is_struck), daemon=True
        )
        answers.start()
        self._pump_requests(client, server, is_struck)

    def _pump_requests(
        self, client: socket.socket, server: socket.socket, is_struck: threading.Event
    ) -> None:
        while chunk := _receive(client):
            if fault := self._strike(chunk):
                chunk = _whole_request(client, chunk)  # its sender may be killed once it is struck
                is_struck.set()
                self.struck.set()
            if fault in (Fault.HOLD_REQUEST, Fault.HOLD_CALL):
                self._released.wait()
            if not _send(server, chunk) or fault is Fault.HOLD_CALL:
                return
        if not is_struck.is_set():  # else the server may take its time for what is lost anyway
            _shut(server)

    def _pump_answers(
        self, server: socket.socket, client: socket.socket, is_struck: threading.Event
    ) -> None:
        while chunk := _receive(server):
            if is_struck.is_set():
                self._lost += chunk
            elif not _send(client, chunk):
                return
        _shut(client)

    def _strike(self, chunk: bytes) -> Fault | None:
        with self._lock:
            if self._fault is None or self._fault[1] not in chunk:
                return None
            fault, self._fault = self._fault[0], None
        return fault


def _whole_request(client: socket.socket, begun: bytes) -> bytes:
    """An HTTP/1.1 request with the rest of its body, which clients send apart."""
    head, _, body = begun.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (more := _receive(client)):
        begun += more
        missing -= len(more)
    return begun


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_CHUNK)
    except OSError:
        return b""


def _send(connection: socket.socket, chunk: bytes) -> bool:
    try:
        connection.sendall(chunk)
    except OSError:
        return False
    return True


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()
