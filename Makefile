# Everything here works from a fresh clone with nothing installed but make and Python 3.11 or later; `make help` lists it.
SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
export PATH := $(CURDIR)/.venv/bin:$(if $(PATH),$(PATH):)/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL := C.UTF-8
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MOLECULE_GLOB := tests/molecule/*/molecule.yml

NODE := tests/lab/node
# The long files first, so that no worker is left alone with one at the end.
TESTS := $(wildcard $(addprefix tests/,mutation integration interruption secrets faults hostile unit))
# Three workers for two processors: a third of the time a test waits for processes, sockets and clocks.
PYTEST := pytest -n $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 ))) --dist loadfile --no-loadscope-reorder
.DEFAULT_GOAL := help
.PHONY: help venv system node scanner check lint lint-python lint-yaml lint-ansible types docs-check unit integration molecule pytest mutation test test-deep demo bench docs format lock clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

venv: .venv/.stamp ## Python environment in .venv, as requirements.lock pins it
.venv/.stamp: requirements.lock pyproject.toml
	@tests/tools/make_venv

system: ## programs from Debian that the lab and the tests need (installed only where missing)
	@tests/tools/system_packages

node: .make/node ## Node.js programs of the lab (authorization server, JWS judge)
.make/node: $(wildcard $(NODE)/package.json $(NODE)/package-lock.json $(NODE)/.npmrc) | .venv/.stamp
	@tests/tools/node_packages

scanner: .make/scanner ## the TLS scanner of the tests (sslyze), in an environment of its own: it needs other releases than this project
.make/scanner: requirements-scanner.lock | .venv/.stamp
	@rm -rf $@ && python -m venv $@ && $@/bin/pip install -q -r $< || { rm -rf $@; echo "scanner: sslyze cannot be installed here" >&2; exit 1; }
	@touch $@

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

unit: venv
	$(PYTEST) tests/unit

integration: system venv node scanner
	$(PYTEST) tests/integration

molecule: system venv node
	ANSIBLE_HOME=$(CURDIR)/.cache/molecule molecule --base-config .config/molecule/config.yml test --all --no-command-borders

pytest: system venv node scanner
	$(PYTEST) $(TESTS)

mutation: export ONBOARDING_TEST_DEPTH := deep
mutation: system venv node ## take every rule of gateway, firewall and certificate checks away, one at a time, and print which case notices
	$(PYTEST) -s tests/mutation

test: system venv node scanner ## everything, on a machine that has never seen the project; ends with the summary of all tests
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=line molecule lint types docs-check; checked=$$?; \
	$(MAKE) --no-print-directory pytest && exit $$checked

test-deep: export ONBOARDING_TEST_DEPTH := deep
test-deep: pytest ## all tests that `make test` only samples (every point of interruption, every mutation), in full: several hours

demo: system venv node ## raise the lab on this machine, onboard, verify, remove it (KEEP=1 leaves it running)
	@tests/tools/demo

bench: system venv node ## measure against the bounds of the project
	@python tests/bench/run.py

docs: venv ## write what is generated: the READMEs of the roles
	python tests/tools/role_readmes.py

format: venv ## format Python files
	ruff format .
	ruff check --fix .

lock: .make/lock ## write the locks anew from pyproject.toml (UPGRADE=1 takes the newest versions)
	.make/lock/bin/python tests/tools/make_lock.py $(if $(UPGRADE),--upgrade)
.make/lock:
	python3 -m venv $@ && $@/bin/pip install -q 'pip-tools>=7.5,<8'

clean: ## remove what was installed and cached; the state of environments (.state) holds keys and is left alone
	rm -rf .venv .make .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible build dist $(NODE)/node_modules
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
