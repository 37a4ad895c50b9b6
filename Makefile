# Everything a learner or contributor does. Without make: see "Plain commands" in README.md.
# uv is used when it works, else python -m venv and pip. PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := $(shell uv --version >/dev/null 2>&1 && echo uv)
# uv finds (or fetches) an interpreter by itself, unless one was named on the command line.
WANTED := $(if $(filter file,$(origin PYTHON)),>=3.11,$(PYTHON))

.PHONY: help env lab test check format strip notebooks pictures bench live lock clean
help:
	@echo "make lab        open the lessons in JupyterLab"
	@echo "make test       run the tests"
	@echo "make check      format check, lint, types, tests"
	@echo "make env        only prepare $(VENV)"
	@echo "make format     format and sort imports"
	@echo "make strip      remove the outputs that running a lesson stored in notebooks/"
	@echo "make notebooks  run every notebook from top to bottom"
	@echo "make pictures   shoot the pictures of what one should see from real runs"
	@echo "make live       only the tests with real processes"
	@echo "make bench      the benchmarks"
	@echo "make lock       resolve requirements.lock anew (needs uv)"

env: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
ifeq ($(UV),uv)
	@test -x $(BIN)/python || uv venv --quiet --python '$(WANTED)' $(VENV)
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    || { echo "$(PYTHON) is not Python 3.11 or newer; name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@

lab: env
	$(BIN)/minimq lab

# PYTEST_ARGS='-k offset' narrows it down.
test: env
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST_ARGS)

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

strip: env
	$(BIN)/jupyter nbconvert --log-level=ERROR --clear-output --inplace notebooks/*.ipynb

notebooks: env
	$(BIN)/python -m pytest tests/notebooks $(PYTEST_ARGS)

# ONLY=04 makes those of one lesson; needs a Chromium.
pictures: env
	$(BIN)/python tests/lab/pictures.py $(ONLY)

live: env
	$(BIN)/python -m pytest -m live $(PYTEST_ARGS)

bench: env
	$(BIN)/minimq bench

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev --upgrade \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	    pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
