// Dead letters: what could not be read, the newest first, by account and by why; opened one by one, and replayed.

import { go, link, owner } from "./address.js";
import { get } from "./api.js";
import { button, form, h, note, show, table, title, viewOf } from "./dom.js";
import { open } from "./letter.js";
import { outcome, replayAll, replayOne } from "./replay.js";
import * as words from "./words.js";

// The store shows the result of a replay a little later; for so long the page shows what the replay answered.
const KEPT_MS = 30_000;

export function makeLetters({ account, why }) {
  const filter = makeFilter(account, why);
  const place = h("div", { class: "answer" });
  const replayed = new Map();
  let older = [];
  let next = null;
  let latest = null;
  const more = async () => {
    const page = await get("dead-letters", { ...owner(), why, after: next }).catch((error) => ({ error }));
    if (page.error) return;
    older = [...older, ...page.letters];
    next = page.next;
    draw();
  };
  const now = (letter) => ({ ...letter, ...replayed.get(letter.id) });
  const take = (letters) => {
    for (const { id, ...result } of letters) replayed.set(id, { ...result, until: Date.now() + KEPT_MS });
    older = older.map(now);
    draw();
  };
  const openLetter = (id) => open(id, (letter) => replayOne(now(letter), take));
  const draw = () => {
    const first = new Set(latest.letters.map((letter) => letter.id));
    const letters = [...latest.letters, ...older.filter((letter) => !first.has(letter.id))];
    const rows = letters.map(now);
    show(
      place,
      rows.length ? list(rows, openLetter) : note(nothing(why)),
      next !== null && button("Show older ones", more, { "data-key": "more" }),
    );
  };
  const update = (data, overview) => {
    if (!older.length) next = data.next;
    latest = data;
    for (const [id, { until }] of replayed) if (until < Date.now()) replayed.delete(id);
    filter.offer(overview.accounts, data.whys);
    draw();
  };
  const back = link({ view: "letters", account: "", why: "" }, "← All dead letters", "back");
  const name = `Dead letters${account ? ` of ${account}` : ""}${why ? `: ${why}` : ""}`;
  const head = [(account || why) && h("p", {}, back), title(name), filter.element, replayAll(take)];
  return { element: viewOf(head, place), update };
}

const nothing = (why) => (why ? "No dead letter matches in this time." : "Everything could be read in this time.");

// The filter: a provider, or an account of it, and why; the time is the range above.
function makeFilter(account, why) {
  const [accounts, whys] = [h("select"), h("select")];
  const filter = () => go({ account: accounts.value, why: whys.value });
  const element = form({ Account: accounts, Why: whys }, "Filter", filter);
  const offer = (known, faults) => {
    const owners = known.flatMap((each) => [each.provider, words.name(each)]);
    choose(accounts, "All accounts", [...owners, account], account);
    choose(whys, "Any", [...faults, why], why);
  };
  return { element, offer };
}

// Offer these values, sorted, and all of them; a choice that was made before stays.
function choose(select, all, values, chosen) {
  const wanted = [...new Set(values)].filter(Boolean).sort();
  const offered = [...select.options].map((option) => option.value).filter(Boolean);
  if (select.options.length && wanted.join() === offered.join()) return;
  const kept = select.options.length ? select.value : chosen;
  const option = (value) => h("option", { value }, value.includes("/") || all === "Any" ? value : `${value} (all)`);
  select.replaceChildren(h("option", { value: "" }, all), ...wanted.map(option));
  select.value = kept;
}

const COLUMNS = {
  Received: "",
  Account: "",
  Why: "",
  Where: "text",
  Detail: "text",
  Times: "number",
  Replayed: "text",
  Letter: "number",
};

function list(letters, openLetter) {
  const cells = (letter) => [
    words.date(letter.last_us / 1e6),
    words.name(letter),
    h("code", {}, letter.why),
    h("bdi", {}, letter.location || "–"),
    h("bdi", {}, letter.detail || "–"),
    words.number(letter.receipts),
    outcome(letter) || "–",
    opener(letter, openLetter),
  ];
  return table("What could not be read, the newest first", COLUMNS, letters.map(cells));
}

function opener(letter, openLetter) {
  const label = `Open the dead letter of ${words.name(letter)} of ${words.date(letter.last_us / 1e6)}`;
  return button("Open", () => openLetter(letter.id), { "data-key": `letter ${letter.id}`, "aria-label": label });
}
