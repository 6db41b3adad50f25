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
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
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
  element.replaceChildren(...children.flat(2).filter(Boolean));
  for (const each of element.querySelectorAll("details[data-key]")) each.open = unfolded.has(each.dataset.key);
  element.querySelectorAll(".scroll").forEach((each, index) => {
    each.scrollLeft = scrolled[index] ?? 0;
  });
  if (key !== undefined) focusOn(key);
}

export function focusOn(key) {
  document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// How many rows of a table a narrow window shows before its button shows all of them.
const FEW_ROWS = 6;
const opened = new Set();

// A table with a caption; columns are [name, class]; a row's first cell is its head. In narrow windows rows are cards,
// of which the first few are shown.
export function table(caption, columns, rows, attributes = {}) {
  const head = columns.map(([name, kind]) => h("th", { role: "columnheader", scope: "col", class: kind }, name));
  const made = h(
    "table",
    { role: "table", ...attributes },
    h("caption", {}, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h(
      "tbody",
      { role: "rowgroup" },
      rows.map((cells) => row(columns, cells)),
    ),
  );
  const label = {
    class: "scroll",
    role: "region",
    "aria-label": caption,
    tabindex: "0",
    "data-key": `table ${caption}`,
  };
  const scroll = h("div", label, made);
  return rows.length > FEW_ROWS ? fold(scroll, caption, rows.length) : scroll;
}

function row(columns, cells) {
  const made = cells.map((cell, index) => {
    const [name, kind] = columns[index];
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
  const key = `unfold ${caption}`;
  if (opened.has(caption)) return scroll;
  scroll.classList.add("folded");
  const button = h("button", { type: "button", class: "unfold", "data-key": key, click }, `Show all ${count} rows`);
  return h("div", { class: "foldable" }, scroll, button);
}
