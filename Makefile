# make run [EXPORT=path]   set up, then load an export (default: the sample) into the embedded database
# make test                set up, then run the tests
# make test-browser        set up, then test the web UI in Chromium, which must be installed
# make faults              set up, then run the whole campaign of faults: half an hour or more (docs/reliability.md)
# make dev                 set up, then serve the web UI
# make lint                set up, then check style, formatting, types and the order of imports
# make test-newest         the same with the newest versions of everything that pyproject.toml allows, in .venv-newest
# make bench               set up, then measure what things cost beside what they must cost; some minutes
# make bench-large         the same for growth: 1 and 6 million messages, and 10 GB; an hour, and 100 GB of disk
#
# Only Python 3.11 or newer is needed. The set-up downloads packages once, into .venv; after that nothing does.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
EXPORT ?= examples/sample_export.tar

.PHONY: run test test-browser test-newest faults dev lint bench bench-large
.DEFAULT_GOAL := run
.NOTPARALLEL:

run: .venv/.installed-test
	.venv/bin/skype-assets run "$(EXPORT)"

test: .venv/.installed-test
	.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal

test-browser: .venv/.installed-browser
	.venv/bin/python -m pytest tests/browser

faults: .venv/.installed-test
	.venv/bin/python -m tests.faults --long

dev: .venv/.installed-test
	.venv/bin/skype-assets dev

lint: .venv/.installed-lint
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/pyright --pythonpath .venv/bin/python
	.venv/bin/lint-imports

bench: .venv/.installed-bench
	.venv/bin/python -m benchmarks

bench-large: .venv/.installed-bench
	.venv/bin/python -m benchmarks.large

# The stamp says which extra of pyproject.toml is installed. `run` and `test` share one, so that after either of them
# the other needs no network; `lint` needs a larger one, which brings Node.js for pyright, and `bench` and `test-browser`
# ones of their own.
.venv/.installed-%: pyproject.toml constraints.txt $(wildcard skype_assets/etl/compiled/*.?pp)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11'; exit 1; }
	@echo "Installing skype-assets[$*] and what it needs into .venv (once; a minute or two) ..."
	@[ -x .venv/bin/pip ] || "$(PYTHON)" -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check \
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
