// The page that a mailed link leads to: chooses a new password.

import { post } from "./api.js";
import { element } from "./elements.js";
import { newPasswordField, sameAgainField } from "./entry_fields.js";
import { form } from "./form.js";
import { takeToken } from "./link_token.js";
import { linkButton, panel, showPanel } from "./panel.js";

export function page() {
  const token = takeToken();
  if (!token) return invalid();
  return panel(
    "Choose a new password",
    element("p", { class: "lead" }, "You will be signed out everywhere."),
    form({
      fields: [newPasswordField({ label: "New password", autofocus: true }), sameAgainField()],
      submit: "Save the password",
      busy: "Saving…",
      send: ({ password, confirmPassword }) => post("/api/auth/reset-password", { token, password, confirmPassword }),
      done: () => showPanel(changed()),
      refused: (error) => error.code === "TOKEN_INVALID" && showPanel(invalid()),
    }),
  );
}

const changed = () => panel("Your password is changed", element("p", "Sign in with the new one."), linkButton("/sign-in", "Sign in"));

const invalid = () =>
  panel(
    "This link is no longer valid",
    element("p", "Links for a new password work once, for half an hour, and this page forgets its link when it is reloaded."),
    linkButton("/forgot-password", "Have another sent"),
  );
