// One account: its reports over time, what the provider said, where, and the latest failures.

import { link } from "./address.js";
import { h, note, show, table, title, viewOf } from "./dom.js";
import { openable, said } from "./meaning.js";
import { makePlots } from "./plots.js";
import { status } from "./overview.js";
import * as words from "./words.js";

export function makeAccount(account) {
  const head = h("div", { class: "head" });
  const plots = makePlots();
  const tables = h("div", { class: "tables" });
  const element = viewOf(head, plots.element, tables);
  const update = (details, overview) => {
    const known = overview.accounts.find((each) => words.name(each) === account);
    show(
      head,
      h("p", {}, link({ view: "accounts", account: "" }, "← All accounts", "back")),
      title(account),
      known?.level && h("p", { class: "statuses" }, status(known), ` ${meaning(known)}`),
      known?.alike && h("p", { class: "strip" }, alike(known)),
    );
    plots.update(details.plot, overview.seconds);
    const side = [countries(details), unmapped(details)].filter(Boolean);
    show(
      tables,
      h("div", { class: side.length ? null : "wide" }, codes(details)),
      side.length && h("div", { class: "side" }, side),
      h("div", { class: "wide" }, failures(details)),
    );
  };
  return { element, update };
}

function meaning(known) {
  const past = known.past_share === null ? "" : `; in the week before, ${words.percent(known.past_share)} failed`;
  return `${words.LEVELS[known.level][3]}${past}.`;
}

function alike(known) {
  const reports = words.counted(known.alike, "report");
  return `${reports} had neither the reference nor the time of its message, so that messages to one number can't be told apart. Have the provider send REFERENCE and CREATED_S.`;
}

const SHORT_AGAIN = { temporary: "yes", permanent: "no", unknown: "not known" };

// A row a reason, the commonest first, with what the provider said behind it; a code opens to its meaning.
function codes(details) {
  const reasons = new Map();
  for (const code of details.codes.filter((each) => !each.unmapped)) {
    const found = reasons.get(code.reason) ?? { codes: [], reports: 0, last: 0, persistence: code.meaning.persistence };
    found.codes.push(code);
    found.reports += code.reports;
    found.last = Math.max(found.last, code.last_received);
    reasons.set(code.reason, found);
  }
  if (!reasons.size) return note("No failures in this time.");
  const rows = [...reasons].sort(([, one], [, other]) => other.reports - one.reports);
  const sum = rows.reduce((total, [, { reports }]) => total + reports, 0);
  const columns = {
    Reason: "",
    Reports: "number",
    Share: "number",
    "Provider said": "said",
    "Sending again helps": "",
    Last: "number",
  };
  const cells = ([reason, found]) => [
    h("code", {}, reason),
    words.number(found.reports),
    words.percent(found.reports / sum),
    h("ul", { class: "codes" }, ...found.codes.map((code) => h("li", {}, counted(code, reason)))),
    SHORT_AGAIN[found.persistence] ?? "–",
    words.date(found.last),
  ];
  return table("Why messages fail, and what the provider said", columns, rows.map(cells));
}

function counted(code, reason) {
  const key = `code ${reason} ${code.status} ${code.provider_status} ${code.provider_code}`;
  return openable(code, key, h("small", {}, ` ×\u00a0${words.number(code.reports)}`));
}

function unmapped(details) {
  const found = details.codes.filter((code) => code.unmapped);
  if (!found.length) return null;
  const columns = { "Provider said": "text", Reports: "number", Last: "number" };
  const cells = (code) => [said(code), words.number(code.reports), words.date(code.last_received)];
  return table("Codes that are in no table", columns, found.map(cells));
}

function countries(details) {
  if (!details.countries.some((row) => row.failures)) return null;
  const columns = { Country: "", "Final reports": "number", Failed: "number", "Share failed": "number" };
  const cells = (row) => [
    row.country || "unknown",
    words.number(row.finals),
    words.number(row.failures),
    row.finals ? words.percent(row.failures / row.finals) : "–",
  ];
  return table("Where messages fail", columns, details.countries.map(cells));
}

function failures(details) {
  if (!details.failures.length) return null;
  const columns = { Received: "", Message: "text", Recipient: "", Country: "", Reason: "", "Provider said": "text" };
  const cells = (row) => [
    words.date(row.at),
    h("bdi", {}, messageLink(row)),
    h("bdi", { class: "digits" }, row.recipient || "–"),
    row.country || "–",
    h("code", {}, row.reason),
    said({ ...row, text: row.provider_text }),
  ];
  return table("The latest failures", columns, details.failures.map(cells));
}

// The address names the report by its id, which is a hash: a message id may hold the recipient's number.
function messageLink(row) {
  const item = `${row.received_us}-${row.event_id}`;
  return link({ view: "message", account: "", item }, row.message_id || "(no id)", `message ${item}`);
}
