// The setup page: makes the owner of a Claviger that has none yet.

import { post } from "./api.js";
import { element } from "./elements.js";
import { emailField, nameField, newPasswordField } from "./entry_fields.js";
import { field, form } from "./form.js";
import { takeToken } from "./link_token.js";
import { linkButton, panel, showPanel } from "./panel.js";
import { tellOtherTabs } from "./tabs.js";

export function page() {
  const token = takeToken();
  if (!token) return missing();
  return panel(
    "Set up Claviger",
    element("p", { class: "lead" }, "You become its owner. Colleagues can be invited later."),
    form({
      fields: [
        nameField({ autofocus: true }),
        emailField({ autocomplete: "email" }),
        newPasswordField(),
        field({
          name: "organization",
          label: "Organization",
          hint: "The team or company whose API keys are kept here.",
          autocomplete: "organization",
          required: "Enter the organization’s name.",
        }),
      ],
      submit: "Set up",
      busy: "Setting up…",
      send: ({ name, email, password, organization }) => post("/api/setup", { token, name, email, password, organization }),
      done() {
        tellOtherTabs();
        location.replace("/");
      },
      refused(error) {
        if (error.status === 410) return showPanel(done());
        return error.code === "TOKEN_INVALID" && showPanel(invalid());
      },
    }),
  );
}

const line = () => element("pre", element("code", "setup: open …/setup?token=…"));
const already = () => element("p", "Already set up? ", element("a", { href: "/sign-in" }, "Sign in"));

const missing = () =>
  panel(
    "Open the setup link",
    element("p", "This page only works from the link that Claviger prints to its standard error when it starts without an owner:"),
    line(),
    element("p", "The page forgets the link when it is reloaded; open the whole link again."),
    already(),
  );

const invalid = () =>
  panel(
    "This link is no longer valid",
    element("p", "Every start of Claviger makes a new setup link, and the one before it stops working. Take the newest from the server’s standard error:"),
    line(),
    already(),
  );

const done = () =>
  panel("Already set up", element("p", "This Claviger has an owner. The setup link works only once."), linkButton("/sign-in", "Sign in"));
