// One dead letter, opened in a dialog: why it could not be read, its request, body and headers.

import { get } from "./api.js";
import { button, factList, focusOn, h, note, verbatim } from "./dom.js";
import * as words from "./words.js";

// Open a letter; `showReplay` returns what stands under its headers. The focus comes back to the letter's button.
export async function open(id, showReplay) {
  const dialog = document.getElementById("letter");
  const fill = (name, ...children) => {
    const close = button("Close", () => dialog.close());
    const head = h("div", { class: "head" }, h("h2", { id: "letter-title" }, name), close);
    dialog.replaceChildren(head, ...children);
  };
  fill("Dead letter", note("Asking…"));
  dialog.onclose = () => focusOn(`letter ${id}`);
  dialog.showModal();
  try {
    const letter = await get(`dead-letters/${id}`);
    fill(`Dead letter of ${words.name(letter)}`, ...parts(letter), showReplay(letter));
  } catch (error) {
    fill("Dead letter", note(`It can't be shown: ${error.message}.`));
  }
  dialog.querySelector("button").focus();
}

function parts(letter) {
  const span = `${words.date(letter.first_received)} to ${words.date(letter.last_received)}`;
  const times =
    letter.receipts === 1 ? words.date(letter.last_received) : `${words.number(letter.receipts)} times, ${span}`;
  const query = letter.query ? `?${letter.query}` : "";
  const facts = {
    Why: [h("code", {}, letter.why), ` at ${letter.location || "the whole"}: ${letter.detail}`],
    Received: times,
    Request: h("bdi", { class: "digits" }, `${letter.method} ${letter.path}${query}`),
  };
  const headers = letter.headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  return [
    factList(facts),
    letter.masked && note("Digits that may be a phone number are hidden."),
    h("h3", {}, letter.body_encoding === "binary" ? "Body (not all of it is text)" : "Body"),
    verbatim("Body", letter.body || "(empty)"),
    letter.body_cut && note("Its end is left out."),
    ...(headers ? [h("h3", {}, "Headers"), verbatim("Headers", headers)] : []),
  ].filter(Boolean);
}
