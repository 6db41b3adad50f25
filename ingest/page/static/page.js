// The status page: the address says which view is shown; its data is asked for again every ten seconds.

import { makeAccount } from "./account.js";
import { VIEWS, go, link, onMove, owner, section, state } from "./address.js";
import { ApiError, get, keepToken } from "./api.js";
import { focusOn, h, show } from "./dom.js";
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
    if (!view) id("view").replaceChildren(h("p", { class: "none" }, "Asking the store…"));
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

async function ask(asked) {
  if (asked.view === "account") return get("account", owner()).catch(keepGoing);
  if (asked.view === "letters") return get("dead-letters", { ...owner(), why: asked.why }).catch(keepGoing);
  if (asked.view === "message") return get("message", { report: asked.item }).catch(keepGoing);
  if (asked.view === "questions" && asked.item)
    return get(`questions/${encodeURIComponent(asked.item)}`, { range: asked.range }).catch(keepGoing);
  if (asked.view === "questions") return get("questions").catch(keepGoing);
  return null;
}

// Without its store the rest of the page still has something to say.
function keepGoing(error) {
  if (error.status === 401 || error.status === 0) throw error;
  return { error: error.message };
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
  switch (asked.view) {
    case "account":
      return makeAccount(asked.account);
    case "letters":
      return makeLetters(asked);
    case "find":
      return makeFind();
    case "message":
      return makeMessage();
    case "questions":
      return asked.item ? makeQuestion() : makeQuestions();
    case "program":
      return makeProgram();
    default:
      return makeOverview();
  }
}

function showNavigation() {
  const now = state();
  const views = Object.entries(VIEWS).map(([name, word]) => {
    const made = link({ view: name, account: "", item: "", why: "" }, word, `view ${name}`);
    if (name === section(now.view)) made.setAttribute("aria-current", now.view === name ? "page" : "true");
    return h("li", {}, made);
  });
  const ranges = Object.entries(words.RANGES).map(([name, [short, long]]) => {
    const made = link({ range: name }, short, `range ${name}`, long);
    if (name === now.range) made.setAttribute("aria-current", "true");
    return h("li", {}, made);
  });
  show(id("views"), views);
  show(id("ranges"), ranges);
}

// -- The token.

function askForToken() {
  if (id("token")) return warn("The token was not right.");
  warn("");
  const field = h("input", {
    id: "token",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
  });
  const submit = (event) => {
    event.preventDefault();
    keepToken(field.value);
    refresh();
  };
  const label = h("label", { for: "token" }, "Admin token (admin.token in the settings)");
  view = null;
  id("verdict").dataset.tone = "note";
  id("verdict-words").replaceChildren(h("p", {}, "This page asks for the admin token."));
  id("facts").replaceChildren();
  id("view").replaceChildren(
    h("form", { class: "token", submit }, label, field, h("button", { type: "submit" }, "Open")),
  );
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
