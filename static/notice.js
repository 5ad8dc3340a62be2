// The boxes that say what went wrong, and the line that says what was done.

import { element } from "./elements.js";

// A box for a form. Its alert paragraph stands in the page from the start, empty, because screen readers only announce
// changes to a region they know.
export function noticeBox() {
  return element("div", { class: "notice" }, element("p", { role: "alert" }), element("p", { role: "timer" }));
}

export function showNotice(notice, text, tone = "error") {
  notice.dataset.tone = tone;
  notice.querySelector("[role=alert]").textContent = text;
  // After the box has got its size: on a phone it may lie below the fold.
  requestAnimationFrame(() => notice.scrollIntoView({ block: "nearest" }));
}

export function clearNotice(notice) {
  delete notice.dataset.tone;
  notice.querySelector("[role=alert]").textContent = "";
}

// What can be done about it, where the message does not say so.
const SIGN_IN = "Sign in again in another tab first.";
const ADVICE = { LAST_OWNER: "Make somebody else an owner first.", SESSION_INVALID: SIGN_IN, CREDENTIALS_MISSING: SIGN_IN };

// The public message; for a fault of the server also the id under which its log has the cause.
export function messageOf({ message, code, status, requestId }) {
  const sentence = [/[.!?]$/.test(message) ? message : `${message}.`, ADVICE[code]].filter(Boolean).join(" ");
  return status >= 500 && requestId ? `${sentence} (Request ${requestId})` : sentence;
}

// Says what was done ("The key is deactivated."), visibly for a few seconds, and to screen readers.
let toastTimer = null;
export function say(text) {
  const toast = document.getElementById("toast");
  // An open dialog makes all else inert, and a toast behind it would not be read.
  (document.querySelector("dialog[open]") ?? document.body).append(toast);
  toast.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.textContent = ""), 6_000);
}
