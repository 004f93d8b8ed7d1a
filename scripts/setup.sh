#!/usr/bin/env bash
# Installs what `make demo`, `make test` and `make bench` need beside Rust, Go, Python, a C compiler and make:
# scripts/setup.sh demo|test|bench
#
# System packages come from apt-get if that can be run without a password, else the command to run is printed; Python's
# tools go into a virtual environment under target/. Where everything is there, nothing is done and no network is used.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?demo, test or bench}
target=${CARGO_TARGET_DIR:-target}

missing=()
need() { # need PACKAGE COMMAND...: the package is missing if the command fails
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
links() { # links FLAGS...: whether the C compiler makes a program with these flags
    local out status=0
    out=$(mktemp)
    echo 'int main(void) { return 0; }' | cc -x c - -x none -o "$out" "$@" || status=1
    rm -f "$out"
    return "$status"
}

for tool in cargo:Rust cc:"a C compiler"; do
    command -v "${tool%%:*}" >/dev/null || { echo "setup: ${tool#*:} (${tool%%:*}) is needed first" >&2; exit 1; }
done
need libc6-dev links -lm
need binutils sh -c 'command -v ld && command -v objcopy && command -v readelf'
need pkg-config command -v pkg-config
need libssl-dev sh -c 'echo "#include <openssl/evp.h>" | cc -E -x c -'
if [ "$what" != demo ]; then
    for tool in go:Go python3:Python; do
        command -v "${tool%%:*}" >/dev/null || { echo "setup: ${tool#*:} (${tool%%:*}) is needed first" >&2; exit 1; }
    done
    need valgrind command -v valgrind
    need python3-venv python3 -c 'import ensurepip, venv'
fi
if [ "$what" = test ]; then
    need g++ command -v c++
    need sqlite3 command -v sqlite3
    need clang-format command -v clang-format
    need nodejs command -v node
    need npm command -v npm
fi
if [ "$what" = bench ]; then
    need openssl command -v openssl
    need libsodium-dev pkg-config --exists libsodium
    need softhsm2 command -v softhsm2-util
fi

if [ ${#missing[@]} -gt 0 ]; then
    install="apt-get install -y --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "setup: please install: ${missing[*]} (these are Debian's names)" >&2
        exit 1
    elif [ "$(id -u)" = 0 ]; then
        root=()
    elif sudo -n true 2>/dev/null; then
        root=(sudo -n)
    else
        echo "setup: please run: sudo $install" >&2
        exit 1
    fi
    echo "setup: $install"
    "${root[@]}" apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive $install
fi

[ "$what" != demo ] || exit 0

environment() { # environment NAME REQUIREMENTS: a virtual environment under target/ with these, made again if they change
    local venv=$target/$1 requirements=scripts/$2
    if cmp -s "$requirements" "$venv/requirements.txt" && "$venv/bin/python" -c 'import pytest' 2>/dev/null; then
        return
    fi
    echo "setup: Python's tools into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
}
environment venv requirements.txt
[ "$what" = test ] || exit 0

for component in rustfmt:fmt clippy:clippy; do
    cargo "${component#*:}" --version >/dev/null 2>&1 || rustup component add "${component%%:*}"
done

environment venv-sdk requirements-sdk.txt
environment venv-dkms requirements-dkms.txt

# The tests of moto, which tests/moto runs.
moto=$target/moto
if ! cmp -s scripts/requirements-moto.txt "$moto/requirements.txt"; then
    echo "setup: moto's tests into $moto"
    rm -rf "$moto"
    mkdir -p "$moto"
    "$target/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary moto --require-hashes \
        --dest "$moto" -r scripts/requirements-moto.txt
    tar -xzf "$moto"/moto-*.tar.gz -C "$moto" --strip-components=1 --wildcards '*/tests/__init__.py' '*/tests/test_kms/*'
    cp scripts/requirements-moto.txt "$moto/requirements.txt"
fi

# The AWS SDK for JavaScript, and what calls a C library from Node.
node=tests/node
if ! cmp -s "$node/package-lock.json" "$node/node_modules/installed-lock.json"; then
    echo "setup: Node's packages into $node/node_modules"
    (cd "$node" && npm ci --silent --ignore-scripts --no-audit --no-fund)
    cp "$node/package-lock.json" "$node/node_modules/installed-lock.json"
fi
