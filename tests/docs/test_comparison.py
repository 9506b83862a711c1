"""Each service of docs/comparison.md is made a project, and does what the page says of it."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Block, add_python, blocks

PAGE = DOCS / "comparison.md"
SECTIONS = {
    "Django REST framework": ("drf", "rest_framework"),
    "django-ninja": ("ninja", "ninja"),
    "django-modern-rpc": ("modern_rpc", "modernrpc"),
    "toto_django": ("toto", "toto_django"),
}
"""By heading: the function of services.py that calls it, and the module that it needs."""


def sections() -> dict[str, list[Block]]:
    headings = re.findall(r"^## (.+)$", PAGE.read_text(), re.M)
    texts = re.split(r"^## .+$", PAGE.read_text(), flags=re.M)[1:]
    every = blocks(PAGE)
    return {
        heading: [block for block in every if block.code in text]
        for heading, text in zip(headings, texts, strict=True)
    }


def test_every_section_is_known() -> None:
    assert sections().keys() == SECTIONS.keys()


@pytest.mark.parametrize("heading", SECTIONS)
def test_service_does_what_the_page_says(heading: str, tmp_path: Path) -> None:
    name, module = SECTIONS[heading]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed (docs/requirements.txt)")
    subprocess.run(
        [sys.executable, "-m", "django", "startproject", "mysite", tmp_path],
        check=True,
        timeout=60,
        cwd=tmp_path,
    )
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    settings = "ROOT_URLCONF = 'shop.urls'\nDATABASES['default']['NAME'] = ':memory:'\n"
    add_python(tmp_path / "mysite" / "settings.py", settings)
    for block in sections()[heading]:
        for path, code in block.files():
            add_python(tmp_path / (path or "mysite/settings.py"), code)
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("services.py"), name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
