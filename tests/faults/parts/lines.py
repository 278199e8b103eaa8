"""The lines between the parts of a platform: they can be cut, silenced and slowed down."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import Enum
from typing import Any

from local_stack.ports import any_free

SLOW_SECONDS = 2.0
_SLUGGISH_SECONDS = 0.9
_CHUNK = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, no time to send what is left


class Mode(Enum):
    """What a line does with what comes over it."""

    PASS = "lets everything through"
    CUT = "its connections are reset, new ones are refused"
    SILENT = "connections are taken and stand, nothing comes through: a cable that is pulled"
    SLOW = "everything comes through, each way so late that nobody waits for the answer"
    SLUGGISH = "everything comes through, each way so late that the answer is just in time"


_DELAYS = {Mode.SLOW: SLOW_SECONDS, Mode.SLUGGISH: _SLUGGISH_SECONDS}


class Line:
    """A TCP line to the port that `target` tells; to be switched from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Callable[[], int]) -> None:
        self._loop = loop
        self._target = target
        self._delay = 0.0
        self._speaking = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = any_free()
        self._keeper = self._bound()
        self.switch(Mode.PASS)

    def switch(self, mode: Mode) -> None:
        """Behave so from now on; what a silent line has kept arrives once it passes again."""
        _done(self._loop, self._switch(mode))

    async def _switch(self, mode: Mode) -> None:
        self._delay = _DELAYS.get(mode, 0.0)
        if mode is Mode.CUT:
            self._refuse()
        elif self._server is None:
            self._server = await asyncio.start_server(self._serve, sock=self._keeper)
        if mode is Mode.SILENT:
            self._speaking.clear()
        else:
            self._speaking.set()

    def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._keeper = self._bound()
        for writer in self._open:
            _reset(writer)

    def _bound(self) -> socket.socket:
        """A socket that keeps the port and refuses connections, until somebody listens with it."""
        keeper = socket.socket()
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", self.port))
        return keeper

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._speaking.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            _reset(writer)
            return
        ends = {writer, far_writer}
        self._open |= ends
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        self._open -= ends

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Carry what comes, in its order, until one end is closed; then close the other."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.create_task(self._deliver(under_way, sink))
        chunk = b"begun"
        while chunk:
            try:
                chunk = await source.read(_CHUNK)
            except OSError:
                chunk = b""
            under_way.put_nowait((self._loop.time() + self._delay, chunk))
        await delivering

    async def _deliver(
        self, under_way: "asyncio.Queue[tuple[float, bytes]]", sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while True:
                due_at, chunk = await under_way.get()
                await asyncio.sleep(max(0.0, due_at - self._loop.time()))
                await self._speaking.wait()
                if not chunk:
                    break
                sink.write(chunk)
                await sink.drain()
        sink.close()


class Lines:
    """A line to each part by its name, all in one thread; `target` tells a part's own port."""

    def __init__(self, parts: tuple[str, ...], target: Callable[[str], int]) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="lines", daemon=True).start()
        self._lines = {part: Line(self._loop, lambda part=part: target(part)) for part in parts}

    @property
    def ports(self) -> dict[str, int]:
        """Where each part is reached over its line."""
        return {part: line.port for part, line in self._lines.items()}

    def switch(self, part: str, mode: Mode) -> None:
        """See Line.switch."""
        self._lines[part].switch(mode)

    def close(self) -> None:
        """Cut them all, for good."""
        for line in self._lines.values():
            line.switch(Mode.CUT)
        self._loop.call_soon_threadsafe(self._loop.stop)


def _reset(writer: asyncio.StreamWriter) -> None:
    end = writer.get_extra_info("socket")
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


def _done(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    asyncio.run_coroutine_threadsafe(work, loop).result(10)
