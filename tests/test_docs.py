"""The documentation agrees with the files and with the code."""

import ast
import re
from pathlib import Path

import pytest

from toto_django.conf import Setting, Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
SETTINGS_PAGE = ROOT / "docs" / "settings.md"

FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
CODE = re.compile(r"`([^`\n]+)`")
CHECK_ID = re.compile(r"[\"'](?:toto_django\.)?([CEIW]\d{3})[\"']")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
settings = [value for value in vars(Settings).values() if isinstance(value, Setting)]


def anchors(page: Path) -> set[str]:
    """The anchors GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ +(.+?)\s*$", FENCE.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def means(code: str, value: object) -> bool:
    try:
        return bool(ast.literal_eval(code) == value)
    except (SyntaxError, ValueError):
        return code == repr(value)


def entry(name: str) -> str:
    """What the settings page says of one key: its table row, or everything below its heading."""
    text = SETTINGS_PAGE.read_text()
    row = re.search(rf"^\| *`{name}`.*$", text, re.M)
    section = re.search(rf"^(#+) +`?{name}`?\s*$(.*?)(?=^#{{1,6}} |\Z)", text, re.M | re.S)
    found = row or section
    return found[0] if found else ""


@each_page
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(CODE.sub("", FENCE.sub("", page.read_text()))):
        path, _, fragment = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not fragment or target.suffix != ".md" or fragment in anchors(target), link


@each_page
def test_python_examples_parse(page: Path) -> None:
    for indent, language, code in FENCE.findall(page.read_text()):
        if language in {"python", "py"}:
            ast.parse(re.sub(rf"^{indent}", "", code, flags=re.M))


@pytest.mark.parametrize("setting", settings, ids=lambda setting: setting.name)
def test_setting_is_documented_with_its_default(setting: Setting) -> None:
    text = entry(setting.name)
    assert text, f"docs/settings.md has no entry for {setting.name}"
    codes = [*CODE.findall(text), *(code for *_, code in FENCE.findall(text))]
    assert any(means(code.strip(), setting.default) for code in codes), f"default {setting.default!r}"


def test_system_checks_are_documented() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "toto_django").glob("**/*.py"))
    documented = "".join(page.read_text() for page in PAGES)
    assert set(CHECK_ID.findall(sources)) <= set(re.findall(r"\b[CEIW]\d{3}\b", documented))
