"""What is closed at the end of its ``with`` block."""

from typing import Self

__all__ = ["Closing"]


class Closing:
    """Enters as itself."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
