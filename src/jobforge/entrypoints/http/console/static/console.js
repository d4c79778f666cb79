// What the pages do beyond links and forms; every page works without.
"use strict";
(() => {
  const find = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Keys: g and a letter go to a page, n and p walk through rows, / searches, . pauses, ? helps.
  let isGoing = false;
  const isTyping = (target) => target.closest("input, textarea, select, dialog[open]") !== null;

  function walk(step) {
    const rows = all("tbody tr").filter((row) => find("a", row));
    if (!rows.length) return;
    const now = rows.findIndex((row) => row.hasAttribute("data-chosen"));
    const next = Math.min(Math.max(now + step, 0), rows.length - 1);
    rows.forEach((row) => row.removeAttribute("data-chosen"));
    rows[next].setAttribute("data-chosen", "");
    find("a", rows[next]).focus();
    rows[next].scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (isGoing) {
      isGoing = false;
      const link = find(`nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    const does = {
      g: () => { isGoing = true; setTimeout(() => { isGoing = false; }, 1500); },
      n: () => walk(1),
      p: () => walk(-1),
      "/": () => find("[data-search]")?.focus(),
      ".": () => pause(!document.documentElement.hasAttribute("data-paused")),
      "?": () => find("#keys")?.showModal(),
    }[event.key];
    if (does) { event.preventDefault(); does(); }
  });

  // What moves by itself stands still while nobody looks, or when somebody says so.
  function pause(isPaused) {
    document.documentElement.toggleAttribute("data-paused", isPaused);
    all("[data-pause-label]").forEach((label) => { label.textContent = isPaused ? "Go on" : "Pause"; });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-pause]")) pause(!document.documentElement.hasAttribute("data-paused"));
  });
  const isStill = () => document.hidden || !document.hasFocus()
    || document.documentElement.hasAttribute("data-paused");
  document.addEventListener("htmx:config:request", (event) => {
    if (event.target.hasAttribute?.("data-moves") && isStill()) event.preventDefault();
  });
  document.addEventListener("htmx:sse:before:message", (event) => {
    if (document.documentElement.hasAttribute("data-paused")) event.preventDefault();
  });

  // A run that has ended is shown whole once more.
  document.addEventListener("closed", () => { location.reload(); });

  // What cannot be taken back asks for a word; the server asks for it again.
  document.addEventListener("input", (event) => {
    const wanted = event.target.dataset?.confirm;
    if (wanted === undefined) return;
    const button = find("button[type=submit]", event.target.form);
    button.disabled = event.target.value.trim() !== wanted;
  });
  all("[data-confirm]").forEach((input) => { find("button[type=submit]", input.form).disabled = true; });

  // A dropped file is a chosen one.
  all("input[type=file]").forEach((input) => {
    input.addEventListener("dragover", () => input.classList.add("over"));
    input.addEventListener("dragleave", () => input.classList.remove("over"));
    input.addEventListener("drop", () => input.classList.remove("over"));
  });

  // Charts: the same numbers stand in a table beside each.
  function draw(figure) {
    const { x, series, isTime } = JSON.parse(figure.dataset.chart);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const colours = ["--accent", "--bad", "--good", "--warn", "--soft"].map(colour);
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const options = {
      width: Math.max(figure.clientWidth - 32, 200), height: 220, scales: { x: { time: isTime } },
      legend: { live: true }, axes: [axis, axis],
      series: [{}, ...series.map((one, place) => ({
        label: one.label, stroke: colours[place % colours.length], width: 2,
        points: { show: one.isPoints === true, size: 8, fill: colours[place % colours.length] },
        paths: one.isPoints ? () => null : undefined,
      }))],
    };
    return new uPlot(options, [x, ...series.map((one) => one.values)], figure);
  }
  if (typeof uPlot !== "undefined") {
    all("[data-chart]").forEach((figure) => {
      let plot = draw(figure);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        plot.destroy();
        plot = draw(figure);
      });
      new ResizeObserver(() => plot.setSize({ width: Math.max(figure.clientWidth - 32, 200), height: 220 })).observe(figure);
    });
  }
})();
