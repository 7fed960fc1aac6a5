"""A proxy between a client and a MongoDB server that breaks connections when it is told to."""

import socket
import threading
from contextlib import suppress
from urllib.parse import unquote, urlsplit


class Proxy:
    """Forwards 127.0.0.1:port to the server of a MongoDB address; use as a context manager.

    Attributes:
        received: bytes that the server has sent through it. breaks: how often it broke all connections.
    """

    def __init__(self, server: str):
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._cuts: list[int] = []
        self._refusing = False
        self._lock = threading.Lock()
        self.received = self.breaks = 0

    @property
    def address(self) -> str:
        """MongoDB's address of the proxy."""
        return f"mongodb://127.0.0.1:{self._listener.getsockname()[1]}/?directConnection=true"

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
            while content := source.recv(16384):
                if from_server and self._count(len(content)):
                    self._break()
                    break
                target.sendall(content)
        for end in (source, target):
            self._open.discard(end)
            end.close()

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
