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
# The programs of benches/ are built as users build theirs, against the installation under target/.
BENCH_FLAGS := -O2 -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Werror
BENCH_LIBRARIES := PKG_CONFIG_PATH="$(abspath $(TARGET))/prefix/lib/pkgconfig" pkg-config --cflags --libs
BENCH_LIBRARY := LD_LIBRARY_PATH="$(abspath $(TARGET))/prefix/lib"

.PHONY: all build cli prefix demo test test-long fuzz bench bench-scale timing header install setup fmt lint clean
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

# What a data key costs from C, Go and Python, against other libraries' cryptography in the same run; rewrites the figures
# of docs/performance.md. It wants 1.3 GB in target/scale for a store with a million keys, made once, as is benches/rivals,
# a crate of its own.
bench:
	@scripts/setup.sh bench
	@echo "bench: a store with a million keys"
	@mkdir -p "$(TARGET)/scale"
	@$(MAKE) --no-print-directory bench-scale SCALE="1000000 0" >"$(TARGET)/scale/table.md"
	@$(MAKE) --no-print-directory prefix
	@$(CARGO) build --quiet --release --manifest-path benches/rivals/Cargo.toml --target-dir "$(TARGET)/rivals"
	@$(CC) $(BENCH_FLAGS) -pthread benches/data_keys.c benches/rivals.c -o "$(TARGET)/bench_data_keys" \
	    $$($(BENCH_LIBRARIES) kms libcrypto libsodium) -ldl
	@$(BENCH_LIBRARY) LIBKMS_PATH="$(abspath $(TARGET))/prefix/lib/libkms.so.0" \
	    PKG_CONFIG_PATH="$(abspath $(TARGET))/prefix/lib/pkgconfig" python3 benches/report.py \
	    "$(abspath $(TARGET))/bench_data_keys" "$(abspath $(TARGET))/rivals/release/librivals.so" \
	    "$(abspath $(TARGET))/scale" "$(abspath $(TARGET))/venv/bin/python"

# Whether a refusal takes longer the later a byte is wrong, by statistics (docs/security.md).
timing: prefix
	@$(CC) $(BENCH_FLAGS) benches/timing.c -o "$(TARGET)/timing" $$($(BENCH_LIBRARIES) kms) -lm
	@$(BENCH_LIBRARY) "$(TARGET)/timing"

# A store with a million keys: opening, listing, cold keys, memory; a key with 100,000 grants. Both stores are kept in
# target/scale. SCALE gives other numbers of keys and of grants.
bench-scale:
	@$(CARGO) bench --quiet --features test-hooks --bench scale -- "$(abspath $(TARGET))/scale" $(SCALE)

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
	$(CARGO) fmt --manifest-path benches/rivals/Cargo.toml
	clang-format -i $$(git ls-files '*.c' '*.h' '*.cpp' '*.hpp' ':!include' ':!tools')
	gofmt -w bindings/go examples/go
	$(TARGET)/venv/bin/ruff format bindings/python examples/python tests benches

clean:
	$(CARGO) clean
