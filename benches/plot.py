"""docs/performance.svg: what a data key costs, on a logarithmic scale, and what threads get done together."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from html import escape

OURS, OTHERS, TEXT, GRID = "#1f6fb2", "#a9a9a9", "#222222", "#dddddd"
LEFT, SCALE, ROW, TOP = 350, 420, 20, 74
COLUMNS = 130
_BOLD = ' font-weight="bold"'


@dataclass(frozen=True)
class Bar:
    name: str
    ns: float
    ours: bool


@dataclass(frozen=True)
class Group:
    title: str
    bars: list[Bar]


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{TEXT}"{more}>{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _costs(groups: list[Group]) -> tuple[list[str], int]:
    """The bars, cheapest first in each group, and where they end."""
    every = [bar.ns for group in groups for bar in group.bars]
    low, high = (math.log10(min(every)) - 0.25) // 0.5 * 0.5, math.log10(max(every))

    def place(ns: float) -> float:
        return LEFT + (math.log10(ns) - low) / (high - low) * SCALE

    parts, y = [], TOP
    for group in groups:
        parts.append(_text(12, y + 14, group.title, more=_BOLD))
        for bar in sorted(group.bars, key=lambda bar: bar.ns):
            parts += [
                _text(LEFT - 8, y + 14, bar.name, "end"),
                _rect(LEFT, y + 3, max(place(bar.ns) - LEFT, 2), ROW - 5, OURS if bar.ours else OTHERS),
                _text(place(bar.ns) + 5, y + 14, f"{bar.ns:,.0f}"),
            ]
            y += ROW
        y += 10
    lines = []
    for power in range(math.ceil(low), math.floor(high) + 1):
        x = place(10**power)
        lines += [
            f'<line x1="{x:.0f}" y1="{TOP - 4}" x2="{x:.0f}" y2="{y - 8}" stroke="{GRID}"/>',
            _text(x, TOP - 8, f"{10**power:,} ns", "middle"),
        ]
    return lines + parts, y


def _threads(rates: list[tuple[int, float]], y: int) -> list[str]:
    """A column for each number of threads."""
    title = f"Millions of data keys a second, by the number of threads on {os.cpu_count()} processors"
    parts = [_text(12, y + 16, title, more=_BOLD)]
    highest = max(rate for _, rate in rates)
    bottom = y + 40 + COLUMNS
    for index, (count, rate) in enumerate(rates):
        x, height = 60 + index * 70, rate / highest * COLUMNS
        parts += [
            _rect(x, bottom - height, 46, height, OURS),
            _text(x + 23, bottom - height - 5, f"{rate / 1e6:.2f}", "middle"),
            _text(x + 23, bottom + 16, str(count), "middle"),
        ]
    return parts


def picture(groups: list[Group], rates: list[tuple[int, float]]) -> str:
    costs, y = _costs(groups)
    width, height = LEFT + SCALE + 70, y + 80 + COLUMNS
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="12">',
            '<rect width="100%" height="100%" fill="white"/>',
            _text(
                12, 22, "Processor time of one data key, or of opening one (logarithmic)", more=' font-weight="bold"'
            ),
            _rect(12, 34, 12, 12, OURS),
            _text(30, 44, "libkms: key, state, policy, generation, wrapping"),
            _rect(LEFT, 34, 12, 12, OTHERS),
            _text(LEFT + 18, 44, "others: the cryptography alone, no key management"),
            *costs,
            *_threads(rates, y + 6),
            "</svg>",
            "",
        ]
    )
