"""Places in a process, of which every session and every client address has so many and no more."""

from collections import Counter
from threading import RLock

__all__ = ["Places"]


class Places:
    """How many are taken, by whom. In the memory of the process, and counted for those alone who have one."""

    def __init__(self) -> None:
        self._of_sessions: Counter[str] = Counter()
        self._of_addresses: Counter[str] = Counter()
        self._lock = RLock()

    def take(self, session_id: str, address: str, most_of_session: int, most_of_address: int) -> bool:
        """Whether there was one; ``session_id`` is "" where the address alone counts."""
        with self._lock:
            if self._of_addresses[address] >= most_of_address:
                return False
            if session_id and self._of_sessions[session_id] >= most_of_session:
                return False
            self._of_addresses[address] += 1
            if session_id:
                self._of_sessions[session_id] += 1
            return True

    def give_back(self, session_id: str, address: str) -> None:
        """A place that was taken."""
        with self._lock:
            _subtract(self._of_addresses, address)
            if session_id:
                _subtract(self._of_sessions, session_id)


def _subtract(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
