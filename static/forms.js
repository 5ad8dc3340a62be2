// What every form does alike: it asks for what is missing, shows that it is busy, puts each error
// beside the field it speaks of, and where the server says to wait, counts down and waits.
//
// A field is an input whose `name` is the API's name for it, with its error in `#<id>-error`.

import { ApiError } from "./api.js";
import { countDownTo } from "./countdown.js";
import { timeOfDay } from "./format.js";
import { clearNotice, messageOf, showNotice } from "./notice.js";

// send(values)    makes the call
// done(result)    follows success; the form stays busy, as the page is about to be left
// refused(error)  optional; returns true where the page has dealt with the error itself
export function connectForm(form, { send, done, refused = () => false }) {
  const button = form.querySelector("button[type=submit]");
  const notice = form.querySelector(".notice");
  const idleLabel = button.textContent;
  let stopCountdown = null;

  // The browser's own bubbles go away by themselves and cannot be styled; ours stay.
  form.noValidate = true;
  form.addEventListener("submit", submit);
  return { stopWaiting };

  async function submit(event) {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    clearNotice(notice);
    clearFieldErrors(form);

    const missing = missingFields(form);
    if (Object.keys(missing).length > 0) {
      showFieldErrors(form, missing);
      return;
    }

    setBusy(true);
    let result;
    try {
      result = await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      setBusy(false);
      if (!(error instanceof ApiError)) throw error;
      if (!refused(error)) show(error);
      return;
    }
    done(result);
  }

  function show(error) {
    if (error.retryAfter) {
      wait(error);
    } else if (!showFieldErrors(form, error.fields)) {
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

  function setBusy(busy) {
    form.setAttribute("aria-busy", busy);
    button.textContent = busy ? button.dataset.busy : idleLabel;
    setDisabled(busy);
  }

  // aria-disabled and not `disabled`, which would take the keyboard focus away.
  function setDisabled(disabled) {
    button.setAttribute("aria-disabled", disabled);
  }
}

// Only emptiness is judged here. All else is the server's to say: it knows its password policy.
function missingFields(form) {
  const empty = [...form.elements].filter((field) => field.validity.valueMissing);
  return Object.fromEntries(empty.map((field) => [field.name, field.dataset.missing]));
}

// Returns false where some error speaks of no field of this form, so that it must be said elsewhere.
function showFieldErrors(form, fields) {
  const errors = Object.entries(fields);
  const known = errors.filter(([name]) => inputNamed(form, name));
  for (const [name, message] of known) {
    const input = inputNamed(form, name);
    input.setAttribute("aria-invalid", "true");
    errorBeside(input).textContent = message;
  }
  form.querySelector("[aria-invalid=true]")?.focus();
  return known.length > 0 && known.length === errors.length;
}

function clearFieldErrors(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    errorBeside(input).textContent = "";
  }
}

function inputNamed(form, name) {
  return [...form.elements].find((element) => element.name === name);
}

function errorBeside(input) {
  return document.getElementById(`${input.id}-error`);
}
