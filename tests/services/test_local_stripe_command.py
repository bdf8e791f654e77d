"""The local Stripe as a program: it runs until it is told to end, and says in a sentence why it cannot begin."""

import os
import signal
import socket
from threading import Timer

import pytest

from marketplace.dev.stripe import __main__ as command
from marketplace.dev.stripe.server import LocalStripe


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.fixture(autouse=True)
def _signals():
    """What the program does with signals ends with it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, what in before.items():
        signal.signal(number, what)


def test_a_port_in_use_is_one_sentence(port, tmp_path, capsys):
    assert command.main(["--port", str(port), "--state", str(tmp_path / "state.db")]) == 1
    assert capsys.readouterr().err == f"The local Stripe cannot use port {port}: Address already in use.\n"


def test_a_state_that_cannot_be_kept_is_one_sentence(tmp_path, capsys):
    assert command.main(["--port", "0", "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"The local Stripe cannot use {tmp_path}: unable to open database file.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_until_it_is_told_to_end(tmp_path, capsys, monkeypatch, number):
    stopped = []

    def stop(stripe, really=LocalStripe.stop):
        stopped.append(stripe.base_url)
        really(stripe)

    def told_while_it_stays(stripe, stay=LocalStripe.wait):
        Timer(0.1, os.kill, (os.getpid(), number)).start()
        stay(stripe)

    monkeypatch.setattr(LocalStripe, "wait", told_while_it_stays)
    monkeypatch.setattr(LocalStripe, "stop", stop)

    assert command.main(["--port", "0", "--state", str(tmp_path / "state.db")]) == 0
    assert capsys.readouterr().out == f"Local Stripe on {stopped[0]} (no real money)\n"
    assert len(stopped) == 1


def test_ends_by_itself_when_the_server_does(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(LocalStripe, "wait", lambda stripe: ended.append(stripe))  # noqa: PLW0108  It is called as a method.

    assert command.main(["--port", "0", "--state", str(tmp_path / "state.db")]) == 0
    assert len(ended) == 1
    ended[0].stop()
