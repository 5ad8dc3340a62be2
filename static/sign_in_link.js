// The page of a sign-in link. Opening it uses nothing up; the button does.

import { post } from "./api.js";
import { element } from "./elements.js";
import { form } from "./form.js";
import { takeToken } from "./link_token.js";
import { panel, showPanel } from "./panel.js";
import { tellOtherTabs } from "./tabs.js";

export function page() {
  const token = takeToken();
  if (!token) return invalid();
  const made = form({
    submit: "Sign in",
    busy: "Signing in…",
    send: () => post("/api/auth/sign-in-link", { token }),
    done() {
      tellOtherTabs();
      // In place of this page: the back button must not lead to a link that is used up.
      location.replace("/");
    },
    refused: (error) => error.code === "TOKEN_INVALID" && showPanel(invalid()),
  });
  made.querySelector("button").autofocus = true;
  return panel("Sign in with this link", element("p", { class: "lead" }, "It works once, and ends a lock that wrong passwords may have caused."), made);
}

const invalid = () =>
  panel(
    "This link is no longer valid",
    element("p", "A sign-in link works once, for ten minutes, and this page forgets its link when it is reloaded. Whoever runs this Claviger can make another:"),
    element("pre", element("code", "claviger login-link you@example.com")),
    element("p", "Or ", element("a", { href: "/sign-in" }, "sign in with your password")),
  );
