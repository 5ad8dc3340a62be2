// The page that a mailed link leads to: confirms an address, or has another link sent.

import { post } from "./api.js";
import { element } from "./elements.js";
import { emailField } from "./entry_fields.js";
import { form } from "./form.js";
import { takeToken } from "./link_token.js";
import { linkButton, panel, showPanel } from "./panel.js";

export function page() {
  const token = takeToken();
  if (!token) return another();
  return panel(
    "Confirm your email address",
    // A button, and not the page by itself: programs that look through mail open links too.
    form({
      submit: "Confirm the address",
      busy: "Confirming…",
      send: () => post("/api/auth/verify-email", { token }),
      done: () => showPanel(confirmed()),
      refused: (error) => error.code === "TOKEN_INVALID" && showPanel(invalid()),
    }),
  );
}

const another = () =>
  panel(
    "Have a link sent",
    element("p", { class: "lead" }, "For an address that waits to be confirmed."),
    form({
      fields: [emailField()],
      submit: "Send another link",
      busy: "Sending…",
      send: ({ email }) => post("/api/auth/resend-verification", { email }),
      done: () => showPanel(sent()),
    }),
  );

const confirmed = () => panel("Your address is confirmed", linkButton("/", "Go on"));

const invalid = () =>
  panel(
    "This link is no longer valid",
    element("p", "Links that confirm an address work once, for a day, and this page forgets its link when it is reloaded. If you have confirmed the address already, ", element("a", { href: "/sign-in" }, "sign in"), "."),
    linkButton("/verify-email", "Have another sent"),
  );

const sent = () =>
  panel("Check your mailbox", element("p", "If this address waits to be confirmed, a message with a link is on its way to it."));
