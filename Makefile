# What can be done here: `make help`. The first call of a target sets up what it needs, later ones are ready at once.
#   ARGS="..."       options passed on to the program (listen, bench, parity) or to pytest (test)
#   PYTHON=...       the interpreter to build the environment with (3.11 or newer)
#   TORCH_INDEX=...  a package index to take PyTorch from, such as the one of its CPU builds
#   LOAD_SECONDS=60  how long bench loads a server; LOAD_HOURS=1 of audio it pushes through
# pip reads its own configuration and PIP_* variables, so a mirror needs nothing here.

PYTHON ?= python3
ARGS ?=
TORCH_INDEX ?=
LOAD_SECONDS ?= 60
LOAD_HOURS ?= 1

VENV := .venv
PIP_INSTALL := $(VENV)/bin/pip install --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help listen test lint format bench parity clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

listen: $(VENV)/listen.stamp ## listen to the microphone: live view, page, websocket and Redis
	@$(VENV)/bin/cmlstream listen --redis embedded $(ARGS)

test: lint ## everything that CI runs
	$(VENV)/bin/pytest $(ARGS)

lint: $(VENV)/test.stamp ## check format, style, types and who may import whom
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/test.stamp ## put the code into its format
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

bench: $(VENV)/test.stamp ## measure start-up, compute, delay, memory and load, beside openSMILE and a transformer
	@$(VENV)/bin/cmlstream bench $(ARGS)
	@$(VENV)/bin/python tests/models/egemaps/speed.py
	@$(VENV)/bin/python tests/models/cost.py
	@$(VENV)/bin/python tests/trainer/speed.py
	@$(VENV)/bin/python -m tests.stream.load --streams 1 --speech 1 --seconds $(LOAD_SECONDS)
	@$(VENV)/bin/python -m tests.stream.load --streams 64 --speech 1 --seconds $(LOAD_SECONDS)
	@$(VENV)/bin/python -m tests.stream.load --streams 200 --speech 0.35 --seconds $(LOAD_SECONDS)
	@$(VENV)/bin/python -m tests.stream.load.naive
	@$(VENV)/bin/python -m tests.stream.server.subscribers
	@$(VENV)/bin/python -m tests.stream.load.hours --hours $(LOAD_HOURS)
	@$(VENV)/bin/python -m tests.stream.redis_cost 5

parity: $(VENV)/test.stamp ## compare our features with openSMILE's on the corpora: models/egemaps/PARITY.md
	@$(VENV)/bin/python tests/models/egemaps/parity.py --output models/egemaps/PARITY.md $(ARGS)

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/apt-%.stamp: deploy/apt-%.txt deploy/setup.sh
	@deploy/setup.sh $<
	@mkdir -p $(@D) && touch $@

$(VENV)/bin/pip: | $(VENV)/apt-listen.stamp
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
		f"$(PYTHON) is Python {sys.version.split()[0]}; cmlstream needs 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

# PyTorch goes first and alone: asked for by its exact version pip finds a CPU build where there is one, while asked for by
# a range pip may take the newest, with gigabytes of CUDA.
$(VENV)/listen.stamp: pyproject.toml constraints.txt $(VENV)/apt-listen.stamp | $(VENV)/bin/pip
	$(PIP_INSTALL) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)"
	$(PIP_INSTALL) --editable '.[mic]'
	@touch $@

# torchaudio is here for the transformers that our cost is held against, which are plain Python. Its native code is linked
# to one build of CUDA and stops the import beside any other PyTorch; without that folder it does without.
$(VENV)/test.stamp: $(VENV)/listen.stamp $(VENV)/apt-test.stamp
	$(PIP_INSTALL) --editable '.[mic,train,dev]'
	rm -rf $(VENV)/lib/python*/site-packages/torchaudio/lib
	@touch $@
