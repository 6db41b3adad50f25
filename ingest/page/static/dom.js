// Elements made of plain values. Text only ever becomes text.

const SVG = "http://www.w3.org/2000/svg";

// Attributes that are functions listen, `share` is a length for the style sheet; null and false leave an attribute out.
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "share") element.style.setProperty("--share", String(value));
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

// Show new children. The focus stays on the element with the same `data-key`; selected text is left alone.
export function show(element, ...children) {
  const selection = getSelection();
  if (!selection.isCollapsed && element.contains(selection.anchorNode)) return;
  const focused = document.activeElement;
  const key = element.contains(focused) ? focused.dataset.key : undefined;
  const unfolded = new Set([...element.querySelectorAll("details[open][data-key]")].map((each) => each.dataset.key));
  const scrolled = [...element.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
  for (const each of element.querySelectorAll("details[data-key]")) each.open = unfolded.has(each.dataset.key);
  element.querySelectorAll(".scroll").forEach((each, index) => {
    each.scrollLeft = scrolled[index] ?? 0;
  });
  if (key !== undefined) focusOn(key);
}

export function focusOn(key) {
  document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// A view of the page, and its title, which takes the focus when the view is opened.
export const viewOf = (...children) => h("section", { "aria-labelledby": "view-title" }, children);
export const title = (text) => h("h2", { id: "view-title", tabindex: "-1", "data-key": "title" }, text);

// A view that `draw` makes anew of each answer: it returns what the view holds.
export function drawnView(draw) {
  const element = viewOf();
  return { element, update: (details, overview) => show(element, draw(details, overview)) };
}

export const button = (text, click, attributes = {}) => h("button", { type: "button", click, ...attributes }, text);
export const note = (text) => h("p", { class: "note" }, text);
// Text as it came, which can be scrolled by keyboard.
export const verbatim = (label, text) => h("pre", { tabindex: "0", role: "region", "aria-label": label }, text);

// A list of terms and what is said of each; a term of which nothing is said is left out.
export function factList(facts) {
  const said = Object.entries(facts).filter(([, text]) => text);
  const pair = ([term, text]) => [h("dt", {}, term), h("dd", {}, h("bdi", {}, text))];
  return h("dl", { class: "letter" }, said.map(pair));
}

// A form of labelled fields, which calls `send` instead of leaving the page.
export function form(fields, text, send) {
  const submit = (event) => {
    event.preventDefault();
    send();
  };
  const labelled = Object.entries(fields).map(([label, field], index) => {
    field.id = `field-${index}`;
    return [h("label", { for: field.id }, label), field];
  });
  return h("form", { submit }, labelled, h("button", { type: "submit" }, text));
}

// How many rows of a table a narrow window shows before its button shows all of them.
const FEW_ROWS = 6;
const opened = new Set();

// A table with a caption; `columns` gives each name its class; a row's first cell is its head. In narrow windows rows
// are cards, of which the first few are shown.
export function table(caption, columns, rows, attributes = {}) {
  const names = Object.entries(columns);
  const head = names.map(([name, kind]) => h("th", { role: "columnheader", scope: "col", class: kind }, name));
  const body = rows.map((cells) => row(names, cells));
  const made = h(
    "table",
    { role: "table", ...attributes },
    h("caption", {}, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h("tbody", { role: "rowgroup" }, body),
  );
  const label = { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" };
  const scroll = h("div", { ...label, "data-key": `table ${caption}` }, made);
  return rows.length > FEW_ROWS ? fold(scroll, caption, rows.length) : scroll;
}

function row(names, cells) {
  const made = cells.map((cell, index) => {
    const [name, kind] = names[index];
    const isEmpty = cell === "–" || cell === "0" || cell === "";
    const attributes = { class: `${kind}${isEmpty ? " nothing" : ""}`, "data-column": name };
    return index
      ? h("td", { role: "cell", ...attributes }, cell)
      : h("th", { role: "rowheader", scope: "row", ...attributes }, cell);
  });
  return h("tr", { role: "row" }, made);
}

function fold(scroll, caption, count) {
  const click = (event) => {
    opened.add(caption);
    scroll.classList.remove("folded");
    event.currentTarget.remove();
    scroll.focus();
  };
  if (opened.has(caption)) return scroll;
  scroll.classList.add("folded");
  const more = button(`Show all ${count} rows`, click, { class: "unfold", "data-key": `unfold ${caption}` });
  return h("div", {}, scroll, more);
}
