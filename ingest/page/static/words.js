// Words and numbers: numbers as the browser's locale writes them, times in UTC on a 24-hour clock, as in the store.

const locale = navigator.languages?.length ? [...navigator.languages] : undefined;
const integer = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
const rounded = new Intl.NumberFormat(locale, { maximumSignificantDigits: 2 });
const whole = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });

export const number = (value) => integer.format(value);
export const decimal = (value) => fine.format(value);
export const decimals = (value) => rounded.format(value);

// `2026-11-20 09:30:00`; `date` leaves out the day where it is today's.
const stamp = (seconds) => new Date(1000 * seconds).toISOString().replace("T", " ");
export const moment = (seconds) => stamp(seconds).slice(0, 19);
export const time = (seconds) => stamp(seconds).slice(11, 19);
const isToday = (seconds) => stamp(seconds).slice(0, 10) === stamp(Date.now() / 1000).slice(0, 10);
export const date = (seconds) => (isToday(seconds) ? time(seconds) : moment(seconds));
export const tick = (seconds, range) => (range > 86_400 ? stamp(seconds).slice(5, 10) : stamp(seconds).slice(11, 16));
export const span = (seconds, range) => (range > 86_400 ? moment(seconds).slice(0, 16) : time(seconds));

// A share as a percentage: to a tenth where it is small, or nearly all.
export function percent(part) {
  const isFine = part > 0 && (part < 0.1 || (part > 0.9 && part < 1));
  return (isFine ? exact : whole).format(part);
}

// How often something happens, in the largest unit of time in which that is at least once.
export function rate(perMinute) {
  const [value, unit] =
    perMinute >= 1 ? [perMinute, "min"] : perMinute >= 1 / 60 ? [60 * perMinute, "h"] : [1440 * perMinute, "day"];
  return `${(value >= 10 ? integer : rounded).format(value)}/${unit}`;
}

export function duration(seconds) {
  if (seconds < 1) return `${rounded.format(seconds)} s`;
  if (seconds < 60) return `${(seconds < 10 ? tenths : integer).format(seconds)} s`;
  if (seconds < 3600) return `${(seconds < 600 ? tenths : integer).format(seconds / 60)} min`;
  if (seconds < 172_800) return `${tenths.format(seconds / 3600)} h`;
  return `${(seconds < 864_000 ? tenths : integer).format(seconds / 86_400)} d`;
}

export const ago = (at, now) =>
  at === null || at === undefined ? "–" : now - at < 1.5 ? "just now" : `${duration(Math.floor(now - at))} ago`;

export const RANGES = {
  "15m": ["15 min", "the last 15 minutes"],
  "1h": ["1 h", "the last hour"],
  "6h": ["6 h", "the last 6 hours"],
  "24h": ["24 h", "the last 24 hours"],
  "7d": ["7 d", "the last 7 days"],
  "30d": ["30 d", "the last 30 days"],
};

// The levels of an account: icon, word, tone, and meaning.
export const LEVELS = {
  failing: ["✕", "Failing", "bad", "More than 30% of at least 50 final reports are failures, and more than usual"],
  raised: ["▲", "Raised", "warn", "More than 10% of at least 200 final reports are failures, and more than usual"],
  silent: ["◌", "Silent", "warn", "Hardly any report, where at this time there are many"],
  unreadable: ["!", "Unreadable", "warn", "Some of what is posted can't be read"],
  unmapped: ["?", "Unmapped", "warn", "At least 10 reports have a code that is in no table"],
  usual: ["≈", "As usual", "note", "Many fail, but no more than in the week before"],
  few: ["…", "Too few", "note", "Many fail, of too few reports to judge by"],
  ok: ["✓", "Delivers", "good", "No more failures than usual"],
  quiet: ["–", "Quiet", "note", "No report in this time"],
};

export const name = (account) => `${account.provider}/${account.account}`;
export const failed = (account) => (account.finals ? account.failures / account.finals : 0);
export const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

// The verdict: its tone, and sentences of pieces, those in arrays being names.
export function verdict(data) {
  const [, when] = RANGES[data.range];
  if (data.store.state === "none") {
    return ["note", [["No store is named in these settings, so only what this program itself knows is shown."]]];
  }
  if (data.store.state !== "ok") {
    return ["warn", [[`The store does not answer (${data.store.said}), so how the providers do can't be told.`]]];
  }
  const tone = (account) => LEVELS[account.level][2];
  const told = data.accounts.filter((account) => ["bad", "warn"].includes(tone(account)));
  if (told.length) {
    const lines = told.slice(0, 3).map((account) => sentence(account, when));
    if (told.length > 3) lines.push([`${counted(told.length - 3, "more account")} to look at.`]);
    return [tone(told[0]), lines];
  }
  return calm(data, when);
}

function calm(data, when) {
  const active = data.accounts.filter((account) => account.reports > 0);
  if (!active.length) return ["note", [[`No reports in ${when}.`]]];
  const worst = active.filter((account) => account.failures).sort((one, other) => failed(other) - failed(one))[0];
  const is = (level) => active.some((account) => account.level === level);
  let first = "No account fails more than usual.";
  if (is("few")) first = "No account is known to fail; some have too few reports to judge by.";
  else if (!is("usual"))
    first = active.length === 1 ? "The one active account delivers." : `All ${active.length} active accounts deliver.`;
  const lines = worst ? [[first], ["Most failures: ", ...share(worst, when)]] : [[first]];
  return [is("few") || is("usual") ? "note" : "good", lines];
}

function sentence(account, when) {
  const reports = counted(account.reports, "report");
  const said = {
    silent: ` is silent: ${reports} in ${when}, where about ${number(account.usual_reports)} are usual.`,
    unreadable: ` posts what can't be read: ${counted(account.dead_letters, "dead letter")} in ${when}.`,
    unmapped: ` sends codes that are in no table: ${counted(account.unmapped, "report")} in ${when}.`,
  }[account.level];
  return said ? [[name(account)], said] : share(account, when);
}

function share(account, when) {
  const [of, failures, lately] = account.surges
    ? [account.newest_finals, account.newest_failures, RANGES["15m"][1]]
    : [account.finals, account.failures, when];
  const words = [[name(account)], `: ${percent(failures / of)} of ${counted(of, "final report")} failed in ${lately}`];
  if (lately !== when) words.push(` (${percent(failed(account))} in ${when})`);
  const [first] = account.reasons;
  if (first) {
    const most = first.failures * 2 > account.failures ? "mostly" : "above all";
    const code = first.code ? `; code ${first.code}` : "";
    const [before, after] = first.reason === "unknown" ? ["for an ", " reason"] : ["", ""];
    const ofFailures = percent(first.failures / account.failures);
    words.push(`, ${most} ${before}`, [first.reason], `${after} (${ofFailures}${code})`);
  }
  return [...words, "."];
}
