// Finding a message by number, id or reference; and a message with all that was said of it.

import { link } from "./address.js";
import { post } from "./api.js";
import { h, show, table } from "./dom.js";
import { again, meaningOf, said } from "./meaning.js";
import * as words from "./words.js";

const CLOCKS = { provider: "by the provider's clock", receipt: "by dlrhub's clock" };

// The search. The searched text stays in the field and nowhere else: it may be a person's number.
export function makeFind() {
  const results = h("div", { class: "found", role: "status" });
  const field = h("input", {
    id: "what",
    type: "search",
    required: true,
    maxlength: "256",
    autocomplete: "off",
    spellcheck: "false",
  });
  const submit = (event) => {
    event.preventDefault();
    search(field.value, results);
  };
  const label = h("label", { for: "what" }, "Number (any spelling), message id or reference");
  const form = h("form", { class: "search", submit }, label, field, h("button", { type: "submit" }, "Find"));
  const title = h("h2", { id: "find-title", tabindex: "-1", "data-key": "title" }, "Find a message");
  return { element: h("section", { "aria-labelledby": "find-title" }, title, form, results), update: () => {} };
}

async function search(what, results) {
  results.replaceChildren(h("p", { class: "none" }, "Asking the store…"));
  try {
    const found = await post("find", { what });
    results.replaceChildren(...messages(found));
  } catch (error) {
    results.replaceChildren(h("p", { class: "strip" }, `${error.message}.`));
  }
}

// The message of one report, which a link names.
export function makeMessage() {
  const element = h("section", { "aria-labelledby": "message-title" });
  const update = (found) =>
    show(
      element,
      h("p", {}, link({ view: "find", item: "" }, "← Find another message", "back")),
      h("h2", { id: "message-title", tabindex: "-1", "data-key": "title" }, "A message"),
      h("div", { class: "found" }, messages(found)),
    );
  return { element, update };
}

function messages(found) {
  const shown = [...found.messages.map((each, index) => message(each, index + 1)), ...found.dead_letters.map(letter)];
  if (!shown.length)
    return [
      h("p", { class: "none" }, "No report, submission or dead letter has this number, message id or reference."),
    ];
  const isCut = found.messages.length === found.most;
  const note = isCut ? h("p", { class: "note" }, `Only the newest ${found.most} messages are shown.`) : null;
  return [note, ...shown].filter(Boolean);
}

function message({ message: row, submission, reports, advice, masked }, position) {
  const place = [row.country, row.operator].filter(Boolean).join(", ");
  const title = h(
    "h3",
    {},
    `${position}. `,
    h("bdi", {}, row.message_id || "(no id)"),
    " to ",
    h("bdi", { class: "digits" }, row.recipient),
  );
  const owner = words.name(row);
  const from = link({ view: "account", account: owner, item: "" }, owner, `account of ${row.message_id}`);
  return h(
    "article",
    {},
    title,
    h("p", { class: "none" }, from, place ? ` · ${place}` : ""),
    facts(row, submission),
    h(
      "ul",
      { class: "advice" },
      advice.map((each) => h("li", {}, h("b", {}, "Next: "), each)),
    ),
    reports.length ? reportTable(reports, position) : h("p", { class: "none" }, "No report has come."),
    reports.length ? raw(reports, position) : null,
    masked ? h("p", { class: "note" }, "Digits that may be a phone number are hidden.") : null,
  );
}

function facts(row, submission) {
  const reason = row.reason ? `, ${row.reason}` : "";
  const latency = row.latency_seconds === null ? null : Number(row.latency_seconds);
  const tags = Object.entries(submission?.tags ?? {}).map(([name, value]) => `${name}=${value}`);
  const known = [
    ["State", `${row.status}${reason} (${row.final ? "final" : "not final"})`],
    ["Submitted", submission ? stamp(submission.submitted_at) : "not known to dlrhub"],
    ["Latency", latency === null ? null : `${words.duration(latency)}, ${CLOCKS[row.latency_clock] ?? ""}`],
    ["Reference", row.reference || null],
    ["Tags", tags.join(" ") || null],
    ["Conflict", row.conflict ? "the provider reported two different final states" : null],
  ].filter(([, text]) => text);
  return h(
    "dl",
    { class: "letter" },
    known.map(([term, text]) => [h("dt", {}, term), h("dd", {}, h("bdi", {}, text))]),
  );
}

function reportTable(reports, position) {
  const columns = [
    ["Received", "text"],
    ["Status", ""],
    ["By the provider's clock", "text"],
    ["Provider said", "text"],
    ["It means", "text"],
    ["Provider was told", "text"],
  ];
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
  const item = (report, index) =>
    h("pre", { tabindex: "0", role: "region", "aria-label": `Report ${index + 1} on message ${position}` }, report.raw);
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
