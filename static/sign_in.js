// The sign-in page.

import { post } from "./api.js";
import { element } from "./elements.js";
import { currentPasswordField, emailField } from "./entry_fields.js";
import { form } from "./form.js";
import { panel } from "./panel.js";
import { returnAddress } from "./return_to.js";
import { tellOtherTabs } from "./tabs.js";

export function page() {
  const unverified = element("p", { class: "aside", hidden: true }, "No message came? ", element("a", { href: "/verify-email" }, "Have another link sent"));
  const password = currentPasswordField();
  const made = form({
    fields: [emailField({ autofocus: true }), password],
    submit: "Sign in",
    busy: "Signing in…",
    send: ({ email, password }) => post("/api/auth/sign-in", { email, password }),
    done() {
      tellOtherTabs();
      // In place of this page: the back button must not lead to a filled-in sign-in form.
      location.replace(returnAddress(location));
    },
    refused(error) {
      // Most often the password was mistyped; typing it anew replaces it.
      if (error.code === "SIGN_IN_FAILED") made.elements.password.select();
      unverified.hidden = error.code !== "EMAIL_NOT_VERIFIED";
      return false;
    },
  });
  // A lockout is one account's: with another address one may try at once.
  made.elements.email.addEventListener("input", made.stopWaiting);

  const ways = element("p", { class: "aside" }, element("a", { href: "/forgot-password" }, "Forgot your password?"), " · ", element("a", { href: "/register" }, "Register"));
  return panel("Sign in", made, unverified, ways);
}
