import asyncio
import os
import signal

import pytest

from spillover.cli.demo_run import SIGNALS, Interrupted, Stop


class Told:
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_cancels_the_work_and_waits_for_its_end(signum):
    """The work's own clean-up has run, to its end and in spite of a second signal, before Interrupted is raised."""
    done = []

    async def work():
        try:
            os.kill(os.getpid(), signum)
            await asyncio.sleep(60)
        finally:
            os.kill(os.getpid(), signum)
            await asyncio.sleep(0.05)
            done.append("cleaned up")

    async def main():
        stop, face = Stop(), Told()
        stop.tell(face)
        with pytest.raises(Interrupted):
            await stop.unless(work())
        return face.lines

    said = asyncio.run(main())
    assert done == ["cleaned up"]
    assert said == ["Stopping: ending what was started.", "Still cleaning up, and that is not cut short."]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_work_that_fails_raises_its_own_error():
    """Without a signal the work's result or error passes through."""

    async def fails():
        raise ValueError("no")

    async def main():
        stop = Stop()
        assert await stop.unless(asyncio.sleep(0, "yes")) == "yes"
        with pytest.raises(ValueError, match="no"):
            await stop.unless(fails())

    asyncio.run(main())


def test_a_signal_before_the_work_counts():
    """What was asked for while nothing could be cancelled is not forgotten."""

    async def main():
        stop = Stop()
        stop.ask()
        with pytest.raises(Interrupted):
            stop.check()

    asyncio.run(main())
