// Plots: uPlot on a canvas, and the same in words and as a table.

import { h, table } from "./dom.js";
import { number, percent, span, tick } from "./words.js";

const HEIGHT = 190;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Make the two plots of an account; `update` gives them data without losing the pointer.
export function makePlots() {
  const counts = figure("Reports over time", [["Delivered", "delivered"], ["Failed", "failed"], ["Not final", "other"]]);
  const shares = figure("Share of failures over time", [["Failed, of final reports", "failed"]]);
  let shown = null;
  const update = (plot, seconds) => {
    shown = [plot, seconds];
    const share = plot.at.map((_, index) => {
      const finals = plot.delivered[index] + plot.failed[index];
      return finals ? plot.failed[index] / finals : null;
    });
    counts.update(stacked(plot), countOptions(seconds, plot), plot, seconds);
    counts.say(countWords(plot, seconds));
    shares.update([plot.at, share], shareOptions(seconds), plot, seconds);
    shares.say(shareWords(plot, share, seconds));
    data.replaceChildren(dataTable(plot, share, seconds));
  };
  const data = h("div");
  const redraw = () => { counts.forget(); shares.forget(); if (shown) update(...shown); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const element = h("div", { class: "plots" }, counts.element, shares.element,
    h("details", { class: "data", "data-key": "plot data" }, h("summary", {}, "The plots as a table"), data));
  return { element, update };
}

function figure(title, legend) {
  const canvas = h("div", { class: "plot", "aria-hidden": "true" });
  const caption = h("p", { class: "summary" });
  const readout = h("p", { class: "readout", "aria-hidden": "true" }, " ");
  const element = h("figure", {}, h("figcaption", {}, h("h3", {}, title), caption),
    h("ul", { class: "legend" }, legend.map(([word, kind]) => h("li", { class: kind }, word))), canvas, readout);
  let plot = null;
  const watch = new ResizeObserver(() => plot?.setSize({ width: canvas.clientWidth, height: HEIGHT }));
  watch.observe(canvas);
  const forget = () => { plot?.destroy(); plot = null; };
  return {
    element, forget,
    say: (words) => { if (caption.textContent !== words) caption.textContent = words; },
    update: (data, options, source, seconds) => {
      if (plot && plot.seconds !== seconds) forget();
      if (plot) { plot.source = source; plot.setData(data); return; }
      if (!canvas.clientWidth) { requestAnimationFrame(() => { if (!plot && canvas.clientWidth) make(); }); return; }
      make();
      function make() {
        const hooks = { setCursor: [(made) => read(made, readout)] };
        plot = new uPlot({ width: canvas.clientWidth, height: HEIGHT, hooks, ...options }, data, canvas);
        Object.assign(plot, { source, seconds });
      }
    },
  };
}

function read(plot, readout) {
  const index = plot.cursor.idx;
  const { source, seconds } = plot;
  readout.textContent = index === null || index === undefined || !source ? " " :
    `${span(source.at[index], seconds)}: ${number(source.delivered[index])} delivered, ${number(source.failed[index])} failed, ${number(source.other[index])} not final`;
}

// Each series on top of the one before it; what is drawn first is the highest.
function stacked(plot) {
  const failed = plot.failed;
  const delivered = failed.map((count, index) => count + plot.delivered[index]);
  return [plot.at, delivered.map((count, index) => count + plot.other[index]), delivered, failed];
}

function common(seconds) {
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  return {
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    axes: [
      { ...axis, space: 70, size: 30, values: (_, ticks) => ticks.map((at) => tick(at, seconds)) },
      { ...axis, size: 56 },
    ],
  };
}

function countOptions(seconds, plot) {
  const options = common(seconds);
  const bars = uPlot.paths.bars({ size: [0.82, 40], align: 1 });
  const series = (name) => ({ fill: colour(name), stroke: colour(name), width: 0, paths: bars, points: { show: false } });
  options.axes[1].values = (_, ticks) => ticks.map((count) => (Number.isInteger(count) ? number(count) : ""));
  options.scales = {
    x: { range: (_, from, to) => [from, to + plot.step] },
    y: { range: (_, from, to) => [0, Math.max(4, to * 1.08)] },
  };
  options.series = [{}, series("--other"), series("--delivered"), series("--failed")];
  return options;
}

function shareOptions(seconds) {
  const options = common(seconds);
  options.axes[1].values = (_, ticks) => ticks.map(percent);
  options.scales = { y: { range: (_, from, to) => [0, Math.min(1, Math.max(0.1, to * 1.15))] } };
  options.series = [{}, { stroke: colour("--failed"), width: 2, points: { show: true, size: 4, fill: colour("--failed") } }];
  return options;
}

const total = (counts) => counts.reduce((sum, count) => sum + count, 0);

function countWords(plot, seconds) {
  const sums = [plot.delivered, plot.failed, plot.other].map(total);
  const most = Math.max(...plot.failed);
  const peak = most ? ` Most failures at ${span(plot.at[plot.failed.indexOf(most)], seconds)}: ${number(most)}.` : "";
  return `${number(total(sums))} reports: ${number(sums[0])} delivered, ${number(sums[1])} failed, ${number(sums[2])} not final.${peak}`;
}

function shareWords(plot, share, seconds) {
  const finals = total(plot.delivered) + total(plot.failed);
  if (!finals) return "No final report in this time.";
  const highest = Math.max(...share.map((value) => value ?? 0));
  const where = highest ? ` The highest is ${percent(highest)} at ${span(plot.at[share.indexOf(highest)], seconds)}.` : "";
  return `${percent(total(plot.failed) / finals)} of ${number(finals)} final reports failed.${where}`;
}

function dataTable(plot, share, seconds) {
  const columns = [["From", ""], ["Delivered", "number"], ["Failed", "number"], ["Not final", "number"], ["Share failed", "number"]];
  const rows = plot.at.map((at, index) => [
    span(at, seconds), number(plot.delivered[index]), number(plot.failed[index]), number(plot.other[index]),
    share[index] === null ? "–" : percent(share[index]),
  ]).filter((_, index) => plot.delivered[index] + plot.failed[index] + plot.other[index]);
  return table("Reports by time", columns, rows);
}

// A small plot beside an account's name: final reports as bars, the failures among them from the ground.
export const outline = (counts, most, height) => counts
  .map((count, index) => (count ? `M${index * 3} ${height}V${height - Math.max(1, (height * count) / most)}h2V${height}z` : ""))
  .join("");
