// The invitation page: says who invites, and lets one in who is signed in with the invited address.

import { ApiError, get, post } from "./api.js";
import { connectForm } from "./forms.js";
import { clearNotice, messageOf, showNotice } from "./notice.js";
import { signIn } from "./return_to.js";

const byId = (id) => document.getElementById(id);
const problem = byId("problem");

// The ways to sign in and back here, and to register, need the token, so they are made before it goes.
const token = new URLSearchParams(location.search).get("token");
byId("sign-in").href = signIn(location);
byId("register").href = `/register?inviteToken=${encodeURIComponent(token ?? "")}`;
const wayBack = location.href;
history.replaceState(null, "", location.pathname);

byId("try-again").addEventListener("click", () => location.replace(wayBack));
byId("sign-out").addEventListener("click", () =>
  attempt(async () => {
    await post("/api/auth/sign-out");
    location.replace(wayBack);
  }),
);
connectForm(byId("join"), {
  send: () => post("/api/auth/accept-invite", { token }),
  done: enter,
  refused: (error) => error.code === "TOKEN_INVALID" && showInvalid(),
});

attempt(async () => {
  if (!token) {
    showInvalid();
    return;
  }
  const [invitation, user] = await Promise.all([post("/api/auth/invite-info", { token }), whoIsThere()]);
  byId("organization").textContent = invitation.organization;
  byId("inviter").textContent = invitation.invitedBy;
  byId("email").textContent = invitation.email;
  byId("role").textContent = invitation.role;
  byId("signed-in-as").textContent = user?.email ?? "";
  byId("other-address").textContent = user?.email ?? "";
  byId(wayIn(invitation, user)).hidden = false;
  byId("invitation").hidden = false;
});

function wayIn(invitation, user) {
  if (!user) return "stranger";
  return user.email === invitation.email ? "join" : "mismatch";
}

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
  location.replace("/");
}

function showInvalid() {
  byId("invitation").hidden = true;
  byId("link-invalid").hidden = false;
  byId("link-invalid-heading").focus();
  return true;
}

async function attempt(step) {
  clearNotice(problem);
  try {
    await step();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "TOKEN_INVALID") {
      showInvalid();
      return;
    }
    showNotice(problem, messageOf(error));
    byId("try-again").hidden = false;
  }
}
