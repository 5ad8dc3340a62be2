// The page for who forgot the password: has a link sent.

import { post } from "./api.js";
import { element } from "./elements.js";
import { emailField } from "./entry_fields.js";
import { form } from "./form.js";
import { linkButton, panel, showPanel } from "./panel.js";

export function page() {
  return panel(
    "Forgot your password?",
    element("p", { class: "lead" }, "A link by which you choose a new one is sent to your address."),
    form({
      fields: [emailField({ autofocus: true })],
      submit: "Send the link",
      busy: "Sending…",
      send: ({ email }) => post("/api/auth/forgot-password", { email }),
      done: () => showPanel(sent()),
    }),
    element("p", { class: "aside" }, element("a", { href: "/sign-in" }, "Back to the sign-in")),
  );
}

const sent = () =>
  panel(
    "Check your mailbox",
    element("p", "If somebody has this address here, a message with a link is on its way to it. The link works once, for half an hour."),
    element("p", "Nothing came? Look into the folder for unwanted mail, or ask an administrator."),
    linkButton("/sign-in", "Back to the sign-in"),
  );
