# What there is to do here. Every target says which packages it installs, and asks for nothing when none is missing.
.PHONY: help demo build check test guest soak bench deb

help:
	@echo "make demo    build and play the demo song      (ARGS='--start @Chorus' go to backline play)"
	@echo "make build   build the player: target/release/backline"
	@echo "make check   format, lints, documentation, unit tests, features: under 5 minutes, installs nothing"
	@echo "make test    everything, end to end, with the tests in a virtual machine"
	@echo "make guest   only the tests in the virtual machine"
	@echo "make soak    the checks that take minutes, fuzzing too; then play for MINUTES=60 and watch memory, threads, files"
	@echo "make deb     Debian packages for amd64, arm64 and armhf, cross-built  (ARGS='--test arm64')"
	@echo "make bench   what it costs, against other programs  (ARGS='--quick mixer live': sections)"

demo:
	@scripts/demo.sh $(ARGS)

build:
	@scripts/build.sh

check:
	@scripts/check.sh

test:
	@scripts/test.sh

guest:
	@scripts/test.sh guest

soak:
	@MINUTES='$(or $(MINUTES),60)' scripts/soak.sh

bench:
	@scripts/bench.sh $(ARGS)

deb:
	@scripts/deb.sh $(ARGS)
