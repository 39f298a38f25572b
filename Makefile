# What a developer types; `make help` lists it. `.venv` is made and filled on the way, once for each version of
# pyproject.toml, constraints.txt and the kernels: the stamps in it carry a checksum of them.

VENV := .venv
BIN := $(VENV)/bin
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.10)
KEY := $(shell cat pyproject.toml setup.py constraints.txt core/native/*.[ch] core/native/compile.py | cksum | cut -d ' ' -f 1)
TYPING := build/typing/chainrule

installed = $(VENV)/.installed-$(1)-$(KEY)
pip_install = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint proto bench oracle gpu sanitize soak acceptance clean interpreter

help:  ## show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'
	@echo "PYTHON=... names the Python (3.10 or newer) that .venv is made with."

demo: $(call installed,base)  ## train examples/digits.yaml on this machine; jobs and models go to .demo
	CHAINRULE_DATA_DIR=.demo $(BIN)/chainrule train examples/digits.yaml

test: $(call installed,test)  ## run the test suite (TESTS=... for a part of it)
	$(BIN)/python -m pytest $(TESTS)

lint: $(call installed,lint) $(call installed,test) | $(TYPING)  ## check style, types, shell scripts and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/shellcheck .ci/run
	$(BIN)/hadolint deploy/docker/Dockerfile

proto: $(call installed,test)  ## generate the gRPC code from protos/
	$(BIN)/python protos/generate.py

bench: $(call installed,bench)  ## measure steps, inference, memory and the start beside PyTorch's and JAX's, and what distributing costs
	$(BIN)/python benchmarks/workloads.py $(if $(SAVE),--save $(SAVE))
	$(BIN)/python benchmarks/shapes.py $(if $(SAVE),--save $(SAVE))
	$(BIN)/python benchmarks/first_step.py $(if $(SAVE),--save $(SAVE))
	$(BIN)/python benchmarks/memory.py $(if $(SAVE),--save $(SAVE))
	$(BIN)/python benchmarks/distributed.py $(if $(SAVE),--save $(SAVE))

oracle: $(call installed,test) $(call installed,oracle)  ## compare all there is with PyTorch, live; writes docs/coverage.md
	$(BIN)/python -m pytest tests/oracle/live tests/oracle/test_papers.py --coverage-table docs/coverage.md

gpu: $(call installed,test) $(call installed,bench)  ## check and time all on a GPU (after pip install '.[gpu-cu12]' or 13)
	$(BIN)/python -m pytest tests/gpu
	$(BIN)/python benchmarks/gpu.py

sanitize: $(call installed,test)  ## run the kernels' tests under gcc's sanitizers (TESTS=... for a part of them)
	$(BIN)/python tests/sanitizers/run.py $(TESTS)

soak: $(call installed,test)  ## train job after job on Ray while their processes are killed and stopped (MINUTES=60, or JOBS=100)
	$(BIN)/python tests/soak/run.py $(if $(JOBS),--jobs $(JOBS),--minutes $(or $(MINUTES),60))

acceptance: $(call installed,test)  ## train Fashion-MNIST end to end (Debian package dataset-fashion-mnist)
	$(BIN)/python -m pytest tests/acceptance

clean:  ## remove all that make has made, .venv and .demo included
	rm -rf $(VENV) .demo build dist chainrule.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(call installed,base): | $(BIN)/pip interpreter
	@echo "Installing chainrule into $(VENV): a minute or so the first time."
	$(pip_install) --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

$(VENV)/.installed-%: | $(call installed,base)
	@echo "Adding the packages of [$(firstword $(subst -, ,$*))] to $(VENV)."
	$(pip_install) --editable '.[$(firstword $(subst -, ,$*))]'
	@touch $@

# `pip` is the last thing that a new environment gets: without it, the environment is missing or half made.
$(BIN)/pip:
	@found=; \
	for candidate in $(PYTHONS); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "chainrule needs Python 3.10 or newer; looked for: $(PYTHONS). Name another: make PYTHON=/path/to/python3 ..." >&2; \
	  exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments: install its venv module (on Debian and Ubuntu: python3-venv)." >&2; \
	  exit 1; \
	fi; \
	"$$found" -m venv --clear $(VENV)

# An environment that is there keeps its Python; asking for another one has to be said twice.
interpreter: | $(BIN)/pip
ifdef PYTHON
	@wanted=$$($(PYTHON) -V) && there=$$($(BIN)/python -V) && if [ "$$wanted" != "$$there" ]; then \
	  echo "$(VENV) was made with $$there, not with $(PYTHON) ($$wanted): run \`make clean\` first." >&2; exit 1; fi
endif

# pyright reads no editable installs: these links show it each folder under its installed name.
$(TYPING):
	@mkdir -p $@.new
	@ln -s ../../../core ../../../drawing ../../../worker ../../../service $@.new/
	@ln -s ../../../protos/chainrule/v1 $@.new/v1
	@mv $@.new $@
