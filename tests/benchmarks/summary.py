"""The results as Markdown: what the README quotes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.record import read

Record = Mapping[str, Any]


def summary(parts: Sequence[str], folder: Path) -> str:
    """A table of goals, a table of networks, and what they were measured on."""
    read_parts = {part: content for part in parts if (content := read(part, folder))}
    findings = [f for content in read_parts.values() for f in content["findings"]]
    lines = ["# Measured against other engines"]
    if findings:
        lines += ["", *_conditions(read_parts), "", *_goals(findings)]
    if rows := [f for f in findings if "ratios" in f]:
        lines += ["", "## 100,000 rows of evidence", "", *_networks(rows, findings)]
    if on_device := read("gpu", folder):
        lines += ["", f"## On one {on_device['device']['name']}", "", *_on_device(on_device)]
    return "\n".join(lines) + "\n"


def _conditions(parts: Mapping[str, Record]) -> list[str]:
    """One paragraph for each environment met; parts run apart may differ."""
    told: dict[str, list[str]] = {}
    for part, content in parts.items():
        told.setdefault(environment_words(content["environment"]), []).append(part)
    return [words if len(told) == 1 else f"{', '.join(names)}: {words}" for words, names in told.items()]


def environment_words(where: Record) -> str:
    """Processor, threads, dtype and versions as one sentence."""
    versions = ", ".join(f"{name} {found}" for name, found in where["packages"].items())
    machine = f"{where['processor']}, {where['threads']} thread, {where['dtype']}"
    return f"{machine}; Python {where['python']}, {versions}."


def _goals(findings: Iterable[Record]) -> list[str]:
    """One line for each goal: the task that came out worst, and how many tasks meet the goal."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for finding in findings:
        if finding["counts"]:
            groups.setdefault((finding["goal"], finding["text"]), []).append(finding)
    rows = []
    for (goal, text), members in groups.items():
        wanted = members[0]["wanted"]
        worst = (min if wanted.startswith(">=") else max)(members, key=lambda f: f["median"])
        met = f"{sum(f['met'] for f in members)} of {len(members)}"
        sign = wanted.replace(">=", "≥").replace("<=", "≤")
        rows.append((goal, text, sign, worst["task"], three(worst), met))
    return table(("goal", "what", "wanted", "worst task", "min / median / max there", "met"), rows)


def _networks(rows: Sequence[Record], findings: Sequence[Record]) -> list[str]:
    """One line for each network and set of evidence; ratios are medians."""
    unique = {f["task"]: f for f in findings if "both_on_unique_rows" in f}
    cells = [
        (
            row["task"],
            f"{row['nodes']} / {row['seen']} / {row['states']}",
            number(row["compile_seconds"] * 1e3),
            number(row["seconds_per_row"]["ours"]["median"] * 1e9),
            three(row["ratios"]["pyagrum"]),
            number(row["ratios"]["pyagrum_plain"]["median"]),
            f"{number(unique[row['task']]['median'])} ({number(100 * row['unique_share'])} %)",
            number(row["ratios"]["contract"]["median"]),
            number(row["ratios"]["contract_large"]["median"]),
            number(row["ratios"]["pgmpy"]["median"]),
        )
        for row in rows
    ]
    heads = (
        "network, evidence",
        "nodes / seen / states",
        "compile, ms",
        "ours, ns per row",
        "× pyAgrum Lazy (min / median / max)",
        "× pyAgrum, evidence set anew",
        "× pyAgrum on unique rows (their share)",
        "× pyro.ops.contract, 2,000 rows",
        "× pyro.ops.contract, as many rows as suit it",
        "× pgmpy",
    )
    return table(heads, cells)


def _on_device(content: Record) -> list[str]:
    """One line for each question put to the accelerator; ratios are medians."""
    heads = ("network, evidence", "what", "compile, ms", "ns each", "× one CPU core (min / median / max)")
    others = ("gpu_missing", "gpu_float32", "gpu_with_transfer")
    cells = []
    for found in content["findings"]:
        faster, compiling = found["times_faster_than_one_core"], found.get("compile_seconds")
        first = (found["task"], found["what"], "" if compiling is None else number(compiling * 1e3))
        each = number(found["seconds_each"]["gpu"]["median"] * 1e9)
        beside = (number(faster[name]["median"]) if name in faster else "" for name in others)
        cells.append((*first, each, three(faster["gpu"]), *beside))
    return [
        f"{environment_words(content['environment'])} CUDA {content['device']['cuda']}.",
        "",
        *table((*heads, "× with cells missing", "× in float32", "× with transfer"), cells),
    ]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [_line(heads), _line(["---"] * len(heads)), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def three(spread: Record) -> str:
    """Least, middle and most."""
    return " / ".join(number(spread[k]) for k in ("min", "median", "max"))


def number(value: float) -> str:
    """Three digits at most after the first, thousands set apart: 0.0123, 4.57, 12,345."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
