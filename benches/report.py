"""Runs what measures a data key from C, Go and Python, and writes it down: the tables between two headings of
docs/performance.md, and the picture docs/performance.svg. `make bench` builds what is run and calls this."""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plot import Bar, Group, picture

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = ROOT / "docs/performance.md", ROOT / "docs/performance.svg"
BEGIN, END = "### Measured\n", "### On what\n"
BATCH = "each of 1,000"

# Calls whose instructions are counted, as benches/data_keys.c names them, and how often they are made: what setting up
# takes is in both numbers.
HOT = {"generate": "kms_generate_data_key", "batch": f"kms_generate_data_keys, {BATCH}", "decrypt": "kms_decrypt"}
FEW, MANY = 1000, 5000

# Of our rows, those in the picture.
PICTURED = ("kms_generate_data_key", f"kms_generate_data_keys, {BATCH}", "kms_decrypt, recent batch")


@dataclass(frozen=True)
class Row:
    """What one data key or call costs, and as a ratio to what stands first in its table."""

    name: str
    ns: float
    ratio: float
    #: ns more than the same call from C.
    more: float | None = None


@dataclass(frozen=True)
class Threads:
    count: int
    per_second: float
    ratio: float
    #: Processor time of one data key.
    ns: float


def run(command: list[str], directory: Path = ROOT, **environment: str) -> str:
    """Its output; what it says on stderr is shown as it comes."""
    print("bench:", " ".join(Path(word).name for word in command[:3]), flush=True)
    done = subprocess.run(  # noqa: S603  # commands of this file
        command, check=False, stdout=subprocess.PIPE, text=True, cwd=directory, env=os.environ | environment
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nbench: {command[0]} ended with {done.returncode}")
    return done.stdout


def from_c(program: str, rivals: str, store: str) -> tuple[list[Row], list[Threads]]:
    rows, threads = [], []
    with tempfile.TemporaryDirectory() as directory:
        tokens, logs = Path(directory, "tokens"), Path(directory, "logs")
        tokens.mkdir()
        logs.mkdir()
        softhsm = Path(directory, "softhsm2.conf")
        softhsm.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
        output = run([program, rivals, str(logs), store], SOFTHSM2_CONF=str(softhsm))
    for kind, name, *numbers in (line.split("\t") for line in output.splitlines()):
        if kind == "row":
            rows.append(Row(name, *map(float, numbers)))
        else:
            threads.append(Threads(int(name), *map(float, numbers)))
    return rows, threads


def from_go() -> list[Row]:
    """BenchmarkRatios of bindings/go, whose metrics are pairs of a number and a unit."""
    command = [
        "go",
        "test",
        "-run",
        "^$",
        "-bench",
        "^BenchmarkRatios$",
        "-benchtime",
        "300x",
        "-tags",
        "libkms_pkgconfig",
    ]
    output = run(command, ROOT / "bindings/go", CGO_ENABLED="1")
    line = next(line for line in output.splitlines() if line.startswith("BenchmarkRatios"))
    metrics = {unit: float(number) for number, unit in re.findall(r"([-\d.]+) (\S+)", line)}
    names = {
        "bare": "crypto/cipher + crypto/rand",
        "Into": "GenerateDataKeyInto",
        "one": "GenerateDataKey",
        "batch-Into": f"GenerateDataKeysInto, {BATCH}",
        "batch": f"GenerateDataKeys, {BATCH}",
    }
    rows = []
    for short, name in names.items():
        ns = metrics[f"{short}-ns/key"]
        more = next((metrics[unit] for unit in metrics if unit.startswith(f"{short}-minus-C")), None)
        rows.append(Row(name, ns, ns / metrics["bare-ns/key"], more))
    return rows


def from_python(python: str) -> Iterator[list[Row]]:
    """A list of rows for each table of bindings/python/bench/bench_data_keys.py."""
    script = ROOT / "bindings/python/bench/bench_data_keys.py"
    output = run([python, str(script), "--tsv"])
    for table in output.strip().split("\n\n"):
        lines = (line.split("\t") for line in table.splitlines())
        yield [Row(name, float(ns), float(ratio)) for name, ns, ratio in lines]


def instructions(program: str, name: str) -> float:
    """Of one call: from the instructions of two processes that make few, and many."""
    totals = []
    for calls in (FEW, MANY):
        with tempfile.TemporaryDirectory() as directory:
            out = Path(directory) / "callgrind.out"
            run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", program, name, str(calls)])
            line = next(line for line in out.read_text().splitlines() if line.startswith("totals:"))
            totals.append(int(line.split()[1]))
    return (totals[1] - totals[0]) / (MANY - FEW)


def machine() -> str:
    """What was measured on, without its name, and how busy it was."""
    cpu = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)", cpu, re.M)
    flags = (re.search(r"^flags\s*: (.*)", cpu, re.M) or ["", ""])[1].split()
    known = [flag for flag in ("aes", "pclmulqdq", "vaes", "vpclmulqdq", "avx2", "avx512f") if flag in flags]
    openssl = run(["openssl", "version"]).split()[1]
    busy = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} processors ({model[1].strip() if model else platform.machine()}; {', '.join(known)}), "
        f"{platform.system()} {platform.release().split('-')[0]}, {' '.join(platform.libc_ver())}, OpenSSL {openssl}, "
        f"Python {platform.python_version()}, {run(['go', 'version']).split()[2]}. Before the measurements "
        f"{busy:.1f} programs were running beside them."
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def cost_table(title: str, base: str, rows: list[Row]) -> str:
    """With a column for what is added to C where it is known."""
    head, lines = [title, "ns", f"of {base}"], [[row.name, f"{row.ns:.0f}", f"{row.ratio:.2f}"] for row in rows]
    if any(row.more is not None for row in rows):
        head.append("more than from C")
        for line, row in zip(lines, rows, strict=True):
            line.append("" if row.more is None else f"{row.more:.0f}")
    return table(head, lines)


def bars(rows: list[Row]) -> list[Bar]:
    """The first row is of others, ours are known by their names."""
    ours = re.compile(r"kms_|Generate|generate_")
    shown = [row for row in rows if not row.name.startswith("kms_") or row.name in PICTURED]
    return [Bar(row.name, row.ns, bool(ours.match(row.name))) for row in shown]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("program", "rivals", "scale", "python"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    on = machine()
    scale = Path(arguments.scale)
    rows, threads = from_c(arguments.program, arguments.rivals, str(scale / "keys-1000000.db"))
    go = from_go()
    python, opening = from_python(arguments.python)
    counted = [[name, f"{instructions(arguments.program, call):,.0f}"] for call, name in HOT.items()]
    tables = [
        cost_table("from C: 32-byte data key, 64 bytes of AAD", "OpenSSL", rows),
        table(
            ["threads", "data keys a second, by the clock", "of one thread's", "processor time of each, ns"],
            [[str(row.count), f"{row.per_second:,.0f}", f"{row.ratio:.2f}", f"{row.ns:.0f}"] for row in threads],
        ),
        cost_table("from Go", "crypto/cipher", go),
        cost_table("from Python", "cryptography", python),
        cost_table("from Python", "cryptography", opening),
        table(["instructions of one call, by callgrind", ""], counted),
        (scale / "table.md").read_text().strip(),
    ]
    measured = "\n\n".join([textwrap.fill(on, 120), *tables])
    print(measured)
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{measured}\n\n{END}{rest.split(END)[1]}")
    groups = [Group("from C", bars(rows)), Group("from Go", bars(go)), Group("from Python", bars(python))]
    PICTURE.write_text(picture(groups, [(row.count, row.per_second) for row in threads]))


if __name__ == "__main__":
    main()
