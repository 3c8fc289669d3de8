"""How far a run has come: in steps, or in minutes of training where a run has those."""

import time

LONGEST = (
    300.0  # seconds between two steps; at a longer gap, if it is the only one, the machine slept or its clock jumped
)


class Clock:
    """Counts steps against `steps`, or the seconds spent training against `minutes` where that is not 0.

    `seconds` goes into the checkpoint: a run goes on where it stood, with another number of minutes if asked.
    """

    def __init__(self, steps: int, minutes: float = 0.0):
        self.steps, self.minutes = steps, minutes
        self.seconds = 0.0
        self._last: float | None = None
        self._long = False

    def start(self) -> None:
        """Begin to count: what came before was no training."""
        self._last = time.monotonic()

    def tick(self) -> None:
        """A step is done."""
        now = time.monotonic()
        gap = 0.0 if self._last is None else now - self._last
        if 0 <= gap <= LONGEST or (
            gap > LONGEST and self._long
        ):  # a clock does not jump twice in a row: steps are slow
            self.seconds += gap
        self._long, self._last = gap > LONGEST, now

    def done(self, step: int) -> float:
        """The part of the run, from 0 to 1, that is behind it before step `step` (from 0)."""
        return min(1.0, self.seconds / (60 * self.minutes) if self.minutes else step / max(1, self.steps))

    def total(self, step: int) -> int:
        """How many steps the run will have, as far as can be told at step `step`."""
        done = self.done(step)
        return max(step, round(step / done)) if self.minutes and done else self.steps
