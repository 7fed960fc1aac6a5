"""Requests to end the process, seen by any thread."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def termination_signals() -> Iterator[Callable[[float], bool]]:
    """A function that waits for SIGTERM or SIGINT for some seconds and says whether one came.

    Python runs signal handlers in the main thread only, which may be in a long call; a byte in a socket
    reaches any thread at once. Use in the main thread.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, lambda *_: None) for number in ENDING}

    def signalled(seconds: float) -> bool:
        ours.settimeout(seconds)
        try:
            return bool(set(ours.recv(64)) & set(ENDING))
        except TimeoutError:
            return False

    try:
        yield signalled
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        ours.close()
        theirs.close()
