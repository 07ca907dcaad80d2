# The doors of this repository. What they do is in tools/.
PYTHON ?= python3
BIN = .venv/bin
PACKAGES = buildah chromium coturn crun debootstrap firefox-esr iproute2 iptables libatomic1 libfaketime prometheus \
    python3-venv tcpdump

.PHONY: help setup dev test check model campaign chaos format protos lock screenshots bench manifests
help:     ## show this list (the default)
	@echo 'Ringline: audio and video calls by @username.  Start with: make dev'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup:    ## install everything into .venv and web/node_modules (instant when nothing changed)
	@$(PYTHON) tools/setup.py

dev: setup    ## run everything on this machine and print two links that can call each other (RESET=1: afresh)
	@exec setpriv --pdeathsig=TERM $(BIN)/ringline dev $(if $(filter-out 0,$(RESET)),--reset)

check: setup    ## lint, types, unit and house tests: seconds
	@PATH="$(CURDIR)/$(BIN):$$PATH" tools/check && exec $(BIN)/python -m pytest -q tests/unit tests/house

test:     ## every test, with its own servers (ONLY="unit house": some parts)
	@$(if $(ONLY),,tools/packages $(PACKAGES))
	@$(MAKE) --no-print-directory setup
	@exec $(BIN)/python tools/test.py $(ONLY)

model: setup    ## explore every interleaving of a bounded call, and hunt the mutants: some minutes
	@exec $(BIN)/python -m tests.model

campaign: setup    ## 10^6 random commands and races on real servers, resumable (ONLY="glare" SCALE=0.01 MINUTES=10 RESET=1)
	@exec $(BIN)/python -m tests.campaign $(ONLY) $(if $(SCALE),--scale $(SCALE)) $(if $(MINUTES),--minutes $(MINUTES)) \
	    $(if $(filter-out 0,$(RESET)),--reset)

chaos: setup    ## faults in turn while a fleet calls, for hours, resumable; QUICK=1: three minutes (SEED=2 MINUTES=20 JOBS=2 RESET=1)
	@tools/packages libfaketime || true
	@exec $(BIN)/python -m tests.chaos $(if $(filter-out 0,$(QUICK)),--quick) $(if $(SEED),--seed $(SEED)) \
	    $(if $(MINUTES),--minutes $(MINUTES)) $(if $(JOBS),--jobs $(JOBS)) $(if $(filter-out 0,$(RESET)),--reset)

format: setup    ## let ruff write the Python style
	@$(BIN)/ruff check --quiet --fix . && $(BIN)/ruff format --quiet .

protos: setup    ## lint protos/ and generate Python and TypeScript from them
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec tools/protos

lock: setup    ## write requirements/*.txt from pyproject.toml
	@$(BIN)/python tools/lock.py

screenshots: setup    ## take the pictures of docs/images anew, from the gallery of the web client
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/python -m tools.screenshots

bench: setup    ## measure cost per call, ring latency and memory; writes bench/results/latest.json
	@exec $(BIN)/python -m bench

manifests: setup    ## render the Kubernetes overlays into build/trial.yaml and build/production.yaml
	@mkdir -p build
	@for overlay in trial production; do \
	    $(BIN)/kubectl kustomize deploy/k8s/overlays/$$overlay > build/$$overlay.yaml || exit 1; \
	    echo build/$$overlay.yaml; \
	done
