// A figure: a title, a sentence, a legend, and a plot that uPlot draws on a canvas.

import { h } from "./dom.js";

const HEIGHT = 190;

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// `update` draws new data into the plot that is there, which is made anew for another `shape` (the range, say) and for
// another colour scheme. `options` makes uPlot's options, and `readAt` says in words what is under the pointer.
export function makeFigure(name, legend) {
  const canvas = h("div", { class: "plot", "aria-hidden": "true" });
  const caption = h("p", { class: "summary" });
  const readout = h("p", { class: "readout", "aria-hidden": "true" }, "\u00a0");
  const keys = legend.map(([word, kind]) => h("li", { class: kind }, word));
  const head = h("figcaption", {}, h("h3", {}, name), caption);
  const element = h("figure", {}, head, h("ul", { class: "legend" }, keys), canvas, readout);
  let plot = null;
  let latest = null;
  const read = ({ cursor }) => {
    readout.textContent = Number.isInteger(cursor.idx) ? latest.readAt(cursor.idx) : "\u00a0";
  };
  const draw = () => {
    const size = { width: canvas.clientWidth, height: HEIGHT };
    if (plot) plot.setData(latest.data);
    else if (size.width)
      plot = new uPlot({ ...size, hooks: { setCursor: [read] }, ...latest.options() }, latest.data, canvas);
  };
  const forget = () => {
    plot?.destroy();
    plot = null;
  };
  const update = (data, shape, options, readAt) => {
    if (latest?.shape !== shape) forget();
    latest = { data, shape, options, readAt };
    if (canvas.clientWidth) draw();
    else requestAnimationFrame(draw);
  };
  const say = (words) => {
    if (caption.textContent !== words) caption.textContent = words;
  };
  new ResizeObserver(() => plot?.setSize({ width: canvas.clientWidth, height: HEIGHT })).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    forget();
    if (latest) draw();
  });
  return { element, say, update };
}

// Options of all plots: no legend of uPlot's own, a vertical cursor, axes in the page's colours.
export function commonOptions(tick) {
  const lines = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: colour("--muted"), grid: lines, ticks: lines, font: "12px system-ui, sans-serif" };
  return {
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    tzDate: (at) => uPlot.tzDate(new Date(1000 * at), "Etc/UTC"),
    axes: [
      { ...axis, space: 70, size: 30, values: (_, ticks) => ticks.map(tick) },
      { ...axis, size: 56 },
    ],
  };
}
