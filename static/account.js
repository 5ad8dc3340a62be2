// One's own account: profile, address, password, organizations, sessions, its end.

import { patch, post, remove } from "./api.js";
import { sessionList } from "./account_sessions.js";
import { confirmDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { currentPasswordField, emailField, nameField, newPasswordField } from "./entry_fields.js";
import { field, form } from "./form.js";
import { capitalised } from "./format.js";
import { say } from "./notice.js";
import { act, heading, section, status } from "./page.js";
import { tellOtherTabs } from "./tabs.js";

export async function page(visit) {
  const { user } = visit.session;
  const sessions = await sessionList();
  return {
    title: "Account",
    content: [
      heading("Account"),
      element(
        "div",
        { class: "cards" },
        section("Profile", profileForm(visit)),
        section("Email address", addressState(user), addressForm(user)),
        section("Password", passwordForm(sessions)),
        section("Organizations", organizations(visit)),
      ),
      section("Sessions", sessions),
      section("Delete the account", element("p", "Your own keys stop, and you can no longer sign in."), element("p", button("Delete the account…", deletionDialog))),
    ],
  };
}

const profileForm = ({ session: { user }, renew }) =>
  form({
    fields: [
      nameField({ value: user.name }),
      field({
        name: "timezone",
        label: "Time zone",
        type: "select",
        hint: "All times are shown in it, here and in mails.",
        value: user.timezone,
        options: timeZones(user.timezone).map((zone) => [zone, zone.replaceAll("_", " ")]),
      }),
    ],
    submit: "Save",
    busy: "Saving…",
    send: ({ name, timezone }) => patch("/api/auth/profile", { name, timezone }),
    async done() {
      say("The profile is saved.");
      // With it come the menu and all times anew.
      await renew();
    },
  });

// The server may know some that this browser does not name.
const timeZones = (own) => [...new Set([...Intl.supportedValuesOf("timeZone"), "UTC", own])].sort();

function addressState({ email, emailVerified }) {
  const address = element("strong", email);
  if (emailVerified) return element("p", address, " ", status("done", "Confirmed"));
  const resend = () => act(() => post("/api/auth/resend-verification"), "Another link is on its way.");
  return [element("p", address, " ", status("open", "Not confirmed")), element("p", button("Send the link again", resend))];
}

function addressForm({ email: present }) {
  const told = element("p", { role: "status" });
  const made = form({
    fields: [
      emailField({ label: "New address", hint: "A link is mailed to it. Where this server sends no mail, ask whoever runs it." }),
      currentPasswordField(),
    ],
    submit: "Change the address",
    busy: "Checking…",
    send: async ({ email, password }) => {
      await post("/api/auth/change-email", { email, password });
      return email;
    },
    done(email) {
      made.reset();
      told.textContent = `Open the link in the message to ${email}. Until then, ${present} stays your address.`;
      return false;
    },
  });
  return [made, told];
}

function passwordForm(sessions) {
  const made = form({
    fields: [currentPasswordField({ name: "currentPassword", label: "Current password" }), newPasswordField({ name: "newPassword", label: "New password" })],
    submit: "Change the password",
    busy: "Changing…",
    send: ({ currentPassword, newPassword }) => post("/api/auth/change-password", { currentPassword, newPassword }),
    done() {
      made.reset();
      say("The password is changed, and your other sessions have ended.");
      sessions.reload();
      return false;
    },
  });
  return made;
}

function organizations({ session, renew }) {
  const items = session.organizations.map(({ id, name, role }) => {
    const current = id === session.organization.id;
    return element(
      "li",
      element("span", element("bdi", name), element("span", { class: "aside" }, capitalised(role))),
      current ? element("span", { class: "badge" }, "current") : button("Switch", () => switchTo(id), { "aria-label": `Switch to ${name}` }),
    );
  });
  return element("ul", { class: "choices" }, items);

  async function switchTo(organizationId) {
    if (!(await act(() => post("/api/auth/switch-organization", { organizationId })))) return;
    tellOtherTabs();
    await renew();
  }
}

function deletionDialog() {
  confirmDialog({
    title: "Delete your account?",
    text: [
      "Your sessions end and your own keys stop working at once, in every organization. Organizations of which you are the only member are deleted too, with all their keys.",
      "What you did stays in the audit logs. This cannot be undone.",
    ],
    fields: [currentPasswordField()],
    action: "Delete the account",
    busy: "Deleting…",
    send: ({ password }) => remove("/api/auth/account", { password }),
    done() {
      tellOtherTabs();
      location.replace("/sign-in");
    },
    refused(error) {
      if (error.code === "LAST_OWNER") error.message = "You are the last owner of the home organization, or of one that has other members. Make somebody else an owner there first.";
      return false;
    },
  });
}
