// The page that a mailed link leads to: confirms an address, or has another link sent.

import { post } from "./api.js";
import { connectForm } from "./forms.js";
import { showInstead } from "./instead.js";
import { takeToken } from "./link_token.js";

const token = takeToken();

connectForm(document.getElementById("verify-email"), {
  send: () => post("/api/auth/verify-email", { token }),
  done: () => showInstead("done"),
  refused: (error) => error.code === "TOKEN_INVALID" && showInstead("link-invalid"),
});
connectForm(document.getElementById("resend"), {
  send: ({ email }) => post("/api/auth/resend-verification", { email }),
  done: () => showInstead("sent"),
});

if (!token) showInstead("another");
