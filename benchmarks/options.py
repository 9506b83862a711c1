"""What every benchmark is told on its command line."""

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """How much of everything."""

    seconds: int = 3
    """Of load for each case and round."""
    rounds: int = 3
    connections: int = 32
    quick: bool = False
    """One round of one second: is all of it there?"""
