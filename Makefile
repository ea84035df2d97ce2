# Everything a fresh machine needs: `make train` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
PIP    := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
SPACY  := $(VENV)/bin/python -m spacy
GPU    ?= -1

.DEFAULT_GOAL := help
.PHONY: help setup train test check package ray docs lock clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 12

setup: $(VENV)/.installed ## Create .venv with the pinned packages (again only when the pins change)

train: setup ## The main job: convert, train, evaluate, report (GPU=0 uses the first GPU)
	$(SPACY) project run all . --vars.gpu_id $(GPU)

test: setup ray check ## Linters, types and all tests
	$(VENV)/bin/python -m pytest

check: setup
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy

package: setup ## Build an installable wheel of the trained model
	$(SPACY) project run package . --vars.gpu_id $(GPU)

ray: $(VENV)/.ray ## Add Ray, for bulk annotation on several machines

docs: setup ## Rewrite the command tables in the README, and which code each command depends on in project.yml
	$(VENV)/bin/python tests/project_deps.py
	$(SPACY) project document --output README.md

lock: setup ## Resolve requirements.in again for every supported Python
	$(PIP) uv
	$(VENV)/bin/uv pip compile --quiet --universal --fork-strategy requires-python --python-version 3.10 \
		--no-header --no-annotate $(foreach package,$(CUDA_PACKAGES),--no-emit-package $(package)) \
		requirements.in --output-file requirements.txt
	$(VENV)/bin/uv pip compile --quiet --universal --fork-strategy requires-python --python-version 3.10 \
		--no-header --no-annotate --constraint requirements.txt --extra ray pyproject.toml --output-file requirements-ray.txt

clean: ## Remove what can be made again, but keep .venv, pre-training (training/pretrain*, /objectives) and training/encoder-before
	rm -rf corpus reports packages project.lock
	test ! -d training || find training -mindepth 1 -maxdepth 1 $(foreach kept,$(KEPT),! -name '$(kept)') -exec rm -rf {} +

# An earlier encoder, of which there is no other copy, and runs of pre-training, which take hours.
KEPT := encoder-before pretrain* objectives

# Part of torch's CUDA build only. They must not be in the lock, or a CPU machine would download them.
CUDA_PACKAGES := triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc \
	nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse \
	nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx

# torch comes first and alone, so that pip takes a CPU build where one is on offer.
# hazm 0.10.0 declares numpy==1.24.3, which nothing else here accepts and hazm does not need; nervaluate declares
# Python 3.11, but runs on 3.10: both are installed without their dependencies, which requirements.txt holds.
$(VENV)/.installed: requirements.txt pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(shell grep -o '^torch==[^ ]*' requirements.txt)
	$(PIP) --requirement requirements.txt
	$(PIP) --no-deps --ignore-requires-python hazm==0.10.0 nervaluate==1.2.1
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.ray: requirements-ray.txt $(VENV)/.installed
	$(PIP) --requirement requirements-ray.txt
	touch $@
