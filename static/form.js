// Forms from data. What every form does alike: it asks for what is missing, shows that it is busy, puts each error
// beside the field it speaks of, and where the server says to wait, counts down and waits.

import { ApiError } from "./api.js";
import { countDownTo } from "./countdown.js";
import { element, hidden, newId } from "./elements.js";
import { capitalised, timeOfDay } from "./format.js";
import { clearNotice, messageOf, noticeBox, showNotice } from "./notice.js";

// A field: `name` is the API's name for it. `type` is an input's type, or "select" (with `options`: [value, label]),
// "textarea" or "checkbox". `required` is what is said where it is empty. All else becomes attributes of the input.
export function field({ name, label, type = "text", hint, required, value, options = [], ...attributes }) {
  const id = newId(name);
  const described = [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  const common = { id, name, required: Boolean(required), "data-missing": required, "aria-describedby": described, ...attributes };
  const parts = {
    label: element("label", { for: id }, label),
    hint: hint && element("p", { class: "hint", id: `${id}-hint` }, hint),
    error: element("p", { class: "field-error", id: `${id}-error` }),
  };
  if (type === "checkbox") {
    const box = element("input", { ...common, type, checked: Boolean(value) });
    return element("div", { class: "field check" }, box, parts.label, parts.hint, parts.error);
  }
  const input = type === "password" ? revealing(inputOf(type, common, value, options)) : inputOf(type, common, value, options);
  return element("div", { class: "field" }, parts.label, parts.hint, input, parts.error);
}

function inputOf(type, attributes, value, options) {
  if (type === "select") {
    const choices = options.map(([each, label]) => element("option", { value: each, selected: each === value }, label));
    return element("select", attributes, choices);
  }
  if (type === "textarea") return element("textarea", attributes, value ?? "");
  const plain = ["email", "password", "search"].includes(type) && { autocapitalize: "none", spellcheck: "false" };
  return element("input", { type, value, ...plain, ...attributes });
}

// A password with a button that shows it.
function revealing(input) {
  const button = element("button", { type: "button" }, "Show", hidden(" password"));
  const reveal = (shown) => {
    input.type = shown ? "text" : "password";
    button.firstChild.textContent = shown ? "Hide" : "Show";
  };
  button.addEventListener("click", () => reveal(input.type === "password"));
  // Hidden before it is sent, or the browser would remember it as ordinary text.
  input.addEventListener("conceal", () => reveal(false));
  return element("div", { class: "revealing" }, input, button);
}

// fields         of `field`, or elements of any other kind; null is left out
// submit, busy   what the button says, and while the call is under way
// kind           "primary" or "danger"
// beside         more for the row of the button
// send(values)   makes the call
// done(result)   follows success; returns false where the form stays, empty again
// refused(error) optional; returns true where the page has dealt with the error itself
export function form({ fields = [], submit, busy, kind = "primary", beside = [], send, done, refused = () => false, ...attributes }) {
  const button = element("button", { type: "submit", class: kind }, submit);
  const notice = noticeBox();
  let stopCountdown = null;
  // method="post": should a script fail, a password does not end up in the address bar. Ours is the browser's own
  // validation: its bubbles go away by themselves and cannot be styled.
  const made = element(
    "form",
    { method: "post", novalidate: true, onsubmit, ...attributes },
    fields,
    element("div", { class: "actions" }, button, beside),
    notice,
  );
  return Object.assign(made, { stopWaiting });

  async function onsubmit(event) {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    clearNotice(notice);
    clearFieldErrors(made);
    for (const input of made.querySelectorAll("input")) input.dispatchEvent(new Event("conceal"));

    const missing = missingFields(made);
    if (Object.keys(missing).length > 0) {
      showFieldErrors(made, missing);
      return;
    }

    setBusy(true);
    let result;
    try {
      result = await send(valuesOf(made));
    } catch (error) {
      setBusy(false);
      if (!(error instanceof ApiError)) throw error;
      if (!refused(error)) show(error);
      return;
    }
    if (done(result) !== false) return;
    made.reset();
    setBusy(false);
  }

  function show(error) {
    if (error.retryAfter) {
      wait(error);
    } else if (!showFieldErrors(made, error.fields)) {
      showNotice(notice, messageOf(error));
    }
  }

  function wait(error) {
    const end = Date.now() + error.retryAfter * 1000;
    showNotice(notice, `${messageOf(error)} You can try again at ${timeOfDay(end)}.`);
    setDisabled(true);
    stopCountdown = countDownTo(end, notice.querySelector("[role=timer]"), () => {
      stopCountdown = null;
      setDisabled(false);
      showNotice(notice, "You can try again now.", "plain");
    });
  }

  function stopWaiting() {
    if (!stopCountdown) return;
    stopCountdown();
    stopCountdown = null;
    setDisabled(false);
    clearNotice(notice);
  }

  function setBusy(isBusy) {
    made.setAttribute("aria-busy", isBusy);
    button.textContent = isBusy && busy ? busy : submit;
    setDisabled(isBusy);
  }

  // aria-disabled and not `disabled`, which would take the keyboard focus away.
  function setDisabled(disabled) {
    button.setAttribute("aria-disabled", disabled);
  }
}

// Every field's value as text; a checkbox is true or false.
function valuesOf(made) {
  const values = Object.fromEntries(new FormData(made));
  for (const box of made.querySelectorAll("input[type=checkbox]")) values[box.name] = box.checked;
  return values;
}

// Only emptiness is judged here. All else is the server's to say: it knows its password policy.
function missingFields(made) {
  const empty = [...made.elements].filter((each) => each.validity?.valueMissing);
  return Object.fromEntries(empty.map((each) => [each.name, each.dataset.missing]));
}

// The number that an optional field holds; null where it is empty.
export function wholeNumber(name, text) {
  if (!/^\s*\d*\s*$/.test(text)) throw new ApiError({ message: "", fields: { [name]: "Enter a whole number." } });
  return text.trim() ? Number(text) : null;
}

// Returns false where some error speaks of no field of this form, so that it must be said elsewhere.
export function showFieldErrors(made, fields) {
  const errors = Object.entries(fields);
  // The server names an entry of a list by its place: `scopes[2]` is said beside `scopes`.
  const known = errors.map(([name, message]) => [inputNamed(made, name.split(/[.[]/)[0]), message]).filter(([input]) => input);
  for (const [input, message] of known) {
    input.setAttribute("aria-invalid", "true");
    input.closest("details")?.setAttribute("open", "");
    errorBeside(input).textContent = capitalised(message);
  }
  made.querySelector("[aria-invalid=true]")?.focus();
  return known.length > 0 && known.length === errors.length;
}

function clearFieldErrors(made) {
  for (const input of made.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    errorBeside(input).textContent = "";
  }
}

const inputNamed = (made, name) => [...made.elements].find((each) => each.name === name && each.type !== "hidden");
const errorBeside = (input) => input.closest(".field").querySelector(".field-error");
