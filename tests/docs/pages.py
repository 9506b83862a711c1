"""The pages of the documentation, as blocks, and as files and commands of whoever follows them."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("**/*.md"))]

FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.M | re.S)
NAMED_ABOVE = re.compile(r"`([\w./]+\.(?:py|html|js))`")
NAMED_INSIDE = re.compile(r"^# ([\w/]+\.py)\b[^\n]*\n", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block. `paths` are the files that the paragraph above it names."""

    page: str
    language: str
    code: str
    paths: tuple[str, ...]

    @property
    def first_line(self) -> str:
        return self.code.partition("\n")[0]

    def files(self) -> list[tuple[str | None, str]]:
        """The parts of a block in Python by their files: named by comments, else above. None is no file."""
        first, *named = NAMED_INSIDE.split(self.code)
        parts: list[tuple[str | None, str]] = list(zip(named[::2], named[1::2], strict=True))
        if first.strip():
            parts.insert(0, (self.paths[0] if len(self.paths) == 1 else None, first))
        return parts


def blocks(page: Path) -> list[Block]:
    text, found = page.read_text(), []
    for fence in FENCE.finditer(text):
        indent, language, code = fence.groups()
        paragraph = text[: fence.start()].rstrip().rpartition("\n\n")[2]
        is_prose = not paragraph.startswith(("#", "```", "|", "-"))
        paths = tuple(dict.fromkeys(NAMED_ABOVE.findall(paragraph))) if is_prose else ()
        code = re.sub(rf"^{indent}", "", code, flags=re.M)
        found.append(Block(page.relative_to(ROOT).as_posix(), language, code, paths))
    return found


def python_blocks(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language in {"python", "py"}]


def add_python(path: Path, code: str) -> None:
    """At the end of a file; functions and classes take the place of earlier ones of the same name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    replaced = _definitions(code).keys()
    lines = before.splitlines(keepends=True)
    for name, (begin, end) in reversed(_definitions(before).items()):
        if name in replaced:
            del lines[begin - 1 : end]
    path.write_text("".join(lines) + "\n\n" + code)


def _definitions(code: str) -> dict[str, tuple[int, int]]:
    """First and last lines of functions and classes, decorators included."""
    found = {}
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            begin = min(line.lineno for line in [node, *node.decorator_list])
            found[node.name] = (begin, node.end_lineno or begin)
    return found
