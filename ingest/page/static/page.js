// The status page: what the address says is what is shown, asked for again every ten seconds.

import { makeAccount } from "./account.js";
import { ApiError, get, keepToken } from "./api.js";
import { focusOn, h, show, table } from "./dom.js";
import { makeLetters } from "./letters.js";
import { callbacks, makeOverview } from "./overview.js";
import * as words from "./words.js";

const EVERY_MS = 10_000;
const VIEWS = { accounts: "Accounts", letters: "Dead letters", program: "Program" };
const id = (name) => document.getElementById(name);

let overview = null;
let view = null;
let paused = false;
let timer = 0;
let turn = 0;
let before = null;

// -- What the address says.

function state() {
  const query = new URLSearchParams(location.search);
  const range = Object.hasOwn(words.RANGES, query.get("range")) ? query.get("range") : "1h";
  const account = query.get("account") ?? "";
  const asked = query.get("view");
  return { range, account, view: asked === "account" && account ? asked : Object.hasOwn(VIEWS, asked) ? asked : "accounts" };
}

function address(change) {
  const { range, account, view: name } = { ...state(), ...change };
  const query = new URLSearchParams();
  if (range !== "1h") query.set("range", range);
  if (name !== "accounts") query.set("view", name);
  if (account) query.set("account", account);
  return `${location.pathname}${query.size ? `?${query}` : ""}`;
}

function link(change, text, key, label = null) {
  const go = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    history.pushState(null, "", address(change));
    showAddress();
  };
  return h("a", { href: address(change), "data-key": key, "aria-label": label, click: go }, text);
}

// Show what the address says now. A new view takes the focus; who comes back from an account is where they left.
function showAddress() {
  const now = state();
  const isNew = before && (before.view !== now.view || before.account !== now.account);
  const key = now.view === "accounts" && before?.account ? `account ${before.account}` : "title";
  if (isNew) view = null;
  before = now;
  showNavigation();
  refresh(isNew ? key : "");
}

function owner() {
  const [provider, ...rest] = state().account.split("/");
  return { range: state().range, provider, account: rest.join("/") };
}

// -- Asking.

async function refresh(focus = "") {
  clearTimeout(timer);
  const mine = (turn += 1);
  const asked = state();
  id("content").setAttribute("aria-busy", "true");
  try {
    const [data, details] = await Promise.all([get("overview", { range: asked.range }), ask(asked)]);
    if (mine !== turn) return;
    warn("");
    take(data);
    showView(asked, details, focus);
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
  if (asked.view === "letters") return get("dead-letters", owner()).catch(keepGoing);
  return null;
}

// Without its store the rest of the page still has something to say.
function keepGoing(error) {
  if (error.status === 401 || error.status === 0) throw error;
  return { error: error.message };
}

function schedule() {
  clearTimeout(timer);
  if (!paused && !document.hidden && !id("token")) timer = setTimeout(() => refresh(), EVERY_MS);
}

const sentence = (text) => (text.startsWith("dlrhub") ? `${text}.` : `${text[0].toUpperCase()}${text.slice(1)}.`);

function warn(text) {
  const strip = id("strip");
  if (strip.textContent !== text) strip.textContent = text;
  strip.hidden = !text;
}

// -- Showing.

// Take the new data; where the store is away, the numbers that were there stay, and are said to be old.
function take(data) {
  const old = overview;
  overview = data;
  showVerdict(data);
  showFacts(data);
  id("as-of").textContent = `As of ${words.time(data.as_of)}`;
  const keeps = !["ok", "none"].includes(data.store.state) && old?.range === data.range && old.store.state === "ok";
  if (keeps) {
    overview = { ...old, live: data.live };
    warn(`The store does not answer: ${data.store.said}. The accounts are as of ${words.time(old.as_of)}.`);
  }
}

function showVerdict(data) {
  const [tone, lines] = words.verdict(data);
  const icons = { bad: "✕", warn: "▲", good: "✓", note: "–" };
  const text = lines.flat(2).join("\n");
  const box = id("verdict");
  box.dataset.tone = tone;
  box.querySelector(".icon").textContent = icons[tone];
  const said = id("verdict-words");
  if (said.dataset.text === text) return;
  said.dataset.text = text;
  said.replaceChildren(...lines.map((line) => h("p", {}, line.map((piece) => (Array.isArray(piece) ? h("b", {}, piece) : piece)))));
  document.title = `${icons[tone]} dlrhub: ${lines[0].flat().join("")}`;
}

function showFacts(data) {
  const { live, accounts } = data;
  const faulty = live.parts.filter((part) => part.fault);
  const sum = (name) => accounts.reduce((total, account) => total + (account[name] ?? 0), 0);
  const spill = live.spill ? `, the oldest ${words.duration(live.spill_oldest_seconds ?? 0)}` : "";
  const facts = [
    ["Program", faulty.length ? faulty.map((part) => `${part.name}: ${part.fault}`).join("; ") : "all parts ready", faulty.length ? "bad" : null],
    ["Waiting for the store", live.stream_lag === null ? "not known here" : words.number(live.stream_lag), live.stream_lag > 100_000 ? "warn" : null],
    ["Spilled, waiting for Kafka", live.spill === null ? "nothing" : `${words.number(live.spill)}${spill}`, live.spill ? "warn" : null],
  ];
  if (data.store.state === "ok") {
    facts.push(["Reports", `${words.number(sum("reports"))}, ${words.rate((60 * sum("reports")) / data.seconds)}/min`, null]);
    facts.push(["Unmapped codes", words.number(sum("unmapped")), null], ["Dead letters", words.number(sum("dead_letters")), null]);
  }
  id("facts").replaceChildren(...facts.map(([term, said, tone]) => h("div", { "data-tone": tone }, h("dt", {}, term), h("dd", {}, said))));
}

function showView(asked, details, focus) {
  if (!view) view = makeView(asked);
  const place = id("view");
  if (place.firstChild !== view.element) place.replaceChildren(view.element);
  if (details?.error) place.replaceChildren(h("p", { class: "strip" }, sentence(details.error)));
  else view.update(details);
  if (focus) focusOn(focus);
}

function makeView(asked) {
  if (asked.view === "account") {
    const made = makeAccount(asked.account, link);
    return { element: made.element, update: (details) => made.update(details, overview, overview.accounts.find((account) => words.name(account) === asked.account)) };
  }
  if (asked.view === "letters") return makeLetters(asked.account, link, owner);
  if (asked.view === "program") return makeProgram();
  const made = makeOverview(link);
  return { element: made.element, update: () => made.update(overview) };
}

function makeProgram() {
  const element = h("section", { "aria-labelledby": "program-title" });
  const update = () => show(element,
    h("h2", { id: "program-title", tabindex: "-1", "data-key": "title" }, "This program"),
    table("Parts", [["Part", ""], ["State", ""]], overview.live.parts.map((part) => [part.name, part.fault || "ready"])),
    callbacks(overview));
  return { element, update };
}

function showNavigation() {
  const now = state();
  const shown = now.view === "account" ? "accounts" : now.view;
  show(id("views"), Object.entries(VIEWS).map(([name, word]) => {
    const made = link({ view: name, account: "" }, word, `view ${name}`);
    if (name === shown) made.setAttribute("aria-current", now.view === name ? "page" : "true");
    return h("li", {}, made);
  }));
  show(id("ranges"), Object.entries(words.RANGES).map(([name, [short, long]]) => {
    const made = link({ range: name }, short, `range ${name}`, long);
    if (name === now.range) made.setAttribute("aria-current", "true");
    return h("li", {}, made);
  }));
}

// -- The token.

function askForToken() {
  if (id("token")) return warn("The token was not right.");
  warn("");
  const field = h("input", { id: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
  const form = h("form", { class: "token", submit: (event) => {
    event.preventDefault();
    keepToken(field.value);
    refresh();
  } }, h("label", { for: "token" }, "Admin token (admin.token in the settings)"), field, h("button", { type: "submit" }, "Open"));
  view = null;
  id("verdict").dataset.tone = "note";
  id("verdict-words").replaceChildren(h("p", {}, "This page asks for the admin token."));
  id("facts").replaceChildren();
  id("view").replaceChildren(form);
  field.focus();
}

// -- Beginning.

id("pause").addEventListener("click", () => {
  paused = !paused;
  id("pause").setAttribute("aria-pressed", String(paused));
  if (paused) clearTimeout(timer);
  else refresh();
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : paused || refresh()));
addEventListener("popstate", showAddress);
document.querySelector(".brand a").addEventListener("click", (event) => {
  event.preventDefault();
  history.pushState(null, "", location.pathname);
  showAddress();
});
id("zone").textContent = `Times are in ${words.zone}.`;
showAddress();
