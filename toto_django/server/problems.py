"""What an operator is told instead of a traceback."""

__all__ = ["AlreadyRunning", "NotRunning", "NotStarted", "OptionProblem", "ServerProblem"]


class ServerProblem(Exception):
    """The message is for the operator; ``exit_code`` is the command's."""

    exit_code = 1


class OptionProblem(ServerProblem):
    """An unknown option, or a value that it cannot have."""

    exit_code = 2


class NotRunning(ServerProblem):
    """No daemon holds the pidfile."""

    exit_code = 3


class AlreadyRunning(ServerProblem):
    """A daemon holds the pidfile."""


class NotStarted(ServerProblem):
    """A process ended before it served."""
