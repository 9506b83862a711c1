"""``client.methods.notes.add(text="Buy milk")``: names of methods as attributes."""

from collections.abc import Callable
from typing import Any

__all__ = ["Methods"]


class Methods:
    """The methods whose names begin with what this one's attributes say; calling it calls the method.

    The parameters are keywords, or one mapping. What it returns is what `call` of its
    client or batch returns.
    """

    def __init__(self, call: Callable[[str, Any], Any], name: str = "") -> None:
        self.__call = call
        self.__name = name

    def __getattr__(self, part: str) -> "Methods":
        if part.startswith("_"):
            raise AttributeError(part)  # No method's name, but what copy, pickle and debuggers ask for.
        return Methods(self.__call, f"{self.__name}.{part}" if self.__name else part)

    def __call__(self, parameters: Any = None, /, **named: Any) -> Any:
        if parameters is not None and named:
            raise TypeError("Give the parameters as one mapping or as keywords, not both.")
        return self.__call(self.__name, named if parameters is None else parameters)

    def __repr__(self) -> str:
        return f"<Methods {self.__name}>"
