// The Show buttons of password fields: `data-reveals` names the field by its id.

export function connectReveals(form) {
  for (const button of form.querySelectorAll("[data-reveals]")) {
    const input = document.getElementById(button.dataset.reveals);
    button.addEventListener("click", () => reveal(button, input, input.type === "password"));
    // Hidden before it is sent, or the browser would remember it as ordinary text.
    form.addEventListener("submit", () => reveal(button, input, false));
  }
}

function reveal(button, input, shown) {
  input.type = shown ? "text" : "password";
  button.firstChild.textContent = shown ? "Hide" : "Show";
}
