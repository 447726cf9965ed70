"""The report in a real browser, headless: scripts run without an error, nothing overflows, and it can be read in light
and dark, on a wide screen and on a telephone."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qengine as qe
from qengine.build import Builder
from qengine.ops.add import Add
from qengine.ops.conv_2d import Conv2D
from qengine.ops.relu import Relu
from qengine.options import Padding
from qengine.report import report_on

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--hide-scrollbars",
    "--enable-logging=stderr",
)
PROBE = """
<script>
addEventListener("load", async () => {
  const root = document.documentElement;
  for (const article of document.querySelectorAll("article")) article.style.contentVisibility = "visible";
  const seen = (element) => { const box = element.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
  const light = (color) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const part = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const backdrop = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") return color;
    }
    return "white";
  };
  const contrast = (element) => {
    const pair = [light(getComputedStyle(element).color), light(backdrop(element))].sort();
    return (pair[1] + 0.05) / (pair[0] + 0.05);
  };
  const texts = ["h1", ".lead", ".note", "td", "dt", "dd", ".quality", ".where", "figcaption"];
  const contrasts = () => Object.fromEntries(texts.map(
    (name) => [name, Math.min(...[...document.querySelectorAll(name)].map(contrast))]));
  const measured = { ready: root.dataset.ready, width: innerWidth, page: root.scrollWidth };
  measured.light = { paper: light(backdrop(document.body)), contrasts: contrasts() };
  document.querySelector(".theme").click();
  measured.dark = { paper: light(backdrop(document.body)), contrasts: contrasts() };
  const shown = [...document.querySelectorAll("svg, table, h1, h2")];
  measured.hidden = shown.filter((element) => !seen(element)).map((element) => element.outerHTML);
  const head = [...document.querySelectorAll("th button")].find((e) => e.textContent.trim() === "SQNR");
  const order = () => [...document.querySelectorAll("tbody tr")].map((row) => row.querySelector("a").hash);
  measured.before = order();
  head.click();
  measured.sorted = order();
  measured.aria = head.closest("th").getAttribute("aria-sort");
  const picture = document.querySelector(`figure[data-bins*='"wanted":['] svg`);
  picture.scrollIntoView();
  const box = picture.getBoundingClientRect();
  picture.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + box.width / 2, clientY: box.top + 9 }));
  measured.read = picture.parentElement.querySelector(".read").textContent;
  measured.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  const said = document.createElement("pre");
  said.id = "measured";
  said.textContent = JSON.stringify(measured);
  document.body.append(said);
});
</script>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    for name in BROWSERS:
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip(f"no browser is installed: {', '.join(BROWSERS)}")


@pytest.fixture(scope="module")
def page() -> str:
    rng = np.random.default_rng(0)
    b = Builder("net")
    x = b.input("image", (1, 8, 8, 3))
    filters = rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
    name = "a/name/that/a/converter/made/of/everything/that/was/fused;and/then/of/some/more/of/it"
    y = b.add(Conv2D(Padding.SAME, 1, 1), [x, filters, np.zeros(8, np.float32)], name=name)
    model = b.model([b.add(Add(), [y, b.add(Relu(), [y], name="bent")], name="sum")])
    samples = rng.normal(0, 1, (4, 8, 8, 3)).astype(np.float32)
    made = qe.quantize(model, recipe="static_wi8_ai8", representative_dataset=samples)
    return report_on(made, model, samples * np.float32(1.4)).to_html()


def dom(browser: str, page: str, folder: Path, width: int) -> tuple[str, list[str]]:
    """The page as the browser has it once its scripts ran, in a window of some width, and what the console says."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [browser, *FLAGS, f"--window-size={width},900", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(
        [*command, file.as_uri()], capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("width", [1400, 800, 500])
def test_the_page_opens_without_errors_and_fits_its_window(browser: str, page: str, tmp_path: Path, width: int) -> None:
    shown, said = dom(browser, page.replace("</body>", PROBE + "</body>"), tmp_path, width)
    assert said == []
    found = re.search(r'<pre id="measured">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None
    measured: dict[str, Any] = json.loads(html.unescape(found[1]))
    assert measured["ready"] == "yes"
    assert measured["requests"] == []
    assert measured["width"] == width
    assert measured["page"] <= width
    assert measured["hidden"] == []
    assert measured["light"]["paper"] > 0.9
    assert measured["dark"]["paper"] < 0.02
    for theme in ("light", "dark"):
        low = {name: ratio for name, ratio in measured[theme]["contrasts"].items() if ratio < 4.5}
        assert not low, f"too little contrast, {theme}: {low}"
    assert measured["aria"] == "ascending"
    assert sorted(measured["before"]) == sorted(measured["sorted"])
    assert measured["before"] != measured["sorted"]
    assert re.match(r"[−\d.e]+ to [−\d.e]+: [\d,]+ values, [\d,]+ in float$", measured["read"])


def test_an_error_of_the_page_s_script_would_be_seen(browser: str, page: str, tmp_path: Path) -> None:
    broken = page.replace('document.querySelector(".theme")', 'document.querySelector(".no-such-thing")')
    shown, said = dom(browser, broken, tmp_path, 800)
    assert 'data-ready="yes"' not in shown
    assert any("TypeError" in line for line in said)
