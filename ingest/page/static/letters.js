// Dead letters: what could not be read, the newest first, and one of them opened.

import { link, owner } from "./address.js";
import { get } from "./api.js";
import { focusOn, h, show, table } from "./dom.js";
import * as words from "./words.js";

export function makeLetters(account) {
  const element = h("section", { "aria-labelledby": "letters-title" });
  let older = [];
  let next = null;
  let latest = null;
  const more = async () => {
    const page = await get("dead-letters", { ...owner(), after: next }).catch((error) => ({ error }));
    if (page.error) return;
    older = [...older, ...page.letters];
    next = page.next;
    draw();
  };
  const draw = () => {
    const first = new Set(latest.letters.map((letter) => letter.id));
    const letters = [...latest.letters, ...older.filter((letter) => !first.has(letter.id))];
    show(
      element,
      account ? h("p", {}, link({ view: "letters", account: "" }, "← All dead letters", "back")) : null,
      h(
        "h2",
        { id: "letters-title", tabindex: "-1", "data-key": "title" },
        account ? `Dead letters of ${account}` : "Dead letters",
      ),
      letters.length ? list(letters) : h("p", { class: "none" }, "Everything could be read in this time."),
      next !== null ? h("button", { type: "button", "data-key": "more", click: more }, "Show older ones") : null,
    );
  };
  const update = (data) => {
    if (!older.length) next = data.next;
    latest = data;
    draw();
  };
  return { element, update };
}

function list(letters) {
  return table(
    "What could not be read, the newest first",
    [
      ["Received", ""],
      ["Account", ""],
      ["Why", ""],
      ["Where", "text"],
      ["Detail", "text"],
      ["Times", "number"],
      ["Letter", "number"],
    ],
    letters.map((letter) => [
      words.date(letter.last_us / 1e6),
      words.name(letter),
      h("code", {}, letter.why),
      h("bdi", {}, letter.location || "–"),
      h("bdi", {}, letter.detail || "–"),
      words.number(letter.receipts),
      h(
        "button",
        {
          type: "button",
          "data-key": `letter ${letter.id}`,
          "aria-label": `Open the dead letter of ${words.name(letter)} of ${words.date(letter.last_us / 1e6)}`,
          click: () => open(letter.id),
        },
        "Open",
      ),
    ]),
  );
}

async function open(id) {
  const dialog = document.getElementById("letter");
  const close = () => dialog.close();
  dialog.replaceChildren(heading("Dead letter", close), h("p", {}, "Asking…"));
  dialog.onclose = () => focusOn(`letter ${id}`);
  dialog.showModal();
  try {
    const letter = await get(`dead-letters/${id}`);
    dialog.replaceChildren(heading(`Dead letter of ${words.name(letter)}`, close), ...parts(letter));
  } catch (error) {
    dialog.replaceChildren(heading("Dead letter", close), h("p", {}, `It can't be shown: ${error.message}.`));
  }
  dialog.querySelector("button").focus();
}

function heading(title, close) {
  return h(
    "div",
    { class: "head" },
    h("h2", { id: "letter-title" }, title),
    h("button", { type: "button", click: close }, "Close"),
  );
}

function parts(letter) {
  const times =
    letter.receipts === 1
      ? words.date(letter.last_received)
      : `${words.counted(letter.receipts, "time", "times")}, ${words.date(letter.first_received)} to ${words.date(letter.last_received)}`;
  const query = letter.query ? `?${letter.query}` : "";
  return [
    h(
      "dl",
      { class: "letter" },
      [
        ["Why", [h("code", {}, letter.why), ` at ${letter.location || "the whole"}: ${letter.detail}`]],
        ["Received", times],
        ["Request", h("bdi", { class: "digits" }, `${letter.method} ${letter.path}${query}`)],
      ].map(([term, said]) => [h("dt", {}, term), h("dd", {}, said)]),
    ),
    letter.masked ? h("p", { class: "note" }, "Digits that may be a phone number are hidden.") : null,
    h("h3", { id: "letter-body" }, letter.body_encoding === "binary" ? "Body (not all of it is text)" : "Body"),
    h(
      "pre",
      { tabindex: "0", role: "region", "aria-labelledby": "letter-body", "data-key": "letter body" },
      letter.body || "(empty)",
    ),
    letter.body_cut ? h("p", { class: "note" }, "Its end is left out.") : null,
    letter.headers.length ? h("h3", { id: "letter-headers" }, "Headers") : null,
    letter.headers.length
      ? h(
          "pre",
          { tabindex: "0", role: "region", "aria-labelledby": "letter-headers" },
          letter.headers.map(([name, value]) => `${name}: ${value}`).join("\n"),
        )
      : null,
  ].filter(Boolean);
}
