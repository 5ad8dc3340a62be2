// The page of a sign-in link. Opening it uses nothing up; the button does.

import { post } from "./api.js";
import { element } from "./elements.js";
import { form } from "./form.js";
import { takeToken } from "./link_token.js";
import { linkButton, panel, showPanel } from "./panel.js";
import { tellOtherTabs } from "./tabs.js";

export function page() {
  const token = takeToken();
  if (!token) return invalid();
  return panel(
    "Sign in",
    element("p", { class: "lead" }, "With the link that the administrator of this server made for you."),
    form({
      submit: "Sign in",
      busy: "Signing in…",
      send: () => post("/api/auth/sign-in-link", { token }),
      done() {
        tellOtherTabs();
        // In place of this page: the back button must not lead to a link that is used up.
        location.replace("/");
      },
      refused: (error) => error.code === "TOKEN_INVALID" && showPanel(invalid()),
    }),
  );
}

const invalid = () =>
  panel(
    "This link is no longer valid",
    element("p", "It was used or has run out, or this page was reloaded, which makes it forget the link. Ask for a new one."),
    linkButton("/sign-in", "Sign in with a password"),
  );
