// What the pages behind the sign-in are made of.

import { ApiError } from "./api.js";
import { element } from "./elements.js";
import { capitalised } from "./format.js";
import { messageOf, say } from "./notice.js";

// A page's heading, with what can be done on the page beside it.
export function heading(title, { lead, actions = [] } = {}) {
  return element(
    "div",
    { class: "page-head" },
    element("div", element("h1", { tabindex: "-1" }, title), lead && element("p", { class: "lead" }, lead)),
    element("div", { class: "page-actions" }, actions),
  );
}

export function section(title, ...content) {
  return element("section", { "aria-label": title }, element("h2", title), content);
}

// Names and values side by side: [name, value]; pairs that are null are left out.
export function facts(...pairs) {
  return element("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) => element("div", element("dt", name), element("dd", value))));
}

// A quieter line below a value.
export const aside = (...content) => element("span", { class: "aside" }, content);

// A name, which may be written in any direction, with what marks it beside it.
export const named = (name, mark) => [element("bdi", name), mark && element("span", { class: "badge" }, mark)];

// The state of a thing, told by a shape and a word.
export const status = (state, text = capitalised(state)) => element("span", { class: "status", "data-status": state }, text);

// Something done by a button without a form; says what came of it.
export async function act(step, done) {
  try {
    const result = await step();
    if (done) say(done);
    return result;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(Object.values(error.fields)[0] ?? messageOf(error));
    return undefined;
  }
}
