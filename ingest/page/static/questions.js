// Saved questions: the list of them, and one of them with its answer as a table, as a plot, as CSV and as SQL.

import { link, state } from "./address.js";
import { save, toCsv } from "./csv.js";
import { button, drawnView, h, note, show, table, title, verbatim, viewOf } from "./dom.js";
import { colour, commonOptions, makeFigure } from "./figure.js";
import * as words from "./words.js";

const MOST_ROWS = 200;
const MOST_BARS = 20;
const DAY_SECONDS = 86_400;
const LINES = ["--delivered", "--failed", "--other", "--warn", "--good", "--accent"];

export const makeQuestions = () =>
  drawnView(({ questions }) => {
    const item = (each) =>
      h("li", {}, link({ item: each.name }, each.question, `question ${each.name}`), h("small", {}, each.note));
    const hint = "One click asks over the range above. Each can be taken along as SQL, its answer as CSV.";
    return [title("Questions"), note(hint), h("ul", { class: "questions" }, questions.map(item))];
  });

export function makeQuestion() {
  const head = h("div", { class: "head" });
  const plot = h("div");
  const answer = h("div", { class: "answer" });
  let figure = null;
  const update = (data) => {
    const when = words.RANGES[state().range][1];
    show(
      head,
      h("p", {}, link({ item: "" }, "← All questions", "back")),
      title(data.question),
      note(`Over ${when}: ${words.counted(data.rows.length, "row")}, as of ${words.time(data.as_of)} UTC.`),
      h("p", { class: "buttons" }, download(data)),
    );
    figure = showPlot(plot, figure, data);
    show(answer, data.rows.length ? answerTable(data) : note("Nothing in this time."), sql(data));
  };
  return { element: viewOf(head, plot, answer), update };
}

function download(data) {
  const names = data.columns.map(({ name }) => name);
  const csv = () => save(`${data.name}.csv`, toCsv(names, data.rows));
  return button("Download CSV", csv, { "data-key": "csv", disabled: !data.rows.length });
}

function sql(data) {
  const how = note(`Any ClickHouse client runs it, and so does: dlrhub query -f ${data.name}.sql`);
  const summary = h("summary", {}, "The SQL to take along");
  return h("details", { "data-key": "sql" }, summary, how, verbatim("SQL", data.sql.trim()));
}

const isNumber = (column) => /Int|Float|Decimal/.test(column.type) && !column.type.startsWith("Array");

function answerTable(data) {
  const kinds = data.columns.map((column) => [column.name.replaceAll("_", " "), isNumber(column) ? "number" : "text"]);
  const shown = data.rows.slice(0, MOST_ROWS);
  const rows = shown.map((row) => row.map((value, index) => cell(value, data.columns[index])));
  const more = data.rows.length - shown.length;
  return [
    table(data.note || data.question, Object.fromEntries(kinds), rows),
    more > 0 && note(`${words.number(more)} more rows are in the CSV.`),
  ];
}

function cell(value, column) {
  if (value === null || value === "") return "–";
  if (Array.isArray(value)) return h("bdi", {}, value.join(", "));
  if (!isNumber(column)) return h("bdi", {}, String(value));
  return /share|better_by/.test(column.name) ? words.percent(value) : words.decimal(value);
}

// -- The plot: lines over time, bars otherwise. The table beside it says the same.

function showPlot(place, figure, data) {
  const { x, y, series } = data.plot;
  if (!x || !data.rows.length) {
    place.replaceChildren();
    return null;
  }
  const at = (name) => data.columns.findIndex((column) => column.name === name);
  const [atX, atY, atSeries] = [x, y, series].map(at);
  const points = data.rows.map((row) => ({ x: row[atX], y: Number(row[atY]), series: series ? row[atSeries] : y }));
  if (/Date/.test(data.columns[atX].type)) return showLines(place, figure, points, y);
  place.replaceChildren(bars(points, y, Boolean(series)));
  return null;
}

function bars(points, y, hasSeries) {
  const most = Math.max(...points.map((point) => point.y), 0);
  const item = (point) => {
    const name = [point.x || "unknown", hasSeries ? point.series : null].filter(Boolean).join(" · ");
    const said = y.includes("share") ? words.percent(point.y) : words.decimal(point.y);
    const bar = h("span", { class: "length", share: most ? point.y / most : 0 });
    return h("li", {}, h("span", {}, name), bar, h("b", {}, said));
  };
  const list = h("ol", { class: "bars" }, points.slice(0, MOST_BARS).map(item));
  return h("figure", { "aria-hidden": "true" }, h("h3", {}, y.replaceAll("_", " ")), list);
}

function showLines(place, figure, points, y) {
  const totals = new Map();
  for (const point of points) totals.set(point.series, (totals.get(point.series) ?? 0) + point.y);
  const names = [...totals]
    .sort(([, one], [, other]) => other - one)
    .map(([name]) => name)
    .slice(0, LINES.length);
  const days = [...new Set(points.map((point) => point.x))].sort();
  const values = names.map((name) => days.map((day) => sum(points, name, day)));
  const shape = names.join("\n");
  if (figure?.shape !== shape) {
    const legend = names.map((name, index) => [String(name), `line${index}`]);
    const made = makeFigure(y.replaceAll("_", " "), legend);
    figure = { shape, ...made };
    place.replaceChildren(made.element);
  }
  const data = [days.map((day) => Date.parse(`${day.slice(0, 10)}T00:00:00Z`) / 1000), ...values];
  const readAt = (index) =>
    `${days[index]}: ${names.map((name, n) => `${name} ${values[n][index] ?? "–"}`).join(", ")}`;
  figure.update(data, shape, () => lineOptions(names), readAt);
  return figure;
}

// Several rows of one series and day, of different accounts for instance, add up.
function sum(points, name, day) {
  const found = points.filter((point) => point.series === name && point.x === day);
  return found.length ? found.reduce((total, point) => total + point.y, 0) : null;
}

function lineOptions(names) {
  const options = commonOptions((at) => words.moment(at).slice(5, 10));
  const line = (_, index) => {
    const drawn = colour(LINES[index]);
    return { stroke: drawn, width: 2, points: { show: true, size: 5, fill: drawn }, spanGaps: true };
  };
  const around = 3 * DAY_SECONDS; // of a lone day
  options.axes[0].incrs = [1, 7, 28, 91].map((days) => days * DAY_SECONDS);
  options.scales = {
    x: { range: ({ data: [at] }) => (at.length > 1 ? [at[0], at.at(-1)] : [at[0] - around, at[0] + around]) },
    y: { range: (_, from, to) => [0, to > 0 ? to * 1.1 : 1] },
  };
  options.series = [{}, ...names.map(line)];
  return options;
}
