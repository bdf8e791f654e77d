"""A signal to end is noted wherever it comes, and heeded only where nothing is half done."""

import os
import signal

import pytest

from marketplace.dev import endings, household
from marketplace.dev.household import Household


@pytest.mark.parametrize("ending", endings.ENDINGS)
def test_is_noted_and_heeded_when_asked(ending):
    with endings.noted():
        endings.heed()
        os.kill(os.getpid(), ending)
        os.kill(os.getpid(), ending)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                endings.heed()
    endings.heed()


def test_puts_back_what_was_done_with_signals_before():
    before = [signal.getsignal(ending) for ending in endings.ENDINGS]
    with endings.noted():
        assert not set(before) & {signal.getsignal(ending) for ending in endings.ENDINGS}
    assert [signal.getsignal(ending) for ending in endings.ENDINGS] == before


def test_nobody_is_interrupted_while_asking_whether_a_program_runs(tmp_path, monkeypatch):
    """There a lock is held that nobody would give back, and whoever waits for the program's end would wait for ever."""
    asked = []

    class Program:
        name = "program"

        @property
        def exit_status(self):
            if not asked:
                os.kill(os.getpid(), signal.SIGINT)
            asked.append("to its end")

        def ask_to_end(self):
            asked.append("to end")

        def stop(self, *, patience):
            asked.append("ended")

    monkeypatch.setattr(household, "Child", lambda *_, **__: Program())
    with endings.noted(), pytest.raises(KeyboardInterrupt), Household(tmp_path / "logs", {}) as home:
        home.add("program", "true")
        home.expect_running()
        home.expect_running()
    assert asked == ["to its end", "to end", "ended"]
