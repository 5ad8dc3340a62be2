// Dialogs: the browser's own <dialog>, which keeps the focus inside and gives it back.

import { ApiError } from "./api.js";
import { button, element, newId } from "./elements.js";
import { field, form } from "./form.js";
import { say } from "./notice.js";

// Opens a dialog with this title and content, and returns the function that closes it. It is taken out of the page when
// it is closed, with all it showed. `held` ones close only by their own buttons, not by Escape.
export function openDialog({ title, content, held = false, wide = false, closed = () => {} }) {
  const id = newId("dialog");
  const close = () => shut(dialog);
  const dialog = element(
    "dialog",
    { "aria-labelledby": id, class: wide && "wide", "data-held": held },
    element(
      "div",
      { class: "dialog-head" },
      element("h2", { id, tabindex: "-1" }, title),
      !held && element("button", { type: "button", class: "plain", "aria-label": "Close", onclick: close }, "✕"),
    ),
    typeof content === "function" ? content(close) : content,
  );
  // The browser lets a second Escape pass unless the key itself is held back.
  dialog.addEventListener("keydown", (event) => held && event.key === "Escape" && event.preventDefault());
  dialog.addEventListener("cancel", (event) => held && event.preventDefault());
  dialog.addEventListener("close", () => {
    takeOut(dialog);
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("input, select, textarea") ?? dialog.querySelector("h2")).focus();
  return close;
}

// Closes every dialog: what they show must not stay when the page is left or goes to sleep in the history.
export function closeDialogs() {
  document.querySelectorAll("dialog[open]").forEach(shut);
}

// Taken out at once: a page that goes to sleep may not come to the event of the closing.
function shut(dialog) {
  dialog.close();
  takeOut(dialog);
}

function takeOut(dialog) {
  // The line that says what was done may stand in the dialog.
  const toast = dialog.querySelector("#toast");
  if (toast) document.body.append(toast);
  dialog.remove();
}

// A form in a dialog: as `form`, with a button that cancels. When it is done it closes, and says what is `said`.
export function formDialog({ title, intro = [], said, done = () => {}, wide, held, ...rest }) {
  return openDialog({
    title,
    wide,
    held,
    content: (close) => [
      intro,
      form({
        ...rest,
        beside: button("Cancel", close),
        done: (result) => {
          close();
          done(result);
          // Last, for it has to stand in a dialog that is opened now.
          if (said) say(said);
        },
      }),
    ],
  });
}

// Asks before something that cannot be undone. Where `typed` is given, that very text has to be typed first; all else is
// as with `formDialog`.
export function confirmDialog({ text, action, typed, fields = [], send, ...rest }) {
  const typing =
    typed && field({ name: "typed", label: ["Type ", element("strong", typed), " to confirm"], required: `Type “${typed}”.`, autocomplete: "off", spellcheck: "false" });
  const paragraphs = [text].flat().map((each) => (typeof each === "string" ? element("p", each) : each));
  return formDialog({ ...rest, intro: paragraphs, fields: [typing, fields], submit: action, kind: "danger", send: guarded(typed, send) });
}

function guarded(typed, send) {
  return async (values) => {
    if (typed && values.typed.trim() !== typed.trim()) {
      throw new ApiError({ status: 0, message: "", fields: { typed: `That is not “${typed}”.` } });
    }
    return send(values);
  };
}
