# `make demo` and `make test` need Python 3.11 or newer and nothing else.

PYTHON ?= $(firstword $(foreach python,python3 python3.13 python3.12 python3.11,\
	$(shell $(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(python))))
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000

bin := $(VENV)/bin

.PHONY: demo test lint bench soak clean

demo: $(VENV)/.demo  ## the example project on http://127.0.0.1:8000
	$(bin)/python manage.py migrate
	$(bin)/python -m uvicorn example_project.asgi:application --host $(HOST) --port $(PORT) --lifespan off

test: $(VENV)/.dev  ## the suite but for the browser; what needs a missing service is skipped, with the reason
	$(bin)/python -m pytest -rs -n 4 -m "not browser" $(ARGS)

lint: $(VENV)/.dev
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy toto_django
	$(bin)/lint-imports

bench: $(VENV)/bench/.installed  ## needs wrk; what is missing is left out; ARGS=--quick for a short run
	$(VENV)/bench/bin/python -m benchmarks.run $(ARGS)

soak: $(VENV)/.dev  ## 20 minutes of mixed load, and what it leaves behind; ARGS="--minutes 2" for a short run
	$(bin)/python -m benchmarks.soak $(ARGS)

clean:
	rm -rf $(VENV) .tox build dist *.egg-info .coverage .coverage.* htmlcov
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Tox may have left a file there, which names one of its own environments.
$(bin)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3"; exit 1; }
	@test ! -f $(VENV) || rm $(VENV)
	$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "The venv module is needed (Debian: apt-get install python3-venv)"; exit 1; }

$(VENV)/.demo: setup.cfg pyproject.toml | $(bin)/python
	$(bin)/python -m pip install --quiet --editable ".[server,typed]"
	@touch $@

$(VENV)/.dev: setup.cfg pyproject.toml | $(bin)/python
	$(bin)/python -m pip install --quiet --editable ".[dev]"
	@touch $@ $(VENV)/.demo

# The peers have an environment of their own, and each may be missing.
$(VENV)/bench/.installed: setup.cfg pyproject.toml benchmarks/requirements.txt | $(bin)/python
	$(bin)/python -m venv $(VENV)/bench
	$(VENV)/bench/bin/python -m pip install --quiet --editable ".[dev]"
	@grep -v "^#" benchmarks/requirements.txt | while read -r peer; do \
		$(VENV)/bench/bin/python -m pip install --quiet "$$peer" || echo "$$peer is left out"; done
	@touch $@
