"""Proxies before each service that the orchestrator calls: they ask the watch for every call."""

import http.client
import json
import re
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import grpc
import psutil

from watch import Watch

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PATIENCE_SECONDS = 60  # a frozen service takes its time
_TELLING = ("step", "status")  # what a call that writes the journal says
_BESIDE = "/revocations"  # asked for again and again beside all requests
_PUBLISH = b"seat.hold.exchange"
# AMQP 0-9-1: class 60 (basic), method 80 (ack); a frame's head, its end mark, and its kind 3 (body)
_CONFIRMED = b"\x00\x3c\x00\x50"
_FRAME_HEAD = struct.Struct(">BHI")
_FRAME_END = 1
_BODY = 3


class Answer(NamedTuple):
    """An HTTP answer as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _HttpPassing:
    """A request of HTTP/1.1, whole, on a connection of its own."""

    def __init__(self, port: int, request: "_Handler", body: bytes) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, _PATIENCE_SECONDS)
        self._request = request
        self._body = body

    def connect(self) -> int:
        self._connection.connect()
        return self._connection.sock.getsockname()[1]

    def send(self) -> Answer | None:
        request = self._request
        try:
            self._connection.request(
                request.command, request.path, self._body, dict(request.headers)
            )
            answer = self._connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            self._connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "HttpProxy"

    def parse_request(self) -> bool:
        """Every method is served alike."""
        if not super().parse_request():
            return False
        setattr(self, f"do_{self.command}", self._serve)
        return True

    def log_message(self, *_: Any) -> None:
        """The watch keeps what is to be known."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        passing = _HttpPassing(self.server.target, self, body)
        if self.path.startswith(_BESIDE):
            answer = passing.send()
        else:
            name = _named(self.command, self.path, body)
            answer = self.server.watch.pass_on(self.server.name, name, passing)
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for key, value in answer.headers:
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(answer.body)


class HttpProxy(ThreadingHTTPServer):
    """Before a REST service on port `target`."""

    daemon_threads = True
    request_queue_size = 128  # of 5, a crowd's next connection waits for TCP to try again, 1 s

    def __init__(self, name: str, target: int, watch: Watch) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name, self.target, self.watch = name, target, watch
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A caller that is killed hangs up."""

    def close(self) -> None:
        """Take no more connections."""
        self.shutdown()
        self.server_close()


class _RpcPassing:
    """A unary call on a channel of its own."""

    def __init__(self, port: int, method: str, request: bytes, metadata: Any) -> None:
        self._port = port
        self._method = method
        self._request = request
        self._metadata = metadata
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{port}", (("grpc.use_local_subchannel_pool", 1),)
        )

    def connect(self) -> int:
        before = _local_ports(self._port)
        grpc.channel_ready_future(self._channel).result(5)
        (own,) = _local_ports(self._port) - before
        return own

    def send(self) -> bytes | grpc.RpcError:
        with self._channel as channel:
            try:
                call = channel.unary_unary(self._method)
                return call(self._request, timeout=_PATIENCE_SECONDS, metadata=self._metadata)
            except grpc.RpcError as error:
                return error


class GrpcProxy(grpc.GenericRpcHandler):
    """Before the gRPC service on port `target`."""

    def __init__(self, name: str, target: int, watch: Watch) -> None:
        self._name, self._target, self._watch = name, target, watch
        self._server = grpc.server(ThreadPoolExecutor(16), handlers=(self,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """See grpc.GenericRpcHandler; what is no unary call, our services do not have."""
        name = details.method.rpartition("/")[2]

        def pass_on(request: bytes, context: grpc.ServicerContext) -> bytes:
            passing = _RpcPassing(
                self._target, details.method, request, details.invocation_metadata
            )
            answer = self._watch.pass_on(self._name, name, passing)
            if answer is None:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the answer is lost")
            if isinstance(answer, grpc.RpcError):
                context.set_trailing_metadata(answer.trailing_metadata() or ())
                context.abort(answer.code(), answer.details() or "")
            return answer

        return grpc.unary_unary_rpc_method_handler(pass_on)

    def close(self) -> None:
        """End at once."""
        self._server.stop(0)


class _Publishing:
    """The bytes of a message that is published, and its confirmation."""

    def __init__(self, broker: socket.socket, chunk: bytes) -> None:
        self._broker = broker
        self._chunk = chunk
        self._confirmed = threading.Event()
        self.answer = b""

    def connect(self) -> int:
        return self._broker.getsockname()[1]

    def send(self) -> bytes | None:
        self._broker.sendall(self._chunk)
        return self.answer if self._confirmed.wait(10) else None

    def hear(self, chunk: bytes) -> None:
        """What the broker says meanwhile."""
        self.answer += chunk
        if _CONFIRMED in self.answer:
            self._confirmed.set()


class BrokerProxy:
    """Before RabbitMQ: to publish a hold's message is a call, its confirmation the answer."""

    def __init__(self, name: str, target: int, watch: Watch) -> None:
        self._name, self._target, self._watch = name, target, watch
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                broker = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            link = _Link(client, broker)
            threading.Thread(target=link.pump_answers, daemon=True).start()
            threading.Thread(target=self._pump, args=(link,), daemon=True).start()

    def _pump(self, link: "_Link") -> None:
        with link.client, link.broker:
            while chunk := _receive(link.client):
                if _PUBLISH not in chunk:
                    link.broker.sendall(chunk)
                    continue
                link.publishing = _Publishing(link.broker, _whole_message(link.client, chunk))
                answer = self._watch.pass_on(self._name, "publish hold", link.publishing)
                link.publishing = None
                if answer is None:
                    return
                link.client.sendall(answer)


class _Link:
    """A client's connection and ours to the broker."""

    def __init__(self, client: socket.socket, broker: socket.socket) -> None:
        self.client, self.broker = client, broker
        self.publishing: _Publishing | None = None

    def pump_answers(self) -> None:
        while chunk := _receive(self.broker):
            if self.publishing is not None:
                self.publishing.hear(chunk)
            else:
                try:
                    self.client.sendall(chunk)
                except OSError:
                    return


def _whole_message(client: socket.socket, begun: bytes) -> bytes:
    """The frames of a message that is published, which may come in pieces."""
    while not _ends_with_body(begun) and (more := _receive(client)):
        begun += more
    return begun


def _ends_with_body(frames: bytes) -> bool:
    at, kind = 0, 0
    while at + _FRAME_HEAD.size <= len(frames):
        kind, _, size = _FRAME_HEAD.unpack_from(frames, at)
        at += _FRAME_HEAD.size + size + _FRAME_END
    return at == len(frames) and kind == _BODY


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""


def _named(method: str, path: str, body: bytes) -> str:
    """What a request is called, whatever IDs it bears: its journal entry is part of the name."""
    name = f"{method} {_UUID.sub('{id}', path.partition('?')[0])}"
    if not path.startswith(("/orders/", "/transfers/")) or not body:
        return name
    told = json.loads(body)
    words = [str(told[key]) for key in _TELLING if told.get(key)]
    return " ".join([name, *words, *(["undoing"] if told.get("undoing") else [])])


def _local_ports(remote_port: int) -> set[int]:
    """Those of our own connections to that port."""
    connections = psutil.Process().net_connections("tcp")
    return {one.laddr.port for one in connections if one.raddr and one.raddr.port == remote_port}
