#!/usr/bin/env bash
# Makes the libkms.a that is installed from the one that cargo builds: scripts/static.sh IN OUT
#
# Cargo's archive has thousands of global names: Rust's runtime, and the bundled SQLite's sqlite3_*, which clash with
# another SQLite or another Rust library in the same program. Here everything that the API reaches becomes one object,
# and all its names but the API's become local.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
in=$1 out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/exports.sh" >"$work/exports"
mapfile -t roots < <(sed 's/^/--undefined=/' "$work/exports")
# Groups are dissolved: a group whose names are local must not be merged with another library's of the same name.
ld -r --gc-sections --force-group-allocation "${roots[@]}" -o "$work/whole.o" "$in"
# Rust's own libraries carry LLVM bitcode for link-time optimisation, which no linker needs here and which crashes
# the LLVM plugin that binutils loads on some systems.
objcopy --keep-global-symbols="$work/exports" --strip-unneeded \
    --remove-section=.llvmbc --remove-section=.llvmcmd "$work/whole.o" "$work/libkms.o"
rm -f "$out"
(cd "$work" && ar rcsD libkms.a libkms.o)
mv "$work/libkms.a" "$out"
