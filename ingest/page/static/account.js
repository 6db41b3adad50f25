// One account: its reports over time, what the provider said, where, and the latest failures.

import { link } from "./address.js";
import { h, show, table } from "./dom.js";
import { makePlots } from "./plots.js";
import { status } from "./overview.js";
import * as words from "./words.js";

const AGAIN = { temporary: "yes", permanent: "no", unknown: "who knows" };

export function makeAccount(account) {
  const head = h("div", { class: "head" });
  const plots = makePlots();
  const tables = h("div", { class: "tables" });
  const element = h("section", { "aria-labelledby": "account-title" }, head, plots.element, tables);
  const update = (details, overview, known) => {
    show(
      head,
      h("p", {}, link({ view: "accounts", account: "" }, "← All accounts", "back")),
      h("h2", { id: "account-title", tabindex: "-1", "data-key": "title" }, account),
      known?.level ? h("p", { class: "statuses" }, status(known), ` ${meaning(known)}`) : null,
    );
    plots.update(details.plot, overview.seconds);
    const side = [countries(details), unmapped(details)].filter(Boolean);
    show(
      tables,
      h("div", { class: side.length ? null : "wide" }, codes(details)),
      side.length ? h("div", { class: "side" }, side) : null,
      h("div", { class: "wide" }, failures(details)),
    );
  };
  return { element, update };
}

function meaning(known) {
  const past = known.past_share === null ? "" : `; in the week before, ${words.percent(known.past_share)} failed`;
  return `${words.LEVELS[known.level][3]}${past}.`;
}

const number = (name) => [name, "number"];

// A row a reason, the commonest first, with what the provider said behind it.
function codes(details) {
  const reasons = new Map();
  for (const code of details.codes.filter((each) => !each.unmapped)) {
    const found = reasons.get(code.reason) ?? { codes: [], reports: 0, last: 0, persistence: code.persistence };
    found.codes.push(code);
    found.reports += code.reports;
    found.last = Math.max(found.last, code.last_received);
    reasons.set(code.reason, found);
  }
  if (!reasons.size) return h("p", { class: "none" }, "No failures in this time.");
  const rows = [...reasons].sort(([, one], [, other]) => other.reports - one.reports);
  const sum = rows.reduce((total, [, { reports }]) => total + reports, 0);
  return table(
    "Why messages fail, and what the provider said",
    [
      ["Reason", ""],
      number("Reports"),
      number("Share"),
      ["Provider said", "said"],
      ["Sending again helps", ""],
      number("Last"),
    ],
    rows.map(([reason, found]) => [
      h("code", {}, reason),
      words.number(found.reports),
      words.percent(found.reports / sum),
      h(
        "ul",
        { class: "codes" },
        found.codes.map((code) => h("li", {}, said(code), " ", h("small", {}, `×\u00a0${words.number(code.reports)}`))),
      ),
      AGAIN[found.persistence] ?? "–",
      words.date(found.last),
    ]),
  );
}

function unmapped(details) {
  const found = details.codes.filter((code) => code.unmapped);
  if (!found.length) return null;
  return table(
    "Codes that are in no table",
    [["Provider said", "text"], number("Reports"), number("Last")],
    found.map((code) => [said(code), words.number(code.reports), words.date(code.last_received)]),
  );
}

const said = (row) =>
  h("bdi", {}, [row.provider_status, row.provider_code, row.text].filter(Boolean).join(" · ") || "–");

function countries(details) {
  if (!details.countries.some((row) => row.failures)) return null;
  return table(
    "Where messages fail",
    [["Country", ""], number("Final reports"), number("Failed"), number("Share failed")],
    details.countries.map((row) => [
      row.country || "unknown",
      words.number(row.finals),
      words.number(row.failures),
      row.finals ? words.percent(row.failures / row.finals) : "–",
    ]),
  );
}

function failures(details) {
  if (!details.failures.length) return null;
  return table(
    "The latest failures",
    [
      ["Received", ""],
      ["Message", "text"],
      ["Recipient", ""],
      ["Country", ""],
      ["Reason", ""],
      ["Provider said", "text"],
    ],
    details.failures.map((row) => [
      words.date(row.at),
      h("bdi", {}, row.message_id || "–"),
      h("bdi", { class: "digits" }, row.recipient || "–"),
      row.country || "–",
      h("code", {}, row.reason),
      said({ ...row, text: row.provider_text }),
    ]),
  );
}
