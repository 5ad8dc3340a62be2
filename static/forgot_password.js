// The page for who forgot the password: has a link sent.

import { post } from "./api.js";
import { connectForm } from "./forms.js";
import { showInstead } from "./instead.js";

connectForm(document.getElementById("forgot-password"), {
  send: ({ email }) => post("/api/auth/forgot-password", { email }),
  done: () => showInstead("sent"),
});
