# Two commands matter: `make demo` and `make test`. Each sets up all it needs in .venv (Python 3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR ?= var/demo
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
PEERS := gaoya iscc-core pdqhash protego rensa threatexchange

# Commands and tests start hundreds of processes, which need not compile the same modules each.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-long lint format docs bench clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "could not make $(VENV); on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.spark: $(VENV)/.dev  # half a gigabyte, and only a few tests need it: a step of its own
	@$(PIP) -e '.[spark]' && touch $@ || echo "could not install PySpark; the test that needs it will be skipped"

demo: $(VENV)/.demo  ## register, publish, sync, filter, claim, settle, verify, on real files
	@$(BIN)/vorbehalt-server demo --home $(HOME_DIR)

serve: $(VENV)/.demo  ## the same registry, left running for a look around
	@$(BIN)/vorbehalt-server demo --home $(HOME_DIR) --serve

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(VENV)/.dev $(VENV)/.spark  ## linters, types, architecture, and all tests
	@tests/install-system-packages
	$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n auto -m 'not slow'

test-long: $(VENV)/.dev $(VENV)/.spark  ## what takes longer: many crashes, fuzzing, older Pillow and numpy
	@tests/install-system-packages
	@$(PIP) -e '.[fuzz]' || echo "could not install atheris; coverage-guided fuzzing will be skipped"
	$(BIN)/pytest -n auto

docs: $(VENV)/.dev  ## write the page of the API anew, from the code
	$(BIN)/python -m tests.support.api_page

$(VENV)/.peers: $(VENV)/.dev  # nothing but benchmarks needs these
	@for peer in $(PEERS); do $(PIP) $$peer || echo "could not install $$peer; its figures will be missing"; done
	@touch $@

bench: $(VENV)/.peers  ## every figure that we claim, beside the peer's; takes hours
	@failed=; for b in benchmarks/[a-z]*.py; do echo "== $$b"; $(BIN)/python $$b || failed="$$failed $$b"; done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

clean:
	rm -rf $(VENV) var build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
