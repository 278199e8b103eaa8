# The two commands are `make up` and `make test`; both install what is missing.
.DEFAULT_GOAL := help
BOOTSTRAP := python3 local-stack/bootstrap.py

help:  ## what can be done
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

up:  ## start the platform on http://localhost:8000
	@$(BOOTSTRAP) local_stack up

down:  ## stop it, keep the data
	@$(BOOTSTRAP) local_stack down

reset:  ## stop it, drop the data
	@$(BOOTSTRAP) local_stack reset

status:  ## every process, its port and its health
	@$(BOOTSTRAP) local_stack status

logs:  ## follow the logs (NAME=order: of one process)
	@$(BOOTSTRAP) local_stack logs $(NAME)

audit:  ## check the rules that must never break on the running platform
	@$(BOOTSTRAP) local_stack audit

test:  ## test everything, on servers of its own (SUITE=order-service: one suite; containers: end to end in those)
	@$(BOOTSTRAP) local_stack.run_tests $(SUITE)

test-faults:  ## kill and race everything, at full length; then the summary tables
	@FAULTS=all $(BOOTSTRAP) local_stack.run_tests faults

test-security:  ## forged tokens, other people's objects, hostile input, guessing; the dependencies and the code
	@$(BOOTSTRAP) local_stack.run_tests security

bench:  ## what it costs and how it grows, on a stack of its own (OPTIONS=--help: of it)
	@$(BOOTSTRAP) bench $(OPTIONS)

lint:  ## black --check and flake8
	@$(BOOTSTRAP) local_stack.run_tests lint

fmt:  ## black
	@$(BOOTSTRAP) black .

stubs:  ## the gRPC stubs from inventory.proto
	@.venv/bin/python inventory-service/src/proto/generate.py

.PHONY: help up down reset status logs audit test test-faults test-security bench lint fmt stubs
