// The page that a share link opens, for one without an account. This page alone holds the token, and the password.

import { ApiError, get } from "./api.js";
import { element } from "./elements.js";
import { currentPasswordField } from "./entry_fields.js";
import { form } from "./form.js";
import { opened } from "./link_token.js";
import { heading, named } from "./page.js";
import { panel, showPanel } from "./panel.js";
import { activity, prdSection, projectFacts, statusHistory } from "./project_parts.js";

const token = opened.hash.slice(1);
const path = `/api/projects/${encodeURIComponent(opened.searchParams.get("project"))}`;
const WRONG = { password: "That is not the password of this link." };

export async function page() {
  if (!token) return panel("Open the link again", element("p", "This page forgets its link when it is left or reloaded."));
  try {
    return await project();
  } catch (error) {
    if (error.code === "SHARE_PASSWORD_REQUIRED") return askPassword();
    if (![401, 404].includes(error.status)) throw error;
    return panel("This link is no longer valid", element("p", "It was revoked, or has expired. Ask whoever gave it to you."));
  }
}

function askPassword() {
  return panel(
    "This project has a password",
    form({
      fields: [currentPasswordField({ autocomplete: "off", autofocus: true })],
      submit: "Open",
      busy: "Opening…",
      send({ password }) {
        // A header carries no other characters, and no share's password has them.
        if (!/^[ -~]+$/.test(password)) throw new ApiError({ fields: WRONG });
        return project(password);
      },
      done: showPanel,
      refused(error) {
        if (error.code === "SHARE_PASSWORD_INVALID") error.fields = WRONG;
        return error.code === "SHARE_TOKEN_INVALID" && page().then(showPanel);
      },
    }),
  );
}

// Without the cookie: whoever is signed in here sees what the link shows, and no more.
async function project(password) {
  const options = { credentials: "omit", headers: { "X-Share-Token": token, ...(password && { "X-Share-Password": password }) } };
  const read = await get(path, options);
  const parts = await Promise.all([prdSection(`${path}/prd`, options), statusHistory(path, options), activity(path, options), wideStyle()]);
  return element("div", { id: "page" }, heading(named(read.name), { lead: read.description }), projectFacts(read), parts);
}

// A document wants more than the narrow column of a form.
function wideStyle() {
  document.body.classList.add("reading");
  return new Promise((done) => document.head.append(element("link", { rel: "stylesheet", href: "/assets/workspace.css", onload: () => done(), onerror: () => done() })));
}
