// The page that a mailed link leads to: chooses a new password.

import { post } from "./api.js";
import { connectForm } from "./forms.js";
import { showInstead } from "./instead.js";
import { takeToken } from "./link_token.js";
import { connectReveals } from "./password_reveal.js";

const token = takeToken();
const form = document.getElementById("reset-password");

connectReveals(form);
connectForm(form, {
  send: ({ password, confirmPassword }) => post("/api/auth/reset-password", { token, password, confirmPassword }),
  done: () => showInstead("done"),
  refused: (error) => error.code === "TOKEN_INVALID" && showInstead("link-invalid"),
});

if (!token) showInstead("link-invalid");
