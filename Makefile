# The course in one command: `make course`. `make help` lists the others.

PYTHON ?= python3
# Processes that run the tests side by side; 0 runs them one after the other in this one.
WORKERS ?= 2

VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help course lab site test coverage lint notebooks bench results clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

course: $(INSTALLED) ## Run all notebooks and build the pages from them; start with build/site/index.html
	@$(VENV_PYTHON) tools/build_site.py --run

lab: $(INSTALLED) ## Open the notebooks in JupyterLab
	@$(VENV_PYTHON) -m jupyterlab notebooks/00_start.ipynb

site: $(INSTALLED) ## Build the same pages from the outputs that are saved, and look for dead links and the like
	@$(VENV_PYTHON) tools/build_site.py --strict

test: $(INSTALLED) ## Run all tests, notebooks included
	@$(VENV_PYTHON) -m pytest --numprocesses=$(WORKERS)

coverage: $(INSTALLED) ## Run the unit tests and measure which lines of the package they reach, a fifth slower
	@$(VENV_PYTHON) -m pytest tests --numprocesses=$(WORKERS) --cov

lint: $(INSTALLED) ## Check style and layout of the code
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .

notebooks: $(INSTALLED) ## Run all notebooks and save their outputs in place (after an edit)
	@$(VENV_PYTHON) tools/update_notebooks.py

bench: $(INSTALLED) ## Measure speed against the naive recipe, plain loops and single trainings: docs/speed.md; PHOTOS=, BACKBONE= too
	@$(VENV_PYTHON) benchmarks/speed.py $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(BACKBONE),--backbone "$(BACKBONE)")

results: $(INSTALLED) ## Measure all heads over three seeds: docs/results.md; PHOTOS=DIR POSES=DIR BACKBONE=FILE add photographs
	@$(VENV_PYTHON) benchmarks/heads.py $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(POSES),--poses "$(POSES)") \
		$(if $(BACKBONE),--backbone "$(BACKBONE)")

clean: ## Remove everything that the other commands made here, .venv included
	rm -rf $(VENV) build docs/api *.egg-info .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
	find clsloc_utils tests tools benchmarks pretraining notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

PIP_INSTALL := $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# One environment, made again whenever the project's dependencies change. The stamp is written last, so that an
# interrupted installation is taken up again.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'This course needs Python 3.11 or newer. Name one: make PYTHON=python3.12 ...' >&2; exit 1; }
	@echo 'Installing the course and what it needs into $(VENV) (a few minutes, once) ...'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --editable '.[tests]'
	@touch $@
