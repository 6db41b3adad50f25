// A figure: a title, a sentence, a legend, and a plot that uPlot draws on a canvas.

import { h } from "./dom.js";

const HEIGHT = 190;

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// `update` draws new data into the plot that is there; another `shape` (the range, say) has the plot made anew.
// `options` makes uPlot's options, and `readAt` says in words what is under the pointer.
export function makeFigure(title, legend) {
  const canvas = h("div", { class: "plot", "aria-hidden": "true" });
  const caption = h("p", { class: "summary" });
  const readout = h("p", { class: "readout", "aria-hidden": "true" }, "\u00a0");
  const keys = legend.map(([word, kind]) => h("li", { class: kind }, word));
  const head = h("figcaption", {}, h("h3", {}, title), caption);
  const element = h("figure", {}, head, h("ul", { class: "legend" }, keys), canvas, readout);
  const state = { canvas, readout, plot: null, shape: null, readAt: null };
  new ResizeObserver(() => state.plot?.setSize({ width: canvas.clientWidth, height: HEIGHT })).observe(canvas);
  return {
    element,
    forget: () => forget(state),
    say: (words) => {
      if (caption.textContent !== words) caption.textContent = words;
    },
    update: (data, shape, options, readAt) => draw(state, data, shape, options, readAt),
  };
}

function draw(state, data, shape, options, readAt) {
  state.readAt = readAt;
  if (state.shape !== shape) forget(state);
  state.shape = shape;
  if (state.plot) state.plot.setData(data);
  else if (state.canvas.clientWidth) make(state, data, options);
  else requestAnimationFrame(() => !state.plot && state.canvas.clientWidth && make(state, data, options));
}

function make(state, data, options) {
  const say = (plot) => {
    const index = plot.cursor.idx;
    state.readout.textContent = index === null || index === undefined ? "\u00a0" : state.readAt(index);
  };
  const own = { width: state.canvas.clientWidth, height: HEIGHT, hooks: { setCursor: [say] } };
  state.plot = new uPlot({ ...own, ...options() }, data, state.canvas);
}

function forget(state) {
  state.plot?.destroy();
  state.plot = null;
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
