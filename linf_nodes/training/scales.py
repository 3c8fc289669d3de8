"""Which scales a run sees when."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scales:
    """Scales drawn uniformly from `whole`; or cumulatively: `small` ones first, then small and large ones in turn.

    `until` is the part of the run, from 0 to 1, that sees small ones alone.
    """

    whole: tuple[float, float]
    small: tuple[float, float] | None = None
    until: float = 0.0

    def at(self, step: int, done: float = 0.0) -> tuple[float, float]:
        """The lowest and the highest scale of batch `step`, when `done` of the run are behind it."""
        if self.small is None:
            return self.whole
        if done < self.until or step % 2 == 0:
            return self.small
        return self.small[1], self.whole[1]
