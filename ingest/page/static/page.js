// The status page: the address says which view is shown; its data is asked for again every ten seconds.

import { makeAccount } from "./account.js";
import { VIEWS, go, link, onMove, owner, section, state } from "./address.js";
import { ApiError, get, keepToken } from "./api.js";
import { focusOn, form, h, note, show } from "./dom.js";
import { makeFind, makeMessage } from "./find.js";
import { makeLetters } from "./letters.js";
import { makeOverview } from "./overview.js";
import { makeProgram, showFacts } from "./program.js";
import { makeQuestion, makeQuestions } from "./questions.js";
import * as words from "./words.js";

const EVERY_MS = 10_000;
// While the store has not answered yet, and has not failed either.
const WAITING_MS = 2_000;
const ICONS = { bad: "✕", warn: "▲", good: "✓", note: "–" };
const id = (name) => document.getElementById(name);

let overview = null;
let view = null;
let paused = false;
let timer = 0;
let turn = 0;
let before = null;

// Show what the address says now. A new view takes the focus; going back from an account puts it on that account.
function showAddress() {
  const now = state();
  const isNew = before && ["view", "account", "item", "why"].some((name) => before[name] !== now[name]);
  const key = now.view === "accounts" && before?.account ? `account ${before.account}` : "title";
  if (isNew) view = null;
  before = now;
  showNavigation();
  refresh(isNew ? key : "");
}

// -- Asking.

async function refresh(focus = "") {
  clearTimeout(timer);
  const mine = (turn += 1);
  const asked = state();
  id("content").setAttribute("aria-busy", "true");
  try {
    const details = ask(asked);
    details.catch(() => {}); // it is awaited below, after the overview
    const data = await get("overview", { range: asked.range });
    if (mine !== turn) return;
    warn("");
    take(data);
    if (!view) id("view").replaceChildren(note("Asking the store…"));
    const found = await details;
    if (mine === turn) showView(asked, found, focus);
  } catch (error) {
    if (mine !== turn) return;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) askForToken();
    else warn(`${sentence(error.message)} ${overview ? `What is shown is of ${words.time(overview.as_of)}.` : ""}`);
  } finally {
    if (mine === turn) {
      id("content").removeAttribute("aria-busy");
      schedule();
    }
  }
}

// Ask for what a view shows beside the overview. Without its store the rest of the page still has something to say.
async function ask({ view: name, item, range, why }) {
  const [path, parameters] = {
    account: ["account", owner()],
    letters: ["dead-letters", { ...owner(), why }],
    message: ["message", { report: item }],
    questions: item ? [`questions/${encodeURIComponent(item)}`, { range }] : ["questions"],
  }[name] ?? [null];
  try {
    return path && (await get(path, parameters));
  } catch (error) {
    if (error.status === 401 || error.status === 0) throw error;
    return { error: error.message };
  }
}

function schedule() {
  clearTimeout(timer);
  const pause = overview?.store.state === "waiting" ? WAITING_MS : EVERY_MS;
  if (!paused && !document.hidden && !id("token")) timer = setTimeout(() => refresh(), pause);
}

const sentence = (text) => (text.startsWith("dlrhub") ? `${text}.` : `${text[0].toUpperCase()}${text.slice(1)}.`);

function warn(text) {
  const strip = id("strip");
  if (strip.textContent !== text) strip.textContent = text;
  strip.hidden = !text;
}

// -- Showing.

// Take the new data. If the store is away, the old numbers stay, and the page says how old they are.
function take(data) {
  const old = overview;
  overview = data;
  showVerdict(data);
  showFacts(id("facts"), data);
  id("as-of").textContent = `As of ${words.time(data.as_of)} UTC`;
  const keeps = !["ok", "none"].includes(data.store.state) && old?.range === data.range && old.accounts_are_of;
  if (data.store.state === "ok") overview.accounts_are_of = data.as_of;
  if (!keeps) return;
  const { accounts, accounts_are_of } = old;
  overview = { ...data, accounts, accounts_are_of };
  warn(`The store does not answer: ${data.store.said}. The accounts are as of ${words.time(accounts_are_of)} UTC.`);
}

function showVerdict(data) {
  const [tone, lines] = words.verdict(data);
  const text = lines.flat(2).join("\n");
  const box = id("verdict");
  box.dataset.tone = tone;
  box.querySelector(".icon").textContent = ICONS[tone];
  const said = id("verdict-words");
  if (said.dataset.text === text) return;
  said.dataset.text = text;
  const piece = (part) => (Array.isArray(part) ? h("b", {}, part) : part);
  said.replaceChildren(...lines.map((line) => h("p", {}, line.map(piece))));
  document.title = `${ICONS[tone]} dlrhub: ${lines[0].flat().join("")}`;
}

function showView(asked, details, focus) {
  if (!view) view = makeView(asked);
  const place = id("view");
  if (details?.error) place.replaceChildren(h("p", { class: "strip" }, sentence(details.error)));
  else {
    if (place.firstChild !== view.element) place.replaceChildren(view.element);
    view.update(details, overview);
  }
  if (focus) focusOn(focus);
}

function makeView(asked) {
  const made = {
    account: () => makeAccount(asked.account),
    letters: () => makeLetters(asked),
    find: makeFind,
    message: makeMessage,
    questions: asked.item ? makeQuestion : makeQuestions,
    program: makeProgram,
  };
  return (made[asked.view] ?? makeOverview)();
}

function showNavigation() {
  const now = state();
  const item = (change, text, key, current, label = null) => {
    const made = link(change, text, key, label);
    if (current) made.setAttribute("aria-current", current);
    return h("li", {}, made);
  };
  const views = Object.entries(VIEWS).map(([name, word]) => {
    const current = name === section(now.view) && (now.view === name ? "page" : "true");
    return item({ view: name, account: "", item: "", why: "" }, word, `view ${name}`, current);
  });
  const ranges = Object.entries(words.RANGES).map(([name, [short, long]]) =>
    item({ range: name }, short, `range ${name}`, name === now.range && "true", long),
  );
  show(id("views"), views);
  show(id("ranges"), ranges);
}

// -- The token.

function askForToken() {
  if (id("token")) return warn("The token was not right.");
  warn("");
  const field = h("input", { type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
  const submit = () => {
    keepToken(field.value);
    refresh();
  };
  view = null;
  id("verdict").dataset.tone = "note";
  id("verdict-words").replaceChildren(h("p", {}, "This page asks for the admin token."));
  id("facts").replaceChildren();
  const fields = { "Admin token (admin.token in the settings)": field };
  id("view").replaceChildren(h("div", { id: "token" }, form(fields, "Open", submit)));
  field.focus();
}

// -- Beginning.

id("pause").addEventListener("click", () => {
  paused = !paused;
  id("pause").setAttribute("aria-pressed", String(paused));
  if (paused) clearTimeout(timer);
  else refresh();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (!paused) refresh();
});
document.querySelector(".brand a").addEventListener("click", (event) => {
  event.preventDefault();
  go({ range: "1h", view: "accounts", account: "", item: "" });
});
onMove(showAddress);
showAddress();
