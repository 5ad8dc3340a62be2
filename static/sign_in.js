// The sign-in page.

import { post } from "./api.js";
import { connectForm } from "./forms.js";
import { connectReveals } from "./password_reveal.js";
import { returnAddress } from "./return_to.js";

const form = document.getElementById("sign-in");
const { email, password } = form.elements;

connectReveals(form);
const { stopWaiting } = connectForm(form, {
  send: ({ email, password }) => post("/api/auth/sign-in", { email, password }),
  // In place of this page: the back button must not lead to a filled-in sign-in form.
  done: () => location.replace(returnAddress(location)),
  refused(error) {
    // Most often the password was mistyped; typing it anew replaces it.
    if (error.code === "SIGN_IN_FAILED") password.select();
    document.getElementById("unverified").hidden = error.code !== "EMAIL_NOT_VERIFIED";
    return false;
  },
});

// A lockout is one account's: with another address one may try at once.
email.addEventListener("input", stopWaiting);
