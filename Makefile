# Everything sets itself up: the project's environment is .venv, the tools' environments lie apart in .tools (their pins clash).
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
UV_VERSION := 0.13.8
UV := .tools/uv/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
export UV_PYTHON_DOWNLOADS := never
export SAM_CLI_TELEMETRY := 0

.PHONY: help
help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 14) else "Lanekeeper needs Python 3.11 to 3.14, this is %d.%d: call make PYTHON=python3.13" % v)'
	@echo 'setting up, about a minute the first time'
	@$(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.ready: requirements/dev.txt pyproject.toml | $(UV)
	@echo '  .venv: the project'
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv
	@$(UV) pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

.tools/sam/.ready: requirements/sam.txt | $(UV)
	@echo '  .tools/sam: the SAM CLI'
	@$(UV) venv --quiet --clear --python $(PYTHON) .tools/sam
	@$(UV) pip install --quiet --compile-bytecode --python .tools/sam/bin/python --require-hashes -r requirements/sam.txt
	@touch $@

.tools/ministack/.ready: requirements/ministack.txt | $(UV)
	@echo '  .tools/ministack: the local AWS'
	@$(UV) venv --quiet --clear --python $(PYTHON) .tools/ministack
	@$(UV) pip install --quiet --compile-bytecode --python .tools/ministack/bin/python --require-hashes -r requirements/ministack.txt
	@touch $@

.PHONY: setup
setup: .venv/.ready .tools/sam/.ready .tools/ministack/.ready ## set up all environments

.PHONY: demo
demo: setup ## the whole system on this machine: deploy, send a day's requests, show the bill
	@.venv/bin/python -m local.demo

.PHONY: check-roles
check-roles: setup ## the demo with the functions' roles enforced, then each permission taken away in turn
	@.venv/bin/python -m local.roles

.PHONY: demo-stop
demo-stop: .venv/.ready ## end what KEEP=1 make demo left running
	@.venv/bin/python -m local.demo.stop

.PHONY: test
test: setup ## every test, one summary
	@.venv/bin/python -m pytest --numprocesses auto

.PHONY: fault-table
fault-table: .venv/.ready ## 20 requests under each fault: billed, kept, orphans, cost; FORM=--markdown or --json
	@.venv/bin/python -m tests.torture.fault_table $(FORM)

.PHONY: torture
torture: .venv/.ready ## every proof of docs/reliability.md whole: an hour or so
	TORTURE=full HOSTILE=1000000 .venv/bin/python -m pytest --numprocesses auto tests/torture tests/flow/test_hostile.py
	@$(MAKE) guards

.PHONY: guards
guards: .venv/.ready ## each safeguard taken out in turn: a test must die each time; ONLY=name takes one
	@.venv/bin/python -m scripts.guards --only "$(ONLY)" --jobs $(or $(JOBS),2)

.PHONY: lint
lint: .venv/.ready ## ruff, mypy strict, import rules
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

.PHONY: check-template
check-template: .venv/.ready .tools/sam/.ready ## the template as written, and as the SAM transform makes it
	.tools/sam/bin/sam validate --lint --region us-east-1
	@mkdir -p .ci-out
	.tools/sam/bin/python scripts/translate.py > .ci-out/cfn.json
	.tools/sam/bin/cfn-lint .ci-out/cfn.json

.PHONY: check-build
check-build: .venv/.ready .tools/sam/.ready ## sam build for both architectures, every built handler imported
	.venv/bin/python scripts/check_build.py

.PHONY: lock
lock: | $(UV) ## renew every lock file
	for part in uv dev sam ministack; do $(COMPILE) requirements/$$part.in -o requirements/$$part.txt || exit 1; done
	$(COMPILE) --constraint requirements/dev.txt shared/requirements.in -o shared/requirements.txt
