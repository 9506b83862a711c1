"""Numbered events: who has to get which, and who got them how often."""

__all__ = ["Ledger", "Subscription"]


class Ledger:
    """The events of one name. A subscriber has to get what is sent while it is there, once."""

    def __init__(self) -> None:
        self.delivered = self.doubled = self.lost = 0
        self._begun = 0
        self._sent: set[int] = set()

    @property
    def count(self) -> int:
        """How many were sent."""
        return len(self._sent)

    def begin(self) -> int:
        """The number of an event that is about to be sent."""
        self._begun += 1
        return self._begun - 1

    def sent(self, number: int) -> None:
        """The service has it. One that never gets here may be received or not."""
        self._sent.add(number)

    def subscribe(self) -> "Subscription":
        """By somebody who gets every event that begins from now on."""
        return Subscription(self, self._begun)

    def due(self, first: int) -> set[int]:
        """What has been sent from this number on."""
        return {number for number in range(first, self._begun) if number in self._sent}


class Subscription:
    """One subscriber: `leave`, wait until nothing is `missing`, then `close`."""

    def __init__(self, ledger: Ledger, first: int) -> None:
        self._ledger = ledger
        self._first = first
        self._got: set[int] = set()
        self._due: set[int] = set()

    def receive(self, number: int) -> None:
        self._ledger.delivered += 1
        self._ledger.doubled += number in self._got
        self._got.add(number)

    def leave(self) -> None:
        """What is sent from now on need not come any more, and may."""
        self._due = self._ledger.due(self._first)

    @property
    def missing(self) -> set[int]:
        """What was sent before `leave` and is not there yet."""
        return self._due - self._got

    def close(self) -> None:
        """What is missing now is lost."""
        self._ledger.lost += len(self.missing)
