// The page of a sign-in link. Opening it uses nothing up; the button does.

import { post } from "./api.js";
import { connectForm } from "./forms.js";

// Held here and nowhere else.
const token = takeToken();

connectForm(document.getElementById("sign-in-link"), {
  send: () => post("/api/auth/sign-in-link", { token }),
  // In place of this page: the back button must not lead to a link that is used up.
  done: () => location.replace("/"),
  refused(error) {
    if (error.code === "TOKEN_INVALID") return showInvalid();
    return false;
  },
});

if (!token) showInvalid();

// Reads the token and removes it from the address bar and this entry of the history.
function takeToken() {
  const token = new URLSearchParams(location.search).get("token");
  history.replaceState(null, "", location.pathname);
  return token;
}

function showInvalid() {
  document.getElementById("link").hidden = true;
  const section = document.getElementById("link-invalid");
  section.hidden = false;
  section.querySelector("h1").focus();
  return true;
}
