// Replaying dead letters: the buttons, and the words for what became of a letter.

import { owner, state } from "./address.js";
import { post } from "./api.js";
import { h } from "./dom.js";
import * as words from "./words.js";

// What became of a letter; nothing if it was never replayed.
export function outcome(letter) {
  if (letter.resolved) return `Resolved: ${letter.resolution}`;
  return letter.resolution ? `Not resolved. Latest replay: ${letter.resolution}` : "";
}

// A button that replays the letters which match the address, and its result in words; `take` is given the letters.
export function replayAll(take) {
  const result = h("span", { role: "status" });
  const button = h("button", { type: "button", "data-key": "replay" }, "Replay all that match");
  let next = null;
  button.addEventListener("click", async () => {
    const done = await run(button, result, "replay", { ...owner(), why: state().why, after: next });
    if (!done) return;
    next = done.next;
    button.textContent = next ? "Replay the next ones" : "Replay all that match";
    result.textContent = summary(done);
    take(done.letters);
  });
  return h("p", { class: "buttons" }, button, result);
}

// A button that replays one letter, under what became of it before.
export function replayOne(letter, take) {
  const result = h("span", { role: "status" }, outcome(letter));
  if (letter.resolved) return h("p", { class: "buttons" }, result);
  const button = h("button", { type: "button" }, "Replay this letter");
  button.addEventListener("click", async () => {
    const done = await run(button, result, `${letter.id}/replay`, {});
    if (!done) return;
    const [now] = done.letters;
    result.textContent = now ? outcome(now) : "It was resolved before.";
    take(done.letters);
  });
  return h("p", { class: "buttons" }, button, result);
}

// Ask for a replay, one at a time; the button keeps the focus meanwhile. Returns nothing if it failed.
async function run(button, result, path, parameters) {
  if (button.ariaDisabled === "true") return null;
  button.ariaDisabled = "true";
  result.textContent = "Replaying…";
  try {
    return await post(`dead-letters/${path}`, {}, parameters);
  } catch (error) {
    result.textContent = `Not replayed: ${error.message}.`;
    return null;
  } finally {
    button.ariaDisabled = null;
  }
}

function summary({ letters, resolved, left }) {
  if (!letters.length) return "No letter that matches is left to replay.";
  const unreadable = letters.length - resolved;
  const said = `${words.counted(resolved, "letter", "letters")} resolved, ${words.number(unreadable)} still can't be read`;
  return left ? `${said}; ${words.number(left)} more match.` : `${said}.`;
}
