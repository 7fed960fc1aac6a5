"""A proxy between a client and a MongoDB server that breaks connections when it is told to."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit


class Proxy:
    """Forwards 127.0.0.1:port to the server of a MongoDB address; use as a context manager.

    Attributes:
        received: bytes that the server has sent through it. breaks: how often it broke all connections.
    """

    def __init__(
        self,
        server: str,
        *,
        reply: Callable[[bytes], bytes] | None = None,
        broken: Callable[[], None] = lambda: None,
    ):
        """Open the port.

        Args:
            reply: what a client is told in place of each message of the server. broken: called when `cut_after` has cut.
        """
        self._server, self._reply, self._broken = server, reply, broken
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._cuts: list[int] = []
        self._refusing = False
        self._lock = threading.Lock()
        self.received = self.breaks = 0

    @property
    def address(self) -> str:
        """MongoDB's address of the proxy."""
        return f"mongodb://{self.host}/?directConnection=true"

    @property
    def host(self) -> str:
        """Name and port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def cut_after(self, *counts: int) -> None:
        """Break all connections each time that the server has sent so many bytes more."""
        with self._lock:
            total = self.received
            self._cuts = [total := total + count for count in counts]

    def refuse(self, refusing: bool = True) -> None:
        """From now on end every connection at once, or no longer."""
        self._refusing = refusing
        self._break()

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._listener.close()
        self._break()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            server = self._connect()
            self._open |= {client, server}
            threading.Thread(target=self._forward, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, True), daemon=True).start()

    def _connect(self) -> socket.socket:
        host = unquote(urlsplit(self._server).netloc.rpartition("@")[2])
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(host)
            return server
        name, _, port = host.split(",")[0].partition(":")
        return socket.create_connection((name, int(port or 27017)))

    def _forward(self, source: socket.socket, target: socket.socket, from_server: bool) -> None:
        with suppress(OSError):
            for content in self._messages(source) if from_server and self._reply else _pieces(source):
                if from_server and self._count(len(content)):
                    self._break()
                    self._broken()
                    break
                target.sendall(content)
        for end in (source, target):
            self._open.discard(end)
            end.close()

    def _messages(self, source: socket.socket) -> Iterator[bytes]:
        """Whole messages, as the client is told them; each begins with its length."""
        held = b""
        for piece in _pieces(source):
            held += piece
            while len(held) >= 4 and len(held) >= (length := int.from_bytes(held[:4], "little")):
                yield self._reply(held[:length])
                held = held[length:]

    def _count(self, size: int) -> bool:
        """Whether it is time to break."""
        with self._lock:
            self.received += size
            due = bool(self._cuts) and self.received >= self._cuts[0]
            self._cuts = self._cuts[1:] if due else self._cuts
            self.breaks += due
            return due

    def _break(self) -> None:
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()


def _pieces(source: socket.socket) -> Iterator[bytes]:
    """What arrives, as it does."""
    while content := source.recv(16384):
        yield content
