// The setup page: makes the owner of a Claviger that has none yet.

import { post } from "./api.js";
import { connectForm } from "./forms.js";
import { connectReveals } from "./password_reveal.js";

// Held here and nowhere else.
const token = takeToken();
const form = document.getElementById("setup");

connectReveals(form);
connectForm(form, {
  send: ({ name, email, password, organization }) =>
    post("/api/setup", { token, name, email, password, organization }),
  done: () => location.replace("/"),
  refused(error) {
    if (error.status === 410) return showInstead("already-set-up");
    if (error.code === "TOKEN_INVALID") return showInstead("link-invalid");
    return false;
  },
});

if (!token) showInstead("link-missing");

// Reads the token and removes it from the address bar and this entry of the history.
function takeToken() {
  const token = new URLSearchParams(location.search).get("token");
  history.replaceState(null, "", location.pathname);
  return token;
}

function showInstead(id) {
  document.getElementById("owner").hidden = true;
  const section = document.getElementById(id);
  section.hidden = false;
  section.querySelector("h1").focus();
  return true;
}
