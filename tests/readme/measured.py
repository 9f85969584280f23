"""Put what `make bench` measured last into README.md: `python -m tests.readme.measured`."""

from __future__ import annotations

import re

from tests.readme.blocks import README, ROOT

SUMMARY = ROOT / "tests" / "benchmarks" / "results" / "summary.md"
PLACE = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- /measured -->)", re.S)


def measured() -> str:
    """The machine and versions, and the table of goals, of the summary."""
    parts = SUMMARY.read_text(encoding="utf-8").split("\n\n")
    return f"{parts[1]}\n\n{parts[2]}\n"


def main() -> None:
    text = PLACE.sub(lambda _: measured(), README, count=1)
    (ROOT / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
