// Replaying dead letters: the buttons, and the words for what became of a letter.

import { owner, state } from "./address.js";
import { post } from "./api.js";
import { button, h } from "./dom.js";
import * as words from "./words.js";

// What became of a letter; nothing if it was never replayed.
export function outcome(letter) {
  if (letter.resolved) return `Resolved: ${letter.resolution}`;
  return letter.resolution ? `Not resolved. Latest replay: ${letter.resolution}` : "";
}

// A button that replays the letters which match the address, and its result in words; `take` is given the letters.
export function replayAll(take) {
  let next = null;
  const parameters = () => ({ ...owner(), why: state().why, after: next });
  return replaying(
    "Replay all that match",
    "",
    () => post("dead-letters/replay", {}, parameters()),
    (done, made) => {
      next = done.next;
      made.textContent = next ? "Replay the next ones" : "Replay all that match";
      take(done.letters);
      return summary(done);
    },
  );
}

// A button that replays one letter, under what became of it before.
export function replayOne(letter, take) {
  if (letter.resolved) return h("p", { class: "buttons" }, outcome(letter));
  const ask = () => post(`dead-letters/${letter.id}/replay`, {});
  return replaying("Replay this letter", outcome(letter), ask, ({ letters }) => {
    const [now] = letters;
    take(letters);
    return now ? outcome(now) : "It was resolved before.";
  });
}

// A button that asks for a replay, one at a time, and keeps the focus meanwhile; `told` says in words what was done.
function replaying(text, before, ask, told) {
  const result = h("span", { role: "status" }, before);
  const click = async () => {
    if (made.ariaDisabled === "true") return;
    made.ariaDisabled = "true";
    result.textContent = "Replaying…";
    try {
      result.textContent = told(await ask(), made);
    } catch (error) {
      result.textContent = `Not replayed: ${error.message}.`;
    }
    made.ariaDisabled = null;
  };
  const made = button(text, click, { "data-key": text });
  return h("p", { class: "buttons" }, made, result);
}

function summary({ letters, resolved, left }) {
  if (!letters.length) return "No letter that matches is left to replay.";
  const unreadable = letters.length - resolved;
  const said = `${words.counted(resolved, "letter")} resolved, ${words.number(unreadable)} still can't be read`;
  return left ? `${said}; ${words.number(left)} more match.` : `${said}.`;
}
