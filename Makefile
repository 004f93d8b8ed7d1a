# libkms. `make demo` shows it at work, `make test` runs every check, `make install` installs it.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
DESTDIR ?=
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SONAME := libkms.so.0

.PHONY: all build cli prefix demo test test-long fuzz bench bench-scale header install setup fmt lint clean
.NOTPARALLEL:

all: build

# The shared library, the static one, and the tool `kms`: target/release.
build:
	$(CARGO) build --release --features cli

# What the tool says of itself: its manual pages and shell completions, in target/cli.
cli: build
	rm -rf "$(TARGET)/cli"
	mkdir -p "$(TARGET)/cli/man"
	$(RELEASE)/kms man "$(TARGET)/cli/man"
	for shell in bash zsh fish; do $(RELEASE)/kms completions $$shell >"$(TARGET)/cli/kms.$$shell" || exit 1; done

# An installation of its own for the demo and the tests, which find it as users do.
prefix:
	@$(MAKE) --no-print-directory install DESTDIR= PREFIX="$(abspath $(TARGET))/prefix" >/dev/null

# A key store on disk, a data key, a real file encrypted and decrypted: step by step, on the terminal.
demo:
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory prefix
	@scripts/demo.sh

# Every check of this repository, in order; stops at the first that fails, with a summary.
test:
	@scripts/setup.sh test
	@scripts/test.sh

# What takes too long for every day: a million steps of XAES's chain, a thousand kills, a minute of sixteen processes,
# hundreds of forks beside busy threads, ...
test-long:
	$(CARGO) test --features test-hooks,cli --no-fail-fast -- --ignored --nocapture --test-threads=1

# Every parser that input from outside reaches, ten minutes each: two hours (scripts/fuzz.sh SECONDS TARGET... for less).
fuzz:
	@scripts/fuzz.sh 600

# What a data key costs, against other libraries' cryptography in the same run; rewrites the figures of docs/performance.md.
# benches/rivals is a crate of its own, built once.
bench:
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory prefix
	@$(CARGO) build --quiet --release --manifest-path benches/rivals/Cargo.toml --target-dir $(TARGET)/rivals
	@$(CC) -O2 -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Werror -pthread benches/data_keys.c \
	    -o $(TARGET)/bench_data_keys $$(PKG_CONFIG_PATH=$(TARGET)/prefix/lib/pkgconfig pkg-config --cflags --libs kms libcrypto) -ldl
	@LD_LIBRARY_PATH=$(TARGET)/prefix/lib python3 benches/report.py $(TARGET)/bench_data_keys $(TARGET)/rivals/release/librivals.so

# A store with a million keys: opening, listing, cold keys, memory. The store is kept in target/scale.
bench-scale:
	$(CARGO) bench --features test-hooks --bench scale -- "$(abspath $(TARGET))/scale"

# include/kms.h from src/capi.
header:
	$(CARGO) run --quiet --example header

# Header, shared library with its links, static library, pkg-config file; the tool, its manual pages and completions.
install: cli
	install -d "$(DESTDIR)$(INCLUDEDIR)" "$(DESTDIR)$(LIBDIR)/pkgconfig"
	install -m 644 include/kms.h "$(DESTDIR)$(INCLUDEDIR)/kms.h"
	install -m 755 $(RELEASE)/libkms.so "$(DESTDIR)$(LIBDIR)/$(SONAME).$(VERSION:0.%=%)"
	ln -sfn $(SONAME).$(VERSION:0.%=%) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sfn $(SONAME) "$(DESTDIR)$(LIBDIR)/libkms.so"
	scripts/static.sh $(RELEASE)/libkms.a "$(DESTDIR)$(LIBDIR)/libkms.a"
	chmod 644 "$(DESTDIR)$(LIBDIR)/libkms.a"
	native=$$(scripts/native-libs.sh) && sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	    -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' -e "s|@NATIVE_LIBS@|$$native|" \
	    scripts/kms.pc.in >"$(DESTDIR)$(LIBDIR)/pkgconfig/kms.pc"
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(DATADIR)/man/man1" \
	    "$(DESTDIR)$(DATADIR)/bash-completion/completions" "$(DESTDIR)$(DATADIR)/zsh/site-functions" \
	    "$(DESTDIR)$(DATADIR)/fish/vendor_completions.d"
	install -m 755 $(RELEASE)/kms "$(DESTDIR)$(BINDIR)/kms"
	install -m 644 $(TARGET)/cli/man/*.1 "$(DESTDIR)$(DATADIR)/man/man1"
	install -m 644 $(TARGET)/cli/kms.bash "$(DESTDIR)$(DATADIR)/bash-completion/completions/kms"
	install -m 644 $(TARGET)/cli/kms.zsh "$(DESTDIR)$(DATADIR)/zsh/site-functions/_kms"
	install -m 644 $(TARGET)/cli/kms.fish "$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/kms.fish"

# What the demo and the tests need beside Rust, Go, Python, a C compiler and make.
setup:
	scripts/setup.sh test

# The checks of form only, and what repairs them.
lint: setup
	@scripts/test.sh lint

fmt: setup
	$(CARGO) fmt
	clang-format -i $$(git ls-files '*.c' '*.h' '*.cpp' '*.hpp' ':!include' ':!tools')
	gofmt -w bindings/go examples/go
	$(TARGET)/venv/bin/ruff format bindings/python examples/python tests

clean:
	$(CARGO) clean
