// The plots of an account: uPlot on a canvas, and the same in words and as a table.

import { h, table } from "./dom.js";
import { colour, commonOptions, makeFigure } from "./figure.js";
import { number, percent, span, tick } from "./words.js";

// Make the two plots of an account; `update` gives them data without losing the pointer.
export function makePlots() {
  const kinds = [
    ["Delivered", "delivered"],
    ["Failed", "failed"],
    ["Not final", "other"],
  ];
  const counts = makeFigure("Reports over time", kinds);
  const shares = makeFigure("Share of failures over time", [["Failed, of final reports", "failed"]]);
  const data = h("div");
  const update = (plot, seconds) => {
    const share = plot.at.map((_, index) => shareOf(plot, index));
    const readAt = (index) => `${span(plot.at[index], seconds)}: ${countsAt(plot, index).join(", ")}`;
    counts.update(stacked(plot), seconds, () => countOptions(seconds, plot.step), readAt);
    counts.say(countWords(plot, seconds));
    shares.update([plot.at, share], seconds, () => shareOptions(seconds), readAt);
    shares.say(shareWords(plot, share, seconds));
    data.replaceChildren(dataTable(plot, share, seconds));
  };
  const summary = h("summary", {}, "The plots as a table");
  const details = h("details", { class: "data", "data-key": "plot data" }, summary, data);
  return { element: h("div", { class: "plots" }, counts.element, shares.element, details), update };
}

const total = (counts) => counts.reduce((sum, count) => sum + count, 0);

const inWords = (delivered, failed, other) => [
  `${number(delivered)} delivered`,
  `${number(failed)} failed`,
  `${number(other)} not final`,
];

const countsAt = (plot, index) => inWords(plot.delivered[index], plot.failed[index], plot.other[index]);

function shareOf(plot, index) {
  const finals = plot.delivered[index] + plot.failed[index];
  return finals ? plot.failed[index] / finals : null;
}

// Each series on top of the one before it; what is drawn first is the highest.
function stacked(plot) {
  const failed = plot.failed;
  const delivered = failed.map((count, index) => count + plot.delivered[index]);
  return [plot.at, delivered.map((count, index) => count + plot.other[index]), delivered, failed];
}

function countOptions(seconds, step) {
  const options = commonOptions((at) => tick(at, seconds));
  const paths = uPlot.paths.bars({ size: [0.82, 40], align: 1 });
  const series = (name) => ({ fill: colour(name), stroke: colour(name), width: 0, paths, points: { show: false } });
  options.axes[1].values = (_, ticks) => ticks.map((count) => (Number.isInteger(count) ? number(count) : ""));
  options.scales = {
    x: { range: (_, from, to) => [from, to + step] },
    y: { range: (_, from, to) => [0, Math.max(4, to * 1.08)] },
  };
  options.series = [{}, series("--other"), series("--delivered"), series("--failed")];
  return options;
}

function shareOptions(seconds) {
  const options = commonOptions((at) => tick(at, seconds));
  const failed = colour("--failed");
  options.axes[1].values = (_, ticks) => ticks.map(percent);
  options.scales = { y: { range: (_, from, to) => [0, Math.min(1, Math.max(0.1, to * 1.15))] } };
  options.series = [{}, { stroke: failed, width: 2, points: { show: true, size: 4, fill: failed } }];
  return options;
}

function countWords(plot, seconds) {
  const sums = [plot.delivered, plot.failed, plot.other].map(total);
  const most = Math.max(...plot.failed);
  const peak = most ? ` Most failures at ${span(plot.at[plot.failed.indexOf(most)], seconds)}: ${number(most)}.` : "";
  return `${number(total(sums))} reports: ${inWords(...sums).join(", ")}.${peak}`;
}

function shareWords(plot, share, seconds) {
  const finals = total(plot.delivered) + total(plot.failed);
  if (!finals) return "No final report in this time.";
  const highest = Math.max(...share.map((value) => value ?? 0));
  const at = highest ? span(plot.at[share.indexOf(highest)], seconds) : "";
  const peak = highest ? ` The highest is ${percent(highest)} at ${at}.` : "";
  return `${percent(total(plot.failed) / finals)} of ${number(finals)} final reports failed.${peak}`;
}

function dataTable(plot, share, seconds) {
  const columns = { From: "", Delivered: "number", Failed: "number", "Not final": "number", "Share failed": "number" };
  const rows = plot.at
    .map((at, index) => [
      span(at, seconds),
      ...[plot.delivered, plot.failed, plot.other].map((counts) => number(counts[index])),
      share[index] === null ? "–" : percent(share[index]),
    ])
    .filter((_, index) => plot.delivered[index] + plot.failed[index] + plot.other[index]);
  return table("Reports by time", columns, rows);
}

// A small plot beside an account's name: final reports as bars, the failures among them from the ground.
export function outline(counts, most, height) {
  const bar = (count, index) =>
    count ? `M${index * 3} ${height}V${height - Math.max(1, (height * count) / most)}h2V${height}z` : "";
  return counts.map(bar).join("");
}
