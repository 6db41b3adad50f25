// The state of this program: the line of facts above every view, and the view of its parts.

import { drawnView, h, note, table, title } from "./dom.js";
import * as words from "./words.js";

const MUCH_LAG = 100_000;

// [name, what is said, tone] of each fact.
function facts(data) {
  const { live, accounts } = data;
  const faulty = live.parts.filter((part) => part.fault);
  const said = faulty.map((part) => `${part.name}: ${part.fault}`).join("; ");
  const found = [["Program", said || "all parts ready", said ? "bad" : null]];
  if (live.stream_lag !== null)
    found.push(["Waiting for the store", words.number(live.stream_lag), live.stream_lag > MUCH_LAG ? "warn" : null]);
  if (live.spill !== null) found.push(["Spilled, waiting for Kafka", spilled(live), live.spill ? "warn" : null]);
  found.push(...live.troubles.map(({ what, count }) => [what, words.number(count), "bad"]));
  if (data.store.state === "ok") {
    const sum = (name) => accounts.reduce((total, account) => total + account[name], 0);
    const reports = sum("reports");
    found.push(["Reports", `${words.number(reports)}, ${words.rate((60 * reports) / data.seconds)}`, null]);
    found.push(["Unmapped codes", words.number(sum("unmapped")), null]);
    found.push(["Dead letters", words.number(sum("dead_letters")), null]);
  }
  return found;
}

function spilled(live) {
  return live.spill ? `${words.number(live.spill)}, the oldest ${words.duration(live.spill_oldest_seconds ?? 0)}` : "0";
}

export function showFacts(element, data) {
  const fact = ([term, said, tone]) => h("div", { "data-tone": tone }, h("dt", {}, term), h("dd", {}, said));
  element.replaceChildren(...facts(data).map(fact));
}

export const makeProgram = () =>
  drawnView((_, data) => {
    const parts = data.live.parts.map((part) => [part.name, part.fault || "ready"]);
    return [title("This program"), table("Parts", { Part: "", State: "" }, parts), callbacks(data)];
  });

// The answers that the receivers of this program gave.
export function callbacks(data) {
  if (!data.live.callbacks.length) return note("No callback was answered since the start of this program.");
  const columns = { Provider: "", Outcome: "", Callbacks: "number" };
  const rows = data.live.callbacks.map((each) => [each.provider, each.outcome, words.number(each.callbacks)]);
  return table("Callbacks answered since the start of this program", columns, rows);
}
