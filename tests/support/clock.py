"""An event loop whose clock can be set forward, for tests of deadlines."""

import asyncio

import anyio


class Clock(asyncio.SelectorEventLoop):
    """An event loop for `anyio.run(…, backend_options=ON_A_CLOCK)`."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = 0.0

    def time(self) -> float:
        """Return the time of the loop, in seconds."""
        return super().time() + self.ahead_s


ON_A_CLOCK = {"loop_factory": Clock}


async def pass_time(seconds: float) -> None:
    """Set the clock of the running loop forward, and return when all that was due by then has run."""
    clock = asyncio.get_running_loop()
    assert isinstance(clock, Clock)
    clock.ahead_s += seconds
    await anyio.sleep(0.001)
