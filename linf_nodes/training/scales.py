"""Which scales a run sees when."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scales:
    """Scales drawn uniformly from `whole`; or cumulatively: `small` ones first, then small and large ones in turn."""

    whole: tuple[float, float]
    small: tuple[float, float] | None = None
    until: int = 0

    def at(self, step: int) -> tuple[float, float]:
        """The lowest and the highest scale of batch `step`."""
        if self.small is None:
            return self.whole
        if step < self.until or step % 2 == 0:
            return self.small
        return self.small[1], self.whole[1]
