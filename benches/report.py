"""Runs benches/data_keys, and writes what it measured to docs/performance.md (the tables between two of its headings) and
to docs/performance.svg."""

import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "### Measured\n", "### On what\n"
# Calls whose instructions are counted, as benches/data_keys.c names them, and how often they are made: what setting up
# takes is in both numbers.
HOT = {"generate": "kms_generate_data_key", "batch": "kms_generate_data_keys, each of 1,000", "decrypt": "kms_decrypt"}
FEW, MANY = 1000, 5000


def measure(program: str, rivals: str) -> list[tuple[str, float]]:
    """Each contender with its nanoseconds; the first is what the others are compared with."""
    with tempfile.TemporaryDirectory() as logs:
        output = subprocess.run([program, rivals, logs], check=True, capture_output=True, text=True).stdout
    lines = (line.split("\t") for line in output.splitlines())
    return [(name, float(ns)) for name, ns in lines]


def instructions(program: str, name: str, calls: int) -> int:
    """All instructions of a process that makes so many calls."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, name, str(calls)]
        subprocess.run(command, check=True, capture_output=True)
        totals = next(line for line in out.read_text().splitlines() if line.startswith("totals:"))
    return int(totals.split()[1])


def table(measured: list[tuple[str, float]], counted: dict[str, int]) -> str:
    base = measured[0][1]
    lines = ["| 32-byte data key, 64 bytes of AAD | ns | of OpenSSL |", "|---|---:|---:|"]
    lines += [f"| {name} | {ns:.0f} | {ns / base:.2f} |" for name, ns in measured]
    if counted:
        lines += ["", "| instructions of one call, by callgrind | |", "|---|---:|"]
        lines += [f"| {HOT[name]} | {count:,} |" for name, count in counted.items()]
    return "\n".join(lines)


def plot(measured: list[tuple[str, float]]) -> str:
    """Bars, ours in another colour than the others'."""
    row, left, width = 22, 330, 420
    longest = max(ns for _, ns in measured)
    height = row * len(measured) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="8" y="20" font-weight="bold">Processor time for one data key or call, in ns</text>',
    ]
    for index, (name, ns) in enumerate(measured):
        y = 32 + row * index
        colour = "#2a6fb0" if name.startswith("kms_") else "#999999"
        bar = max(1, round(ns / longest * width))
        parts += [
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left}" y="{y}" width="{bar}" height="{row - 6}" fill="{colour}"/>',
            f'<text x="{left + bar + 6}" y="{y + 13}">{ns:.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    program, rivals = sys.argv[1:]
    measured = measure(program, rivals)
    base = measured[0][1]
    for name, ns in measured:
        print(f"{name:48} {ns:8.0f}  {ns / base:.2f}")
    counted = {}
    if shutil.which("valgrind"):
        for name in HOT:
            counted[name] = (instructions(program, name, MANY) - instructions(program, name, FEW)) // (MANY - FEW)
            print(f"{HOT[name]:48} {counted[name]:8} instructions")
    page = DOCS / "performance.md"
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table(measured, counted)}\n\n{END}{after}")
    (DOCS / "performance.svg").write_text(plot(measured))


if __name__ == "__main__":
    main()
