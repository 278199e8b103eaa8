"""A TCP proxy that can lose one answer, or deliver one request late: what networks do to sagas."""

import socket
import threading
from collections.abc import Callable
from enum import Enum

_CHUNK = 65536


class Fault(Enum):
    """What happens to the connection that the armed bytes pass through."""

    LOSE_ANSWER = "the request arrives, its answer does not"
    HOLD_REQUEST = "the request arrives only once it is released, whoever has given up meanwhile"


class FaultProxy:
    """Stands between a client and `target`; harmless until armed, and then for one connection."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._fault: tuple[Fault, bytes] | None = None
        self._lock = threading.Lock()
        self._released = threading.Event()
        self.struck = threading.Event()
        self.answered = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, fault: Fault, marker: bytes) -> None:
        """Strike the next connection on which a request with these bytes comes."""
        self._released.clear()
        self.struck.clear()
        self.answered.clear()
        self._fault = (fault, marker)

    def release(self) -> None:
        """Let a held request go on to the server."""
        self._released.set()

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
        connection = _Connection(client, server, self._strike, self._released, self.answered)
        threading.Thread(target=connection.pump_answers, daemon=True).start()
        connection.pump_requests()

    def _strike(self, chunk: bytes) -> Fault | None:
        with self._lock:
            if self._fault is None or self._fault[1] not in chunk:
                return None
            fault, self._fault = self._fault[0], None
        self.struck.set()
        return fault


class _Connection:
    """One client's connection, and the one to the server that goes with it."""

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        strike: Callable[[bytes], Fault | None],
        released: threading.Event,
        answered: threading.Event,
    ) -> None:
        self._client = client
        self._server = server
        self._strike = strike
        self._released = released
        self._answered = answered
        self._is_struck = False

    def pump_requests(self) -> None:
        while chunk := _receive(self._client):
            fault = self._strike(chunk)
            self._is_struck = self._is_struck or fault is not None
            if fault is Fault.HOLD_REQUEST:
                self._deliver_late(chunk)
                return
            if not _send(self._server, chunk):
                return
        if not self._is_struck:
            _shut(self._server)

    def pump_answers(self) -> None:
        while chunk := _receive(self._server):
            if self._is_struck:
                self._answered.set()
            elif not _send(self._client, chunk):
                return
        _shut(self._client)

    def _deliver_late(self, first: bytes) -> None:
        """Collect what the client still sends, until it has gone and the request is released."""
        held = [first]
        while chunk := _receive(self._client):
            held.append(chunk)
        self._released.wait()
        _send(self._server, b"".join(held))


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
