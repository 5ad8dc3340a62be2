// The box that says what went wrong on a page or a form. Its alert paragraph stands in the page
// from the start, empty, because screen readers only announce changes to a region they know.

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

// The public message; for a fault of the server also the id under which its log has the cause.
export function messageOf({ message, status, requestId }) {
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
  return status >= 500 && requestId ? `${sentence} (Request ${requestId})` : sentence;
}
