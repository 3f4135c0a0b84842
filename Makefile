# Two commands do all the set-up on a machine that has Python and make:
#   make demo   the core only, then the main job on a generated sample
#   make test   everything, then every check that CI runs
# Name another interpreter with PYTHON=/path/to/python3.11. A stamp file per environment keeps a second
# call from installing again; it is remade when pyproject.toml or constraints.txt change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := -m pip install -q -c constraints.txt
WORKERS ?= 2
PYTEST_ARGS ?=
CODE := weaklabel labeling_functions tests benchmarks notebooks
OTHER_PYTHONS := 3.12 3.13

# Tests start hundreds of processes: without bytecode on disk each of them compiles the package again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check type fix unit slow notebooks test-core test-other-pythons bench-quick clean

help:
	@echo "make demo         install the core and run the main job on a generated sample"
	@echo "make test         install everything; format, lint, types, tests, notebooks; the core on 3.12 and 3.13"
	@echo "make check        format and lint only        make type   mypy --strict"
	@echo "make fix          format and repair what ruff can"
	@echo "make unit         the tests alone (PYTEST_ARGS='-k labeler')"
	@echo "make slow         the studies that take minutes, left out of make test"
	@echo "make test-core PYTHON=python3.12   the torch-free tests on another Python"
	@echo "make notebooks    run the notebooks           make bench-quick   every benchmark, small"

# ------------------------------------------------------------------------------------ environments
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "weaklabel needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp-core: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python $(PIP_INSTALL) -e .
	@touch $@

# torch is named in the same call, so that its version comes from constraints.txt and not from a dependant.
$(VENV)/.stamp-dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python $(PIP_INSTALL) torch -e '.[dev]'
	@touch $@ $(VENV)/.stamp-core

# ------------------------------------------------------------------------------------ what people run
demo: $(VENV)/.stamp-core
	$(BIN)/weaklabel demo

test: check type unit notebooks test-other-pythons

check: $(VENV)/.stamp-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: $(VENV)/.stamp-dev
	$(BIN)/mypy --strict weaklabel

fix: $(VENV)/.stamp-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

unit: $(VENV)/.stamp-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow" --doctest-modules weaklabel tests $(PYTEST_ARGS)

slow: $(VENV)/.stamp-dev
	$(BIN)/python -m pytest -n $(WORKERS) -m slow tests $(PYTEST_ARGS)

notebooks: $(VENV)/.stamp-dev
	@mkdir -p build/notebooks
	@for source in notebooks/*.py; do \
	  $(BIN)/jupytext --quiet --to ipynb --output build/notebooks/$$(basename $$source .py).ipynb $$source || exit 1; \
	done
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	  $(BIN)/python -m pytest -n $(WORKERS) --nbmake --nbmake-timeout=600 -W ignore build/notebooks

bench-quick: $(VENV)/.stamp-dev
	@for script in $(filter-out benchmarks/render_results.py, $(wildcard benchmarks/[a-z]*.py) benchmarks/cluster/three_nodes.py); do echo "== $$script"; $(BIN)/python $$script --quick || exit 1; done

# ------------------------------------------------------------------------------------ other Pythons
# The core has to pass without torch. Each version has an environment of its own: .venv-3.12, .venv-3.13.
test-core:
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])') && \
	  $(MAKE) --no-print-directory .venv-$$version/.stamp-test PYTHON='$(PYTHON)' CORE=.venv-$$version && \
	  WEAKLABEL_TESTS=core .venv-$$version/bin/python -m pytest -n $(WORKERS) --dist loadfile \
	    --ignore=weaklabel/training --ignore=tests/training --ignore=tests/made_groups.py \
	    --ignore=weaklabel/reward/transformer.py --ignore=weaklabel/reward/minilm.py \
	    -m "not slow and not same_everywhere" --doctest-modules weaklabel tests $(PYTEST_ARGS)

$(CORE)/.stamp-test: pyproject.toml constraints.txt
	$(if $(CORE),,$(error this target is made by test-core))
	@test -x $(CORE)/bin/python || $(PYTHON) -m venv $(CORE)
	$(CORE)/bin/python $(PIP_INSTALL) -e '.[test]'
	@touch $@

# Together they run every file of it once, and those that read Python's own syntax on each version.
test-other-pythons:
	@found=""; for version in $(OTHER_PYTHONS); do \
	  [ -z "$$(sh .ci/find-python $$version)" ] || found="$$found $$version"; \
	done; \
	of=$$(echo $$found | wc -w); part=0; \
	for version in $(OTHER_PYTHONS); do \
	  python=$$(sh .ci/find-python $$version); \
	  if [ -n "$$python" ]; then \
	    part=$$((part + 1)); \
	    echo "== the torch-free core on Python $$version ($$python), part $$part of $$of"; \
	    WEAKLABEL_TESTS_PART=$$part/$$of $(MAKE) --no-print-directory test-core PYTHON="$$python" || exit 1; \
	  else \
	    echo "== Python $$version: skipped, no working python$$version on this machine"; \
	  fi; \
	done

clean:
	rm -rf build dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
