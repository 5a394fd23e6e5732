# Two commands for a fresh machine: `make run` serves the page and the API, `make test` proves the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAMPLES := build/samples

.PHONY: run samples test clean

run: $(VENV)/.light
	$(BIN)/aivsreal serve

# A few photographs in the public domain to try it on.
samples: $(VENV)/.light
	$(BIN)/python -m pip install --quiet --no-deps scikit-image
	$(BIN)/python examples/sample_pictures.py $(SAMPLES)
	$(BIN)/aivsreal predict $(SAMPLES)

# Quick checks first: a missing type should not wait for a training.
test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q


$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.light: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# scikit-image comes without its dependencies in `samples`: only for its public-domain photographs.
# torch 2.13.0 and the torchvision made for it, the latter without its dependencies: on a machine with CPU
# builds only, any other pair would bring several GB of CUDA packages. See training/timm_import.py.
$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --no-deps torchvision==0.28.0
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist
