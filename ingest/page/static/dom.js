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

// Show new children; the focus stays with whoever has the same `data-key`. What somebody is selecting stays as it is.
export function show(element, ...children) {
  const selection = getSelection();
  if (!selection.isCollapsed && element.contains(selection.anchorNode)) return;
  const focused = document.activeElement;
  const key = element.contains(focused) ? focused.dataset.key : undefined;
  const open = new Set([...element.querySelectorAll("details[open][data-key]")].map((each) => each.dataset.key));
  const scrolled = [...element.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  element.replaceChildren(...children.flat(2).filter(Boolean));
  for (const each of element.querySelectorAll("details[data-key]")) each.open = open.has(each.dataset.key);
  element.querySelectorAll(".scroll").forEach((each, index) => {
    each.scrollLeft = scrolled[index] ?? 0;
  });
  if (key !== undefined) focusOn(key);
}

export function focusOn(key) {
  document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// A table with a caption; columns are [name, class]; a row's first cell is its head. In narrow windows rows are cards.
export function table(caption, columns, rows, attributes = {}) {
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, tabindex: "0", "data-key": `table ${caption}` },
    h(
      "table",
      { role: "table", ...attributes },
      h("caption", {}, caption),
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          columns.map(([name, kind]) => h("th", { role: "columnheader", scope: "col", class: kind }, name)),
        ),
      ),
      h(
        "tbody",
        { role: "rowgroup" },
        rows.map((cells) =>
          h(
            "tr",
            { role: "row" },
            cells.map((cell, index) =>
              h(
                index ? "td" : "th",
                {
                  role: index ? "cell" : "rowheader",
                  scope: index ? null : "row",
                  class: columns[index][1],
                  "data-column": columns[index][0],
                },
                cell,
              ),
            ),
          ),
        ),
      ),
    ),
  );
}
