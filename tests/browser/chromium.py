"""The browser of the tests, which Playwright drives."""

import shutil

__all__ = ["CHROMIUM", "FLAGS"]

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""Without the parts of a desktop's browser if possible: they take half of the time."""
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
