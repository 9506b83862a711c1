"""The documentation agrees with the files and with the code. tests/docs runs what it shows."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, FENCE, PAGES, ROOT
from tests.test_public_api import MODULES
from toto_django import exceptions
from toto_django.conf import Setting, Settings

SETTINGS_PAGE = DOCS / "settings.md"
CHECKS_PAGE = DOCS / "checks.md"
ERRORS_PAGE = DOCS / "reference-errors.md"

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
CODE = re.compile(r"`([^`\n]+)`")
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
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
def test_tests_that_pages_name_are_there(page: Path) -> None:
    for file, name in NAMED_TEST.findall(page.read_text()):
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.M), f"{file}::{name}"


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


def check_ids() -> set[str]:
    """Those in the package's code."""
    sources = "".join(path.read_text() for path in (ROOT / "toto_django").glob("**/*.py"))
    return set(CHECK_ID.findall(sources))


def test_system_checks_are_documented() -> None:
    rows = re.findall(r"^\| ([CEIW]\d{3}) \|", CHECKS_PAGE.read_text(), re.M)
    assert Counter(rows) == Counter(check_ids())


@pytest.mark.parametrize("setting", settings, ids=lambda setting: setting.name)
def test_check_of_a_setting_is_documented_as_it_reads(setting: Setting) -> None:
    check_id = setting.check_id.rpartition(".")[2]
    row = f"| {check_id} | `TOTO['{setting.name}'] must be {setting.expects}.` |"
    assert row in CHECKS_PAGE.read_text().splitlines()


def test_errors_of_the_wire_are_documented() -> None:
    page = ERRORS_PAGE.read_text()
    sources = Path(str(exceptions.__file__)).read_text()
    codes = set(re.findall(r"super\(\).__init__\((1\d{3}),", sources))
    assert len(codes) > 10
    assert codes | {"1000"} == set(re.findall(r"^\| (1\d{3}) \|", page, re.M))
    assert [name for name in exceptions.__all__ if f"`{name}`" not in page and name != "TotoException"] == []


def test_every_public_module_is_in_one_page_of_the_reference() -> None:
    pages = "".join(page.read_text() for page in DOCS.glob("reference-*.md"))
    named = re.findall(r"^\.\. automodule:: ([\w.]+)$", pages, re.M)
    assert Counter(named) == Counter(module.__name__ for module in MODULES)


def test_every_page_is_in_the_navigation() -> None:
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", (DOCS / "index.md").read_text(), re.M | re.S)
    entries = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    assert Counter([*entries, "index"]) == Counter(page.stem for page in DOCS.glob("*.md"))
