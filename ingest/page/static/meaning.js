// The meaning of a provider's code: in the provider's words, in English and in ours; whether sending again helps; source.

import { h } from "./dom.js";

export const AGAIN = {
  temporary: "Sending again can help.",
  permanent: "Sending again does not help.",
  unknown: "Nobody knows whether sending again helps.",
};

export const again = ({ meaning }) =>
  meaning.persistence ? h("p", { class: "again" }, AGAIN[meaning.persistence]) : null;

export const said = (row) =>
  h("bdi", {}, [row.provider_status, row.provider_code, row.text].filter(Boolean).join(" · ") || "–");

export function meaningOf({ meaning }) {
  const { provider, english, ours, source } = meaning;
  return [
    provider ? h("p", {}, h("bdi", {}, `“${provider}”`), english ? ` (${english})` : "") : null,
    ours ? h("p", {}, `${ours[0].toUpperCase()}${ours.slice(1)}.`) : null,
    source ? h("small", {}, `Source: ${source}.`) : null,
    provider || source ? null : h("small", {}, "The code is in no table."),
  ];
}

// A code that opens to its meaning; `key` keeps it open while the page is drawn anew.
export function openable(code, key, more = null) {
  return h(
    "details",
    { class: "code", "data-key": key },
    h("summary", {}, said(code), more),
    h("div", { class: "meaning" }, meaningOf(code), again(code)),
  );
}
