// The register page: makes an account, with or without an invitation.

import { post } from "./api.js";
import { connectForm } from "./forms.js";
import { showInstead } from "./instead.js";
import { takeToken } from "./link_token.js";
import { connectReveals } from "./password_reveal.js";

const inviteToken = takeToken("inviteToken") ?? undefined;
const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const form = document.getElementById("register");

connectReveals(form);
connectForm(form, {
  send: ({ name, email, password }) => register({ name, email, password, timezone, inviteToken }),
  done: ({ emailVerificationRequired }) => showInstead(emailVerificationRequired ? "check-mail" : "ready"),
  refused(error) {
    if (error.code === "REGISTRATION_CLOSED") return showInstead("closed");
    if (error.code === "TOKEN_INVALID") return showInstead("invitation-invalid");
    if (error.code === "INVITE_EMAIL_MISMATCH") error.fields = { email: error.message };
    return false;
  },
});

// The browser may know a time zone that the server does not; times in mails are then told in UTC.
async function register(account) {
  try {
    return await post("/api/auth/register", account);
  } catch (error) {
    if (!error.fields?.timezone || !account.timezone) throw error;
    return register({ ...account, timezone: undefined });
  }
}
