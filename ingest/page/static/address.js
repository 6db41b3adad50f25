// The page's address: range, view, and the account, message or question that the view shows. A shared address shows the same.

import { h } from "./dom.js";
import { RANGES } from "./words.js";

// The views that the navigation names. An account and a message have views of their own, under one of these.
export const VIEWS = {
  accounts: "Accounts",
  find: "Find a message",
  questions: "Questions",
  letters: "Dead letters",
  program: "Program",
};
const UNDER = { account: "accounts", message: "find" };
const DEFAULT = { range: "1h", view: "accounts", account: "", item: "", why: "" };

let moved = () => {};

// Have `callback` called whenever the address has changed.
export function onMove(callback) {
  moved = callback;
  addEventListener("popstate", callback);
}

export function state() {
  const query = new URLSearchParams(location.search);
  const given = Object.fromEntries(Object.entries(DEFAULT).map(([name, value]) => [name, query.get(name) ?? value]));
  const isKnown = Object.hasOwn(VIEWS, given.view) || Object.hasOwn(UNDER, given.view);
  return {
    ...given,
    range: Object.hasOwn(RANGES, given.range) ? given.range : DEFAULT.range,
    view: isKnown && !(given.view === "account" && !given.account) ? given.view : DEFAULT.view,
  };
}

// The name of the view in the navigation that the address is at or under.
export const section = (view) => UNDER[view] ?? view;

function address(change) {
  const wanted = { ...state(), ...change };
  if (wanted.view !== "letters") wanted.why = ""; // the filter is of dead letters alone
  const query = new URLSearchParams(Object.entries(wanted).filter(([name, value]) => value !== DEFAULT[name]));
  return `${location.pathname}${query.size ? `?${query}` : ""}`;
}

export function go(change) {
  history.pushState(null, "", address(change));
  moved();
}

// A link to another state of the page; `key` is what keeps the focus on it while the page is drawn anew.
export function link(change, text, key, label = null) {
  const click = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(change);
  };
  return h("a", { href: address(change), "data-key": key, "aria-label": label, click }, text);
}

// The account that is looked at, as the server's parameters name it.
export function owner() {
  const { account, range } = state();
  const [provider, ...rest] = account.split("/");
  return { range, provider, account: rest.join("/") };
}
