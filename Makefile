# `make demo` and `make test` do everything from a bare clone: their own .venv, torch first, exact versions.
PYTHON ?= python3
EXTRAS ?= dev

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := $(VENV)/.installed-$(EXTRAS)

.PHONY: help demo test lint generated bench clean

help:
	@echo "make demo    enlarge a small picture four times and compare: demo/"
	@echo "make test    linters, types and tests"
	@echo "make lint    linters and types alone"
	@echo "make generated  what is written from the catalogue: tables, help pages, names, manifest, schema"
	@echo "make bench   every script in benchmarks/"
	@echo "make clean   delete .venv, demo/ and caches"

# Once per change of pyproject.toml or constraints.txt, and per set of extras.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "linf-nodes needs Python 3.11 or newer, and $(PYTHON) is %d.%d: run make PYTHON=python3.11, or a newer one." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt torch
	$(PIP) install -q -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $@

demo: $(STAMP)
	@mkdir -p demo
	@rm -f demo/demo-x4.png demo/compare.png
	$(BIN)/linf upscale docs/pictures/demo-lr.png demo/demo-x4.png --scale 4
	@$(BIN)/python examples/demo.py docs/pictures/demo-lr.png demo/demo-x4.png docs/pictures/demo-hr.png demo/compare.png

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# napari's tests need a screen: a virtual one where there is none.
SCREEN := $(if $(DISPLAY),,$(if $(shell command -v xvfb-run),xvfb-run -a -s "-screen 0 1600x1000x24"))

test: lint
	OMP_NUM_THREADS=1 $(SCREEN) $(BIN)/python -m pytest

# Written beside its place first, so that a generator that fails leaves the old file.
written = $(BIN)/python -m $(1) > $(2).new && mv $(2).new $(2) || { rm -f $(2).new; exit 1; }

generated: $(STAMP)
	$(call written,linf_nodes.catalogue.table,docs/nodes.md)
	$(call written,linf_nodes.hosts.napari.manifest,plugin_manifest/napari.yaml)
	$(BIN)/python -m linf_nodes.hosts.comfyui.texts
	$(BIN)/python -m tests.test_comfyui_schema

bench: $(STAMP)
	@set -e; for script in benchmarks/*.py; do \
		test -e "$$script" || { echo "benchmarks/ holds no scripts yet"; break; }; \
		echo "$$script"; $(BIN)/python "$$script"; \
	done

clean:
	rm -rf $(VENV) demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
