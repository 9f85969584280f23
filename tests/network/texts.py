"""One network as BIF and as XDSL text, for tests that alter a piece of it."""

from __future__ import annotations

from pathlib import Path

BIF = """network rain {
}
variable rain {
  type discrete [ 2 ] { no, yes };
}
variable grass {
  type discrete [ 3 ] { dry, damp, wet };
}
probability ( rain ) {
  table 0.7, 0.3;
}
probability ( grass | rain ) {
  (no) 0.8, 0.1, 0.1;
  (yes) 0.05, 0.15, 0.8;
}
"""

XDSL = """<?xml version="1.0" encoding="UTF-8"?>
<smile version="1.0" id="rain">
  <nodes>
    <cpt id="rain">
      <state id="no" />
      <state id="yes" />
      <probabilities>0.7 0.3</probabilities>
    </cpt>
    <cpt id="grass">
      <state id="dry" />
      <state id="damp" />
      <state id="wet" />
      <parents>rain</parents>
      <probabilities>0.8 0.1 0.1 0.05 0.15 0.8</probabilities>
    </cpt>
  </nodes>
  <extensions>
    <genie version="1.0" app="GeNIe 5" name="rain"><node id="rain"><name>Rain?</name></node></genie>
  </extensions>
</smile>
"""


def put(tmp_path: Path, text: str, ending: str) -> Path:
    path = tmp_path / f"net{ending}"
    path.write_bytes(text.encode())
    return path
