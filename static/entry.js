// The pages before the sign-in: which module shows which.

import { ApiError, noAnswer } from "./api.js";
import { button, element } from "./elements.js";
import { opened } from "./link_token.js";
import { messageOf } from "./notice.js";
import { panel, showPanel } from "./panel.js";

const PAGES = {
  "/sign-in": () => import("./sign_in.js"),
  "/sign-in-link": () => import("./sign_in_link.js"),
  "/setup": () => import("./setup.js"),
  "/register": () => import("./register.js"),
  "/forgot-password": () => import("./forgot_password.js"),
  "/reset-password": () => import("./reset_password.js"),
  "/verify-email": () => import("./verify_email.js"),
  "/invite": () => import("./invite.js"),
  "/share": () => import("./share.js"),
};

// Each module's `page` makes the first panel.
try {
  const { page } = await PAGES[location.pathname]();
  showPanel(await page());
} catch (cause) {
  showPanel(lost(cause));
  if (!(cause instanceof TypeError || cause instanceof ApiError)) throw cause;
}
// The back button may bring a page back as it was, with a token that is used up or a form that is filled in.
addEventListener("pageshow", (event) => event.persisted && location.reload());

// The server went away between this module and the page's, or refuses what the page begins with.
function lost(cause) {
  const error = cause instanceof ApiError ? cause : noAnswer(cause);
  return panel("The page cannot be shown", element("p", { role: "alert" }, messageOf(error)), element("p", button("Try again", () => location.replace(opened), { kind: "primary" })));
}
