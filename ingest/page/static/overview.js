// The first view: every account, the worst first.

import { link } from "./address.js";
import { button, h, show, svg, table, title, verbatim, viewOf } from "./dom.js";
import { outline } from "./plots.js";
import { callbacks } from "./program.js";
import * as words from "./words.js";

const MOST_ROWS = 50;
const COLUMNS = {
  Status: "state",
  Account: "account",
  Reports: "number",
  Delivered: "share",
  "Why messages fail": "why",
  Trend: "trend",
  Delay: "number",
  "Last callback": "number",
  Unmapped: "number",
  "Dead letters": "number",
};

export function makeOverview() {
  const element = viewOf();
  let all = false;
  const update = (_, data) => {
    const accounts = all ? data.accounts : data.accounts.slice(0, MOST_ROWS);
    const left = data.accounts.length - accounts.length;
    const click = () => {
      all = true;
      update(null, data);
    };
    show(
      element,
      title("Providers and accounts"),
      isEmpty(data) && empty(data),
      data.accounts_are_of ? full(data, accounts) : [spare(data, accounts), callbacks(data)],
      left > 0 && button(`Show ${words.number(left)} more`, click, { "data-key": "all" }),
    );
  };
  return { element, update };
}

function isEmpty(data) {
  return data.store.state === "ok" && !data.accounts.some((account) => account.reports || account.dead_letters);
}

function full(data, accounts) {
  const caption = `Accounts over ${words.RANGES[data.range][1]}, the worst first`;
  const rows = accounts.map((account) => row(account, data));
  return table(caption, COLUMNS, rows, { class: "accounts" });
}

function row(account, data) {
  const name = words.name(account);
  const [delay, most] = account.delays;
  const letters = `${words.counted(account.dead_letters, "dead letter")} of ${name}`;
  return [
    status(account),
    link({ view: "account", account: name }, name, `account ${name}`),
    account.reports ? [h("b", {}, words.number(account.reports)), h("small", {}, words.rate(account.per_minute))] : "–",
    delivered(account),
    reasons(account),
    trend(account),
    delay === null ? "–" : [words.duration(delay), h("small", {}, `95%: ${words.duration(most)}`)],
    words.ago(account.last_callback, data.live.now),
    words.number(account.unmapped),
    account.dead_letters
      ? link({ view: "letters", account: name }, words.number(account.dead_letters), `letters ${name}`, letters)
      : "0",
  ];
}

export function status(account) {
  const badge = (level) => {
    const [icon, word, tone, meaning] = words.LEVELS[level];
    const sign = h("span", { class: "icon", "aria-hidden": "true" }, icon);
    return h("span", { class: "status", "data-tone": tone, title: meaning }, sign, word);
  };
  const also = account.also.filter((level) => !["ok", "quiet"].includes(level));
  return [account.level, ...also].map(badge);
}

function delivered(account) {
  if (!account.finals) return "–";
  const share = 1 - words.failed(account);
  const bar = h("span", { class: "bar", share, "aria-hidden": "true" });
  return [bar, h("b", {}, words.percent(share)), change(account)];
}

// How many points the delivered share went up or down against the time before.
function change(account) {
  if (!account.finals_before) return null;
  const points = 100 * (account.failures_before / account.finals_before - words.failed(account));
  if (Math.abs(points) < 0.1) return null;
  const tone = Math.abs(points) < 1 ? null : points > 0 ? "good" : "bad";
  const meaning = points > 0 ? " more delivered than before" : " fewer delivered than before";
  const said = `${points > 0 ? "▲" : "▼"} ${words.decimals(Math.abs(points))} pt`;
  return h("small", { "data-tone": tone, title: meaning.trim() }, said, h("span", { class: "unseen" }, meaning));
}

function reasons(account) {
  if (!account.reasons.length) return "–";
  const reason = ({ reason: name, failures, code }) => {
    const breakable = name.split(/(?<=_)/).flatMap((part) => [part, h("wbr")]);
    return h(
      "li",
      { title: code && `Most often ${code}` },
      h("code", {}, breakable),
      ` ${words.percent(failures / account.failures)}`,
    );
  };
  return h("ol", { class: "reasons" }, account.reasons.map(reason));
}

function trend(account) {
  const { finals, failures } = account.trend;
  if (!account.finals) return "–";
  const most = Math.max(...finals);
  const peak = failures.indexOf(Math.max(...failures));
  const said = `Failures over time: ${account.failures ? `most in part ${peak + 1} of ${failures.length}` : "none"}`;
  const bars = (kind, counts) => svg("path", { class: kind, d: outline(counts, most, 24) });
  const box = { class: "trend", viewBox: `0 0 ${finals.length * 3} 24`, "aria-hidden": "true" };
  const drawn = svg("svg", box, bars("finals", finals), bars("failures", failures));
  return [drawn, h("span", { class: "unseen" }, said)];
}

// Without a store there is little to say.
function spare(data, accounts) {
  const columns = { Account: "account", "Last callback": "number" };
  const rows = accounts.map((account) => [words.name(account), words.ago(account.last_callback, data.live.now)]);
  return table("Accounts, as far as this program itself knows", columns, rows);
}

function empty(data) {
  const report = '{"flag": 1, "mid": "4C36654382720006", "mobile": "18983437011", "stat": "DELIVRD"}';
  const post = `curl ${data.open_to_all}/callbacks/juhe -d '[${report}]'`;
  return h(
    "div",
    { class: "empty" },
    h("p", {}, `Nothing was received in ${words.RANGES[data.range][1]}. To see something here, play the providers:`),
    verbatim("Command", "dlrhub simulate"),
    data.open_to_all && [h("p", {}, "or post a first report yourself:"), verbatim("Command", post)],
  );
}
