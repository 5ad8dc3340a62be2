// Lists of the API as tables: a page at a time, with filters that live in the address.

import { ApiError, get, withQuery } from "./api.js";
import { button, element, newId } from "./elements.js";
import { messageOf } from "./notice.js";
import { keepInAddress } from "./navigation.js";

const TYPING_PAUSE_MS = 250;

// Loads the first page and returns the list as an element, with `reload()`.
//
// path      of the list
// label     what the table holds, for screen readers ("API keys")
// columns   [{ title, value(item), kind }]; the first is the row's heading; `kind` is a class ("number", "actions", "wide")
// filters   [{ name, label, options: [[value, label]] }], or without options for a text that is searched for;
//           their names are both the API's and the address's
// fixed     values of the query that are not filters
// empty     what stands where there is nothing at all; `noMatch` where the filters leave nothing
// added     optional; called with the items of each page and their rows once they stand
// rowClass  optional; a class for an item's row
export async function listView({ path, label, columns, filters = [], fixed = {}, empty, noMatch = "Nothing matches.", added, rowClass }) {
  const chosen = chosenIn(new URLSearchParams(location.search));
  const body = element("tbody");
  const table = element(
    "table",
    { class: "list", "aria-label": label },
    element("thead", element("tr", columns.map(({ title, kind }) => element("th", { scope: "col", class: kind }, title)))),
    body,
  );
  const scroller = element("div", { class: "table" }, table);
  const status = element("p", { class: "hint", role: "status" });
  const nothing = element("div", { class: "panel empty", hidden: true });
  const more = button("Show more", showMore);
  let cursor = null;
  let newest = 0;

  const list = element("div", { class: "list-view" }, filters.length > 0 && filterForm(), status, scroller, nothing, more);
  fill(await fetchPage());
  return Object.assign(list, { reload });

  function chosenIn(query) {
    return Object.fromEntries(filters.map(({ name }) => [name, query.get(name) ?? ""]));
  }

  function fetchPage(from) {
    return get(withQuery(path, { ...fixed, ...chosen, cursor: from }));
  }

  function fill(page) {
    body.replaceChildren();
    add(page);
    const none = page.items.length === 0;
    const filtered = Object.values(chosen).some(Boolean);
    scroller.hidden = none;
    nothing.hidden = !none;
    if (none) nothing.replaceChildren(...[filtered ? element("p", noMatch) : empty].flat());
    status.textContent = filtered && !none ? `${page.items.length}${page.nextCursor ? " or more" : ""} found` : "";
    status.hidden = filters.length === 0;
  }

  function add(page) {
    const rows = page.items.map(row);
    body.append(...rows);
    cursor = page.nextCursor;
    more.hidden = !cursor;
    added?.(page.items, rows);
  }

  function row(item) {
    const cells = columns.map(({ title, kind, value }, index) =>
      index === 0
        ? element("th", { scope: "row", class: kind }, value(item))
        : element("td", { class: kind, "data-label": title }, value(item)),
    );
    return element("tr", { class: rowClass?.(item) }, cells);
  }

  async function showMore() {
    more.setAttribute("aria-disabled", "true");
    await telling(async () => add(await fetchPage(cursor)));
    more.removeAttribute("aria-disabled");
  }

  // The answer to an older question never replaces that to a newer one.
  async function reload() {
    const asked = ++newest;
    list.setAttribute("aria-busy", "true");
    await telling(async () => {
      const page = await fetchPage();
      if (asked === newest) fill(page);
    });
    if (asked === newest) list.removeAttribute("aria-busy");
  }

  async function telling(step) {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      status.hidden = false;
      status.textContent = Object.values(error.fields)[0] ?? messageOf(error);
    }
  }

  function filterForm() {
    let pause = null;
    const changed = (after) => () => {
      clearTimeout(pause);
      pause = setTimeout(() => {
        Object.assign(chosen, Object.fromEntries(new FormData(made)));
        keepInAddress(chosen);
        reload();
      }, after);
    };
    const made = element("form", { class: "filters", role: "search", "aria-label": `Filter: ${label}`, onsubmit: (event) => event.preventDefault() });
    for (const { name, label: says, options, type = "search", placeholder } of filters) {
      const id = newId(name);
      const input = options
        ? element("select", { id, name, onchange: changed(0) }, options.map(([value, text]) => element("option", { value, selected: value === chosen[name] }, text)))
        : element("input", { id, name, type, placeholder, value: chosen[name], autocapitalize: "none", spellcheck: "false", oninput: changed(TYPING_PAUSE_MS) });
      made.append(element("div", element("label", { for: id }, says), input));
    }
    return made;
  }
}
