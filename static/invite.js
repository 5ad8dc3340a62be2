// The invitation page: says who invites, and lets one in who is signed in with the invited address.

import { ApiError, get, post } from "./api.js";
import { button, element } from "./elements.js";
import { form } from "./form.js";
import { opened, takeToken } from "./link_token.js";
import { messageOf } from "./notice.js";
import { linkButton, panel, showPanel } from "./panel.js";
import { signIn } from "./return_to.js";
import { tellOtherTabs } from "./tabs.js";

export async function page() {
  const token = takeToken();
  // The ways to sign in and back here, and to register, need the token.
  const ways = { here: opened, signIn: signIn(opened), register: `/register?inviteToken=${encodeURIComponent(token ?? "")}` };
  if (!token) return invalid();
  try {
    const [invitation, user] = await Promise.all([post("/api/auth/invite-info", { token }), whoIsThere()]);
    return invitationPanel(invitation, user, token, ways);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.code === "TOKEN_INVALID" ? invalid() : failed(error, ways);
  }
}

function invitationPanel({ organization, invitedBy, email, role }, user, token, ways) {
  return panel(
    `Join ${organization}`,
    element("p", `${invitedBy} invites `, element("strong", email), ". Your role will be: ", element("strong", role), "."),
    !user && stranger(ways),
    user && user.email !== email && someoneElse(user, ways),
    user?.email === email && joining(user, token),
  );
}

const stranger = (ways) => [
  linkButton(ways.register, "Create an account"),
  element("p", "Have one already? ", element("a", { href: ways.signIn }, "Sign in")),
];

const someoneElse = (user, ways) => [
  element("p", `You are signed in as ${user.email}, and the invitation is for another address. Sign out, and open the link again.`),
  form({
    submit: "Sign out",
    send: () => post("/api/auth/sign-out"),
    done() {
      tellOtherTabs();
      location.replace(ways.here);
    },
  }),
];

const joining = (user, token) => [
  element("p", { class: "aside" }, `You are signed in as ${user.email}.`),
  form({
    submit: "Join",
    busy: "Joining…",
    send: () => post("/api/auth/accept-invite", { token }),
    done: enter,
    refused: (error) => error.code === "TOKEN_INVALID" && showPanel(invalid()),
  }),
];

// Null where nobody is signed in.
async function whoIsThere() {
  try {
    return (await get("/api/auth/session")).user;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

// Goes to the organization that was joined; should that fail, one is signed in to the other all the same.
async function enter({ organizationId }) {
  await post("/api/auth/switch-organization", { organizationId }).catch(() => null);
  tellOtherTabs();
  location.replace("/");
}

const invalid = () =>
  panel(
    "This invitation is no longer valid",
    element("p", "It was used, withdrawn or has run out, and this page forgets its link when it is reloaded. Open the link again, or ask whoever invited you for another."),
    element("p", element("a", { href: "/sign-in" }, "Sign in")),
  );

const failed = (error, ways) =>
  panel("The invitation cannot be shown", element("p", { role: "alert" }, messageOf(error)), element("p", button("Try again", () => location.replace(ways.here), { kind: "primary" })));
