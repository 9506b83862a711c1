"""A shell that follows a page: it runs the commands, and compares what they print with the page."""

import re
import subprocess
from pathlib import Path

END = "end of the command"
VARYING = [
    (r'"session_id": "[^"]+"', '"session_id": "..."'),
    (r'"expires": [\d.]+', '"expires": ...'),
    (r"process \d+", "process ..."),
    (r"in [\d.]+s\b", "in ...s"),
]


class Shell:
    """One bash in a folder; `substitutes` are what its commands are on this machine."""

    def __init__(self, folder: Path, environment: dict[str, str], substitutes: dict[str, str]) -> None:
        self.substitutes = substitutes
        self.process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def follow(self, console: str) -> None:
        """Every command of a block succeeds, and prints what is below it."""
        for shown in re.split(r"^\$ ", console, flags=re.M)[1:]:
            command, _, expected = shown.partition("\n")
            while command.endswith("\\"):
                line, _, expected = expected.partition("\n")
                command += "\n" + line
            printed = self.run(command)
            assert self._masked(printed) == self._masked(expected), f"{command}\n{printed}"

    def run(self, command: str) -> str:
        """What it prints."""
        for shown, here in self.substitutes.items():
            command = command.replace(shown, here)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\necho; echo '{END}' $?\n")
        self.process.stdin.flush()
        printed = ""
        for line in self.process.stdout:
            if line.startswith(END):
                assert line.split()[-1] == "0", f"{command}\n{printed}"
                return printed
            printed += line
        raise AssertionError(f"the shell ended: {command}\n{printed}")

    def _masked(self, text: str) -> str:
        for shown, here in self.substitutes.items():
            text = text.replace(here, shown) if here else text
        for pattern, mask in VARYING:
            text = re.sub(pattern, mask, text)
        return text.strip()
