// One dead letter, opened in a dialog: why it could not be read, its request, body and headers.

import { get } from "./api.js";
import { focusOn, h } from "./dom.js";
import * as words from "./words.js";

// Open a letter; `showReplay` returns what stands under its headers. The focus comes back to the letter's button.
export async function open(id, showReplay) {
  const dialog = document.getElementById("letter");
  const close = () => dialog.close();
  dialog.replaceChildren(heading("Dead letter", close), h("p", {}, "Asking…"));
  dialog.onclose = () => focusOn(`letter ${id}`);
  dialog.showModal();
  try {
    const letter = await get(`dead-letters/${id}`);
    dialog.replaceChildren(
      heading(`Dead letter of ${words.name(letter)}`, close),
      ...parts(letter),
      showReplay(letter),
    );
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
