// Lists of the API as tables: a page at a time, with filters that live in the address.

import { ApiError, get, withQuery } from "./api.js";
import { button, element, hidden, newId } from "./elements.js";
import { messageOf } from "./notice.js";
import { keepInAddress } from "./navigation.js";

const TYPING_PAUSE_MS = 250;

// How many items the API gives at a time, unasked and at most.
const USUAL_LIMIT = 50;
const MOST = 200;

// Loads the first page and returns the list as an element, with `reload()`.
//
// path      of the list
// label     what the table holds, for screen readers ("API keys")
// columns   [{ title, value(item), kind }]; the first is the row's heading; `kind` is a class ("number", "wide", or
//           "actions", whose title is not seen)
// filters   [{ name, label, options: [[value, label]] }], or without options for a text that is searched for (or of another
//           `type`); their names are both the API's and the address's; ask(value) is what the API is asked for a value
// fixed     values of the query that are not filters
// options   of the calls
// empty     what stands where there is nothing at all; `noMatch` where the filters leave nothing
// added     optional; called with the items of each page, their rows once they stand, and the query they answer
// rowClass  optional; a class for an item's row
export async function listView({ path, label, columns, filters = [], fixed = {}, options, empty, noMatch = "Nothing matches.", added, rowClass }) {
  const chosen = chosenIn(new URLSearchParams(location.search));
  const scroller = table(label, columns);
  const body = scroller.querySelector("tbody");
  const status = element("p", { class: "hint", role: "status" });
  const nothing = element("div", { class: "panel empty", hidden: true });
  const more = button("Show more", showMore);
  let cursor = null;
  let newest = 0;

  const filterForm = filters.length > 0 && makeFilterForm();
  const list = element("div", { class: "list-view" }, filterForm, status, scroller, nothing, more);
  await begin();
  return Object.assign(list, { reload });

  // An address may hold a filter that the API refuses: then the list says so, and the filters stay to be mended.
  async function begin() {
    try {
      fill(await fetchPage());
    } catch (error) {
      if (!isFiltered() || ![400, 404].includes(error.status)) throw error;
      fill({ items: [], nextCursor: null });
      tell(error);
    }
  }

  function isFiltered() {
    return Object.values(chosen).some(Boolean);
  }

  function asked() {
    return { ...fixed, ...Object.fromEntries(filters.map(({ name, ask }) => [name, ask ? ask(chosen[name]) : chosen[name]])) };
  }

  function chosenIn(query) {
    return Object.fromEntries(filters.map(({ name }) => [name, query.get(name) ?? ""]));
  }

  function fetchPage(from, limit) {
    return get(withQuery(path, { limit, ...asked(), cursor: from }), options);
  }

  function fill(page) {
    const focus = focusInRows();
    body.replaceChildren();
    add(page);
    const none = page.items.length === 0;
    const filtered = isFiltered();
    scroller.hidden = none;
    nothing.hidden = !none;
    if (none) nothing.replaceChildren(...[filtered ? [element("p", noMatch), button("Clear the filters", clear)] : empty].flat());
    const found = filtered && !none ? `${page.items.length}${page.nextCursor ? " or more" : ""} found` : "";
    // What is said already is not said again.
    if (status.textContent !== found) status.textContent = found;
    status.hidden = filters.length === 0;
    if (focus) focusAgain(focus);
  }

  // Rows are made anew, and the focus must not be lost with them: it stays at the same row, or where that was.
  function focusInRows() {
    const row = body.contains(document.activeElement) && document.activeElement.closest("tr");
    return row ? { id: row.dataset.id, index: [...body.rows].indexOf(row), name: nameOf(document.activeElement) } : null;
  }

  function focusAgain({ id, index, name }) {
    const rows = [...body.rows];
    const row = rows.find((each) => each.dataset.id === id) ?? rows[Math.min(index, rows.length - 1)];
    const controls = row ? controlsOf(row) : [...nothing.querySelectorAll("button, a")];
    (controls.find((each) => nameOf(each) === name) ?? controls.at(-1) ?? document.querySelector("h1")).focus();
  }

  function add(page) {
    const rows = page.items.map((item) => rowOf(columns, item, rowClass?.(item)));
    body.append(...rows);
    cursor = page.nextCursor;
    more.hidden = !cursor;
    added?.(page.items, rows, asked());
    return rows;
  }

  async function showMore() {
    if (more.getAttribute("aria-disabled") === "true") return;
    const asked = newest;
    more.setAttribute("aria-disabled", "true");
    await telling(async () => {
      const page = await fetchPage(cursor);
      // Meanwhile something else may be searched for.
      if (asked === newest) goOnAt(add(page)[0]);
    });
    more.removeAttribute("aria-disabled");
  }

  // The focus goes on at the first new row where the button that had it goes away.
  function goOnAt(row) {
    if (!more.hidden || !row) return;
    row.tabIndex = -1;
    row.focus();
  }

  // The answer to an older question never replaces that to a newer one.
  async function reload() {
    const asked = ++newest;
    list.setAttribute("aria-busy", "true");
    await telling(async () => {
      // As many as stand there, so that who has gone far down stays there.
      const page = await fetchPage(null, body.rows.length > USUAL_LIMIT && Math.min(body.rows.length, MOST));
      if (asked === newest) fill(page);
    });
    if (asked === newest) list.removeAttribute("aria-busy");
  }

  async function telling(step) {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tell(error);
    }
  }

  function tell(error) {
    const [name, message] = Object.entries(error.fields)[0] ?? [];
    const filter = filters.find((each) => each.name === name);
    status.hidden = false;
    status.textContent = message ? `${filter?.label ?? name}: ${message}` : messageOf(error);
  }

  function choose(values) {
    Object.assign(chosen, values);
    keepInAddress(chosen);
    return reload();
  }

  function clear() {
    for (const input of filterForm.elements) input.value = "";
    filterForm.elements[0].focus();
    return choose(Object.fromEntries(new FormData(filterForm)));
  }

  function makeFilterForm() {
    let pause = null;
    const changed = (after) => () => {
      clearTimeout(pause);
      pause = setTimeout(() => choose(Object.fromEntries(new FormData(made))), after);
    };
    const made = element("form", { class: "filters", role: "search", "aria-label": `Filter: ${label}`, onsubmit: (event) => event.preventDefault() });
    for (const { name, label: says, options, type = "search", placeholder } of filters) {
      const id = newId(name);
      const input = options
        ? element("select", { id, name, onchange: changed(0) }, withChosen(options, chosen[name]).map(([value, text]) => element("option", { value, selected: value === chosen[name] }, text)))
        : element("input", { id, name, type: typeFor(type, chosen[name]), placeholder, value: chosen[name], autocapitalize: "none", spellcheck: "false", oninput: changed(TYPING_PAUSE_MS) });
      made.append(element("div", element("label", { for: id }, says), input));
    }
    return made;
  }
}

// An address may choose what the list does not offer: an id of somebody who has left.
const withChosen = (options, chosen) => (options.some(([value]) => value === chosen) ? options : [...options, [chosen, chosen]]);

// A moment that an address names does not fit into a field for days.
const typeFor = (type, chosen) => (type === "date" && chosen && !/^\d{4}-\d\d-\d\d$/.test(chosen) ? "text" : type);

const nameOf = (control) => control.ariaLabel ?? control.textContent;
const controlsOf = (row) => [...row.querySelectorAll("a, button:not([popover] *)")];

// An empty table in its box; `rowOf` makes its rows.
export function table(label, columns) {
  const heads = columns.map(({ title, kind }) => element("th", { scope: "col", class: kind }, kind === "actions" ? hidden(title) : title));
  return element("div", { class: "table" }, element("table", { class: "list", "aria-label": label }, element("thead", element("tr", heads)), element("tbody")));
}

export function rowOf(columns, item, kind) {
  const cells = columns.map(({ title, kind, value }, index) =>
    index === 0 ? element("th", { scope: "row", class: kind }, value(item)) : element("td", { class: kind, "data-label": title }, value(item)),
  );
  return element("tr", { class: kind, "data-id": item.id ?? item.userId }, cells);
}
