// The first view: every account, the worst first.

import { link } from "./address.js";
import { h, show, svg, table } from "./dom.js";
import { outline } from "./plots.js";
import { callbacks } from "./program.js";
import * as words from "./words.js";

const MOST_ROWS = 50;
const COLUMNS = [
  ["Status", "state"],
  ["Account", "account"],
  ["Reports", "number"],
  ["Delivered", "share"],
  ["Why messages fail", "why"],
  ["Trend", "trend"],
  ["Delay", "number"],
  ["Last callback", "number"],
  ["Unmapped", "number"],
  ["Dead letters", "number"],
];

export function makeOverview() {
  const element = h("section", { "aria-labelledby": "accounts-title" });
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
      h("h2", { id: "accounts-title", tabindex: "-1", "data-key": "title" }, "Providers and accounts"),
      isEmpty(data) ? empty(data) : null,
      data.accounts_are_of ? full(data, accounts) : [spare(data, accounts), callbacks(data)],
      left > 0 ? h("button", { type: "button", "data-key": "all", click }, `Show ${words.number(left)} more`) : null,
    );
  };
  return { element, update };
}

function isEmpty(data) {
  return data.store.state === "ok" && !data.accounts.some((account) => account.reports || account.dead_letters);
}

function full(data, accounts) {
  return table(
    `Accounts over ${words.RANGES[data.range][1]}, the worst first`,
    COLUMNS,
    accounts.map((account) => row(account, data)),
    { class: "accounts" },
  );
}

function row(account, data) {
  return [
    status(account),
    link({ view: "account", account: words.name(account) }, words.name(account), `account ${words.name(account)}`),
    account.reports ? [h("b", {}, words.number(account.reports)), h("small", {}, words.rate(account.per_minute))] : "–",
    delivered(account),
    reasons(account),
    trend(account),
    account.delays[0] === null
      ? "–"
      : [words.duration(account.delays[0]), h("small", {}, `95%: ${words.duration(account.delays[1])}`)],
    words.ago(account.last_callback, data.live.now),
    account.unmapped ? words.number(account.unmapped) : "0",
    account.dead_letters
      ? link(
          { view: "letters", account: words.name(account) },
          words.number(account.dead_letters),
          `letters ${words.name(account)}`,
          `${words.counted(account.dead_letters, "dead letter", "dead letters")} of ${words.name(account)}`,
        )
      : "0",
  ];
}

export function status(account) {
  return [account.level, ...account.also]
    .filter((level, index) => index === 0 || !["ok", "quiet"].includes(level))
    .map((level) => {
      const [icon, word, tone, meaning] = words.LEVELS[level];
      return h(
        "span",
        { class: "status", "data-tone": tone, title: meaning },
        h("span", { class: "icon", "aria-hidden": "true" }, icon),
        word,
      );
    });
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
    const title = code ? `Most often ${code}` : null;
    return h("li", { title }, h("code", {}, breakable), ` ${words.percent(failures / account.failures)}`);
  };
  return h("ol", { class: "reasons" }, account.reasons.map(reason));
}

function trend(account) {
  const { finals, failures } = account.trend;
  if (!account.finals) return "–";
  const most = Math.max(...finals);
  const peak = failures.indexOf(Math.max(...failures));
  const said = `Failures over time: ${account.failures ? `most in part ${peak + 1} of ${failures.length}` : "none"}`;
  return [
    svg(
      "svg",
      { class: "trend", viewBox: `0 0 ${finals.length * 3} 24`, "aria-hidden": "true" },
      svg("path", { class: "finals", d: outline(finals, most, 24) }),
      svg("path", { class: "failures", d: outline(failures, most, 24) }),
    ),
    h("span", { class: "unseen" }, said),
  ];
}

// Without a store there is little to say.
function spare(data, accounts) {
  return table(
    "Accounts, as far as this program itself knows",
    [
      ["Account", "account"],
      ["Last callback", "number"],
    ],
    accounts.map((account) => [words.name(account), words.ago(account.last_callback, data.live.now)]),
  );
}

function empty(data) {
  const report = '{"flag": 1, "mid": "4C36654382720006", "mobile": "18983437011", "stat": "DELIVRD"}';
  const command = (text) => h("pre", { tabindex: "0", "aria-label": "Command" }, text);
  const post = data.open_to_all
    ? [
        h("p", {}, "or post a first report yourself:"),
        command(`curl ${data.open_to_all}/callbacks/juhe -d '[${report}]'`),
      ]
    : null;
  return h(
    "div",
    { class: "empty" },
    h("p", {}, `Nothing was received in ${words.RANGES[data.range][1]}. To see something here, play the providers:`),
    command("dlrhub simulate"),
    post,
  );
}
