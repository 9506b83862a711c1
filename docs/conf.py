"""The pages, and the reference from docstrings: `sphinx-build -W docs site`, see requirements.txt."""

import os
import sys
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.service.settings")
django.setup()

import toto_django  # noqa: E402

project = "toto_django"
copyright = "The toto-django authors"
version = release = toto_django.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["requirements.txt"]
# Links to headings are those that code hosts make.
myst_heading_anchors = 4

autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
default_role = "code"

# Furo fetches nothing from elsewhere: the fonts are the reader's.
html_theme = "furo"
html_title = f"{project} {version}"
html_copy_source = False
html_show_sphinx = False


def literal_trees(app: Any, what: str, name: str, object: Any, options: Any, lines: list[str]) -> None:
    """Trees of exceptions keep their lines."""
    if any("├──" in line for line in lines):
        lines[:] = [lines[0], "", "::", "", *(f"    {line}" for line in lines[1:]), ""]


def javascript_client(app: Any, name: str, source: list[str]) -> None:
    """The page beside the client's code is a page of the site; links to it and from it lead there."""
    if name == "javascript-client":
        source[0] = (ROOT / "clients" / "js" / "README.md").read_text()
    for link, on_the_site in LINKS.items():
        source[0] = source[0].replace(link, on_the_site)


LINKS = {
    "# toto-django\n": "# JavaScript client\n",
    "](../clients/js/README.md": "](javascript-client.md",
    "](../../README.md": "](index.md",
    "](../../docs/": "](",
    "[index.d.ts](index.d.ts)": "`index.d.ts`",
}


def setup(app: Any) -> None:
    app.connect("source-read", javascript_client)
    app.connect("autodoc-process-docstring", literal_trees)
