// The register page: makes an account, with or without an invitation.

import { post } from "./api.js";
import { element } from "./elements.js";
import { emailField, nameField, newPasswordField } from "./entry_fields.js";
import { form } from "./form.js";
import { takeToken } from "./link_token.js";
import { linkButton, panel, showPanel } from "./panel.js";

export function page() {
  const inviteToken = takeToken("inviteToken") ?? undefined;
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return panel(
    "Register",
    form({
      fields: [nameField({ autofocus: true }), emailField(), newPasswordField()],
      submit: "Register",
      busy: "Registering…",
      send: ({ name, email, password }) => register({ name, email, password, timezone, inviteToken }),
      done: ({ emailVerificationRequired }) => showPanel(emailVerificationRequired ? checkMail() : ready()),
      refused(error) {
        if (error.code === "REGISTRATION_CLOSED") return showPanel(closed());
        if (error.code === "TOKEN_INVALID") return showPanel(invitationInvalid());
        if (error.code === "INVITE_EMAIL_MISMATCH") error.fields = { email: error.message };
        return false;
      },
    }),
    already(),
  );
}

// The browser may know a time zone that the server does not; times in mails are then told in UTC.
async function register(account) {
  try {
    return await post("/api/auth/register", account);
  } catch (error) {
    if (!error.fields?.timezone || !account.timezone) throw error;
    return register({ ...account, timezone: undefined });
  }
}

const already = () => element("p", { class: "aside" }, "You have an account already? ", element("a", { href: "/sign-in" }, "Sign in"));

const checkMail = () =>
  panel(
    "Check your mailbox",
    element("p", "A message is on its way to the address that you gave. Open the link in it to confirm the address; then you can sign in."),
    element("p", "Nothing came? Look into the folder for unwanted mail, or ", element("a", { href: "/verify-email" }, "have another link sent"), "."),
  );

const ready = () =>
  panel("You can sign in now", element("p", "Use the address and the password that you gave."), linkButton("/sign-in", "Sign in"));

const closed = () =>
  panel("Registration is not open", element("p", "New accounts are by invitation here. Ask an administrator for one, and open the link in it."), already());

const invitationInvalid = () =>
  panel("This invitation is no longer valid", element("p", "It was used, withdrawn or has run out. Ask whoever invited you for another."), already());
