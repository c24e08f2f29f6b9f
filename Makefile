# make run    install, migrate and serve at http://127.0.0.1:8000
# make test   install what tests need and run them all
# make check  format, lint, types, import layers
# make parity     print how near DALL-E Mini is to the original code, min-dalle and taming-transformers
# make gallery    draw dalle-nano's 64 prompts, write docs/gallery-dalle-nano.md
# make screenshots  take docs/screenshots/*.png of every page, from a real service
# make scorecard  measure the prompt gate, write docs/scorecard-prompts.md
# make scorecard-pictures  measure the picture gate, write docs/scorecard-pictures.md
PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
PORT ?= 8000
PHOTOGRAPHS ?= ../shared/data/photos/cifar100_subset.npz

.PHONY: run test check format clean gallery screenshots bench scorecard scorecard-pictures parity

run: .venv/installed
	$(BIN)/gardefou serve --data $(DATA) --port $(PORT)

test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

gallery: .venv/installed
	$(BIN)/python -m generator.training.gallery

screenshots: .venv/installed-dev
	$(BIN)/python -m tests.pages.screenshots

bench: .venv/installed
	$(BIN)/gardefou bench request

scorecard: .venv/installed-peers
	$(BIN)/gardefou evaluate scorecard --out docs

scorecard-pictures: .venv/installed-dev
	$(BIN)/python bench/draw_for_calibration.py .training/drawn
	$(BIN)/python -m safety.training.picture_scorecard --photographs $(PHOTOGRAPHS) --pictures .training/drawn --out docs

parity: .venv-parity/installed
	JAX_PLATFORMS=cpu XLA_FLAGS=--xla_backend_optimization_level=0 .venv-parity/bin/python -W ignore -m tests.parity

clean:
	rm -rf .venv .venv-parity

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("gardefou needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/installed-dev: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@ .venv/installed

.venv/installed-peers: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable '.[peers]'
	touch $@ .venv/installed

# the original and its peers pin what cannot be had any more: their code runs without what they ask for
.venv-parity/installed: tests/parity/requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv-parity
	.venv-parity/bin/pip install --quiet --editable . --requirement tests/parity/requirements.txt
	.venv-parity/bin/pip install --quiet --no-deps dalle-mini==0.1.5 min-dalle==0.4.11 taming-transformers==0.0.1
	touch $@
