"""Requests to end a process reach a thread of it, in processes with many open files too."""

import os
import resource
import signal
import threading

import pytest

from core.jobs.signals import termination_signals

MORE_THAN_SELECT_CAN = 1100


@pytest.fixture
def many_open_files():
    """As many descriptors as a long-lived process may have; what is opened later gets a number beyond them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * MORE_THAN_SELECT_CAN)), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(MORE_THAN_SELECT_CAN)]
    yield
    for number in opened:
        os.close(number)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_another_thread_hears_the_request_at_once(many_open_files, number):
    heard = []
    with termination_signals() as signalled:
        assert not signalled(0.01)
        thread = threading.Thread(target=lambda: heard.append(signalled(30.0)))
        thread.start()
        signal.raise_signal(number)
        thread.join(timeout=10.0)
    assert heard == [True]


def test_handlers_are_as_before_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with termination_signals() as signalled:
        assert not signalled(0.0001)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
