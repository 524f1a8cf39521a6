# Everything here works from a fresh clone with nothing installed but make and Python 3.11 or later; `make help` lists it.
SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
export PATH := $(CURDIR)/.venv/bin:$(if $(PATH),$(PATH):)/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL := C.UTF-8
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# An area is a folder of tests: tests/AREA, tests/contract/AREA or tests/integration/AREA. `make test AREA=ledger` prepares and runs one.
# What an area needs on the machine is made by its target prepare-AREA, where there is one: write it, and it is found.
AREA :=
folders = $(wildcard $(addsuffix $(1),tests/ tests/contract/ tests/integration/))
TESTS := $(if $(AREA),$(or $(call folders,$(AREA)),$(error no folder of tests is called $(AREA))),tests)
PREPARATIONS := $(shell sed -nE 's/^(prepare-[a-z-]+):.*/\1/p' Makefile)
PREPARE := $(if $(AREA),$(or $(filter prepare-$(AREA),$(PREPARATIONS)),venv),$(PREPARATIONS))
# Three workers for two processors: a third of the time a test waits for processes, sockets and clocks.
PYTEST := pytest -n $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 ))) --dist loadgroup --no-loadscope-reorder
.DEFAULT_GOAL := help
.PHONY: help venv system node scanner pulumi check lint lint-python lint-yaml lint-ansible types docs-check unit pytest mutation test test-deep demo demo-envoy demo-kubernetes demo-transfer demo-uae bench bench-gateways bench-kubernetes docs format lock clean $(PREPARATIONS)

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

venv: .venv/.stamp ## Python environment in .venv, as requirements.lock pins it
.venv/.stamp: requirements.lock pyproject.toml
	@tests/tools/make_venv

system: ## programs from Debian that the lab and the tests need (installed only where missing)
	@tests/tools/system_packages

node: venv ## Node.js programs of the lab (authorization server, JWS judge)
	@tests/tools/node_packages

scanner: venv ## the TLS scanner of the tests (sslyze), in an environment of its own: it needs other releases than this project
	@mkdir -p .make && rm -rf .make/scanner && scanner=$$(tests/tools/cached_venv scanner requirements-scanner.lock python) && ln -s "$$scanner" .make/scanner

pulumi: venv ## Pulumi, an API server of Kubernetes and what goes with it, built from pinned Go modules (fifteen minutes where they are not cached)
	@for name in pulumi kubernetes kwok definitions istio; do tests/tools/go_programs $$name >/dev/null || exit 1; done

# One target for each area that needs more than .venv, in the order of the areas' names.
# Whatever is dear to make is made by tests/tools/cached, so that the next clone on this machine finds it.
prepare-cluster: pulumi system node
	@tests/tools/envoy_program >/dev/null
	@tests/tools/system_packages etcd=etcd-server setpriv=util-linux
prepare-connector: system node
	@tests/tools/system_packages redis-server=redis-server
	@tests/tools/node_packages tests/lab/sdk tests/lab/connection_manager
	@tests/tools/openbao_program >/dev/null
	@tests/lab/ledger/prepare
prepare-faults: system node
prepare-gateway: system node scanner
	@tests/tools/envoy_program >/dev/null
prepare-hostile: system
prepare-integration: system node scanner
prepare-interruption: system node
prepare-lab: system node scanner
	@tests/tools/envoy_program >/dev/null
	@tests/tools/system_packages ssh=openssh-client
	@tests/tools/cached openssh tests/tools/unpack_openssh -- tests/tools/unpack_openssh >/dev/null
prepare-ledger: venv
	@tests/lab/ledger/prepare
prepare-molecule: system node
prepare-mutation: system node
prepare-manager: system node
	@tests/tools/node_packages tests/lab/connection_manager
	@tests/tools/openbao_program >/dev/null
prepare-registry: system node
	@tests/tools/system_packages java=openjdk-17-jre-headless mvn=maven
	@tests/tools/cached keycloak tests/tools/build_keycloak -- tests/tools/build_keycloak >/dev/null
prepare-secrets: system node
prepare-uae: system node
prepare-vault: venv
	@tests/tools/openbao_program >/dev/null

check: venv ## lint, types, generated documents, unit tests: under a minute when warm
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target unit lint types docs-check

lint: lint-python lint-yaml lint-ansible

lint-python: venv
	ruff check --output-format concise .
	ruff format --check .

lint-yaml: venv
	yamllint --strict .

lint-ansible: venv
	ansible-lint --offline -q

types: venv
	mypy ansible/ansible_collections tests $(if $(wildcard pulumi/*/*.py),pulumi)

docs-check: venv
	python tests/tools/role_readmes.py --check
	python tests/tools/systems.py --check

unit: venv
	$(PYTEST) tests/unit

pytest: venv $(PREPARE)
	$(PYTEST) $(TESTS)

mutation: export ONBOARDING_TEST_DEPTH := deep
mutation: venv prepare-mutation ## take every rule of gateway, firewall and certificate checks away, one at a time, and print which case notices
	$(PYTEST) -s tests/mutation

test: venv $(PREPARE) ## everything, on a machine that has never seen the project (AREA=name: one area); ends with the summary of all tests
ifeq ($(AREA),)
# ansible-lint takes minutes on one processor: it runs beside the tests, and its words come after theirs.
	@mkdir -p .make; { $(MAKE) --no-print-directory lint-ansible >.make/lint-ansible.log 2>&1; echo $$? >.make/lint-ansible.status; } & \
	$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=line lint-python lint-yaml types docs-check; checked=$$?; \
	$(MAKE) --no-print-directory pytest; tested=$$?; wait; cat .make/lint-ansible.log; \
	exit $$((checked | tested | $$(cat .make/lint-ansible.status)))
else
	$(PYTEST) $(TESTS)
endif

test-deep: export ONBOARDING_TEST_DEPTH := deep
test-deep: pytest ## all tests that `make test` only samples (every point of interruption, every mutation), in full: several hours

demo: system venv node ## raise the lab on this machine, onboard, verify, remove it (KEEP=1 leaves it running)
	@tests/tools/demo

demo-envoy: system venv node ## the same in a lab whose hub and one bank have Envoy as their gateway (KEEP=1 leaves it running)
	@tests/tools/demo_envoy

demo-kubernetes: prepare-cluster ## environments of a hub and two participants on a Kubernetes API of this machine by Pulumi, then their onboarding with Istio
	@PYTHONPATH=tests python tests/tools/demo_kubernetes.py

demo-transfer: venv prepare-connector ## two banks with the real Mojaloop SDK pay each other through the real ledger in a lab (KEEP=1 leaves it running)
	@tests/tools/demo_transfer

demo-uae: system venv node ## an LFI and the UAE API Hub: certificates by a stand-in of the directory, connectivity verified both ways (KEEP=1 leaves it running)
	@tests/tools/demo_uae

bench: system venv node ## measure against the bounds of the project
	@python tests/bench/run.py

bench-gateways: venv prepare-gateway ## compare the gateway products: added latency, handshakes, memory with 10 and with 1,000 participants
	@PYTHONPATH=tests python tests/bench/gateways.py

bench-kubernetes: prepare-cluster ## measure a gateway on Kubernetes with 3, 100 and 1,000 participants: objects, seconds of a run, latency of a request
	@PYTHONPATH=tests python tests/bench/kubernetes.py

docs: venv ## write what is generated: the READMEs of the roles, and the page of tried systems (figures of the last tests)
	python tests/tools/role_readmes.py
	python tests/tools/systems.py

format: venv ## format Python files
	ruff format .
	ruff check --fix .

lock: .make/lock ## write the locks anew from pyproject.toml (UPGRADE=1 takes the newest versions)
	.make/lock/bin/python tests/tools/make_lock.py $(if $(UPGRADE),--upgrade)
.make/lock:
	python3 -m venv $@ && $@/bin/pip install -q 'pip-tools>=7.5,<8'

clean: ## remove what was installed and cached; the state of environments (.state) holds keys and is left alone
	rm -rf .venv .make .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible build dist
	find . -name node_modules -not -path './.git/*' -prune -exec rm -rf {} +
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
