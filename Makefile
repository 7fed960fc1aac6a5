# make app    set up and open Evenhand
# make test   set up and run every test
# make check  format, lint, layering
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: app test check format chromium clean
.DELETE_ON_ERROR:

app: $(VENV)/app.stamp
	$(BIN)/streamlit run app.py

# As many processes as cores, so each computes with one thread: more of them only wait for each other.
test: $(VENV)/test.stamp chromium check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart=0

check: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

format: $(VENV)/test.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Evenhand needs Python 3.11; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.stamp: requirements.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/test.stamp: requirements.txt requirements-dev.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(VENV)/app.stamp $@

# The browser tests drive Debian's chromium.
chromium:
	@command -v chromium >/dev/null || { \
		echo "Installing Debian's chromium for the browser tests ..."; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation; } >/dev/null \
		|| { echo "No chromium here and it could not be installed: run 'sudo apt-get install chromium', then 'make test' again." >&2; exit 1; }; }

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis
