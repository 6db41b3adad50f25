// Finding a message by number, id or reference; and a message with all that was said of it.

import { link } from "./address.js";
import { post } from "./api.js";
import { drawnView, factList, form, h, note, table, title, verbatim, viewOf } from "./dom.js";
import { again, meaningOf, said } from "./meaning.js";
import * as words from "./words.js";

const CLOCKS = { provider: "by the provider's clock", receipt: "by dlrhub's clock" };

// The search. The searched text stays in the field and nowhere else: it may be a person's number.
export function makeFind() {
  const results = h("div", { class: "found", role: "status" });
  const field = h("input", {
    type: "search",
    required: true,
    maxlength: "256",
    autocomplete: "off",
    spellcheck: "false",
  });
  const search = async () => {
    results.replaceChildren(note("Asking the store…"));
    try {
      results.replaceChildren(...messages(await post("find", { what: field.value })));
    } catch (error) {
      results.replaceChildren(h("p", { class: "strip" }, `${error.message}.`));
    }
  };
  const fields = { "Number (any spelling), message id or reference": field };
  return { element: viewOf(title("Find a message"), form(fields, "Find", search), results), update: () => {} };
}

// The message of one report, which a link names.
export const makeMessage = () =>
  drawnView((found) => [
    h("p", {}, link({ view: "find", item: "" }, "← Find another message", "back")),
    title("A message"),
    h("div", { class: "found" }, messages(found)),
  ]);

function messages(found) {
  const shown = [...found.messages.map((each, index) => message(each, index + 1)), ...found.dead_letters.map(letter)];
  if (!shown.length) return [note("No report, submission or dead letter has this number, message id or reference.")];
  const isCut = found.messages.length === found.most;
  return isCut ? [note(`Only the newest ${found.most} messages are shown.`), ...shown] : shown;
}

function message({ message: row, submission, reports, advice, masked }, position) {
  const place = [row.country, row.operator].filter(Boolean).join(", ");
  const recipient = h("bdi", { class: "digits" }, row.recipient);
  const owner = words.name(row);
  const from = link({ view: "account", account: owner, item: "" }, owner, `account of ${row.message_id}`);
  const next = advice.map((each) => h("li", {}, h("b", {}, "Next: "), each));
  return h(
    "article",
    {},
    h("h3", {}, `${position}. `, h("bdi", {}, row.message_id || "(no id)"), " to ", recipient),
    h("p", { class: "note" }, from, place ? ` · ${place}` : ""),
    facts(row, submission),
    h("ul", { class: "advice" }, next),
    reports.length ? [reportTable(reports, position), raw(reports, position)] : note("No report has come."),
    masked && note("Digits that may be a phone number are hidden."),
  );
}

function facts(row, submission) {
  const reason = row.reason ? `, ${row.reason}` : "";
  const clock = CLOCKS[row.latency_clock] ?? "";
  const tags = Object.entries(submission?.tags ?? {}).map(([name, value]) => `${name}=${value}`);
  return factList({
    State: `${row.status}${reason} (${row.final ? "final" : "not final"})`,
    Submitted: submission ? stamp(submission.submitted_at) : "not known to dlrhub",
    Latency: row.latency_seconds === null ? null : `${words.duration(Number(row.latency_seconds))}, ${clock}`,
    Reference: row.reference,
    Tags: tags.join(" "),
    Conflict: row.conflict && "the provider reported two different final states",
  });
}

function reportTable(reports, position) {
  const columns = {
    Received: "text",
    Status: "",
    "By the provider's clock": "text",
    "Provider said": "text",
    "It means": "text",
    "Provider was told": "text",
  };
  const rows = reports.map((report) => [
    stamp(report.received_at),
    h("code", {}, report.status),
    report.occurred_at ? stamp(report.occurred_at) : "–",
    said({ ...report, text: report.provider_text }),
    h("div", {}, meaningOf(report), again(report)),
    report.answered,
  ]);
  return table(`Reports on message ${position}, in the order of receipt`, columns, rows);
}

function raw(reports, position) {
  const item = (report, index) => verbatim(`Report ${index + 1} on message ${position}`, report.raw);
  return h("details", {}, h("summary", {}, "As the provider sent them"), reports.map(item));
}

function letter(row) {
  const owner = words.name(row);
  const text = ` mentions it: it could not be read (${row.why} at ${row.location || "the whole"}), last received ${stamp(row.last_received_at)}.`;
  const view = link({ view: "letters", account: owner, item: "" }, `A dead letter of ${owner}`, `letter ${row.id}`);
  return h("p", { class: "strip" }, view, text);
}

// A time of the store's, which is text, to the second.
const stamp = (text) => text.slice(0, 19);
