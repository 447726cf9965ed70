"use strict";
// Everything is there without this: it sorts, reads bars out, keeps the map beside what is read, and changes the theme.
(() => {
  const root = document.documentElement;
  const button = document.querySelector(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = dark() ? "Light" : "Dark"; };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  name();

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.dataset.sort) return;
      const sorter = document.createElement("button");
      sorter.type = "button";
      sorter.append(...head.childNodes);
      head.append(sorter);
      sorter.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => Number(row.cells[column].dataset.value);
        const rows = [...body.rows].sort((a, b) => (up ? key(a) - key(b) : key(b) - key(a)));
        body.append(...rows);
      });
    });
  }

  const short = (value) => (value === 0 ? "0" : Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5
    ? String(Number(value.toPrecision(4))) : value.toExponential(3)).replace("-", "−");
  for (const figure of document.querySelectorAll("figure[data-bins]")) {
    const { start, stop, own, wanted, unit } = JSON.parse(figure.dataset.bins);
    const picture = figure.querySelector("svg");
    const said = figure.querySelector(".read");
    const width = (stop - start) / own.length;
    picture.addEventListener("pointermove", (event) => {
      const box = picture.getBoundingClientRect();
      const at = Math.min(own.length - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * own.length)));
      const from = start + at * width;
      said.textContent = `${short(from)} to ${short(from + width)}${unit}: ${own[at].toLocaleString("en")}`
        + (wanted ? ` values, ${wanted[at].toLocaleString("en")} in float` : " values");
    });
    picture.addEventListener("pointerleave", () => { said.textContent = ""; });
  }

  const pane = document.querySelector(".map .pane");
  const links = new Map([...document.querySelectorAll(".graph a")].map((a) => [a.getAttribute("href").slice(1), a]));
  if (pane && "IntersectionObserver" in window) {
    let here = null;
    const watch = new IntersectionObserver((entries) => {
      const seen = entries.find((entry) => entry.isIntersecting);
      const link = seen && links.get(seen.target.id);
      if (!link || link === here) return;
      if (here) here.classList.remove("here");
      here = link;
      here.classList.add("here");
      const box = here.getBoundingClientRect();
      const frame = pane.getBoundingClientRect();
      if (pane.scrollHeight > pane.clientHeight && getComputedStyle(pane.parentElement).position === "sticky") {
        pane.scrollTop += box.top - frame.top - pane.clientHeight / 2;
      }
    }, { rootMargin: "-30% 0px -60% 0px" });
    document.querySelectorAll("article[id]").forEach((article) => watch.observe(article));
  }
  if (pane) pane.scrollLeft = (pane.scrollWidth - pane.clientWidth) / 2;
  root.dataset.ready = "yes";
})();
