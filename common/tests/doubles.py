"""Servers of the tests' making, over real sockets."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import grpc
from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc

from common.rpc import ServerInterceptor
from common.testing import INTERNAL_TOKEN


def answer(status: int, body: str | bytes, connection: str = "keep-alive") -> bytes:
    """An HTTP answer as it goes over the wire."""
    raw = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(raw)}\r\nConnection: {connection}\r\n\r\n"
    return head.encode() + raw


class Cut(bytes):
    """The beginning of an answer, after which the server hangs up."""


class ScriptedServer:
    """Answers each request with the next line of its script: bytes, or None to hang up unanswered.

    With `hangs` a request gets no answer at all once the script is over.
    """

    def __init__(self, *script: bytes | None, hangs: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._script, self._hangs = list(script), hangs
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Refuse connections from now on."""
        self._over.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while request := _whole_request(connection):
                self.requests.append(request)
                if not self._script:
                    if self._hangs:
                        self._over.wait(10)
                    return
                line = self._script.pop(0)
                if line is None:
                    return
                connection.sendall(line)
                if isinstance(line, Cut):
                    return


def _whole_request(connection: socket.socket) -> bytes:
    """The next request with all of its body, which may come in several pieces; empty at the end."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (piece := connection.recv(65536)):
            return b""
        request += piece
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]) and (piece := connection.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


Behaviour = Callable[[Any, grpc.ServicerContext], Any]


class Servicer(inventory_pb2_grpc.InventoryServicer):
    """A gRPC service whose GetSeatOwner does what the test says."""

    def __init__(self) -> None:
        self.calls = 0
        self.behaviour: Behaviour = lambda request, context: pb.Seat(seat_id=request.seat_id)

    def GetSeatOwner(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls += 1
        return self.behaviour(request, context)


@contextmanager
def rpc_server(servicer: Servicer, port: int = 0) -> Iterator[tuple[str, grpc.Server]]:
    """`servicer` behind the interceptor of the house; gives its address."""
    server = grpc.server(ThreadPoolExecutor(8), interceptors=(ServerInterceptor(INTERNAL_TOKEN),))
    inventory_pb2_grpc.add_InventoryServicer_to_server(servicer, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}", server
    finally:
        server.stop(None).wait()


class CuttableLine:
    """A TCP line to `target` whose connections can be cut; new ones are let through.

    It can also be silenced: connections are taken and stand, and nothing comes through until it
    speaks again.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._there = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._speaking = threading.Event()
        self._speaking.set()
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "CuttableLine":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._listener.close()
        self.cut()
        self.speak()

    def silence(self) -> None:
        """Let nothing through."""
        self._speaking.clear()

    def speak(self) -> None:
        """Let everything through again, also what has come meanwhile."""
        self._speaking.set()

    def cut(self) -> None:
        """End every connection there is, and none that is made meanwhile."""
        there, self._open = self._open, []
        for connection in there:
            with connection, suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, far = self._listener.accept()[0], socket.create_connection(self._there)
                self._open += (near, far)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while carried := source.recv(65536):
                self._speaking.wait()
                sink.sendall(carried)


def free_port() -> int:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
