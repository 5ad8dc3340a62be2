// One's own account, with one's organizations and sessions.

import { patch, post, remove } from "./api.js";
import { confirmDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { currentPasswordField, emailField, nameField, newPasswordField } from "./entry_fields.js";
import { field, form } from "./form.js";
import { capitalised, timeElement } from "./format.js";
import { listView, rowOf, table } from "./list.js";
import { say } from "./notice.js";
import { act, heading, named, section, status } from "./page.js";
import { goToSignIn, tellOtherTabs } from "./tabs.js";

const LOST = "Your sessions end and your own keys stop at once. Organizations of which you are the only member go too, with all their keys.";
const SESSIONS = "/api/auth/sessions";

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
        section("Profile", profileForm(user, visit)),
        section("Email address", addressState(user), addressForm()),
        section("Password", passwordForm(sessions)),
        section("Delete the account", element("p", LOST), element("p", button("Delete the account…", deletionDialog))),
      ),
      section("Organizations", organizationList(visit)),
      section("Sessions", sessions),
    ],
  };
}

// The server may know zones that this browser does not name.
const timeZones = (own) => [...new Set([...Intl.supportedValuesOf("timeZone"), "UTC", own])].sort();

const profileForm = ({ name, timezone }, { renew }) =>
  form({
    fields: [
      nameField({ value: name }),
      field({
        name: "timezone",
        label: "Time zone",
        type: "select",
        hint: "Times are shown in it, here and in mails.",
        value: timezone,
        options: timeZones(timezone).map((zone) => [zone, zone.replaceAll("_", " ")]),
      }),
    ],
    submit: "Save",
    send: ({ name, timezone }) => patch("/api/auth/profile", { name, timezone }),
    done() {
      say("The profile is saved.");
      renew();
    },
  });

function addressState({ email, emailVerified }) {
  const resend = () => act(() => post("/api/auth/resend-verification"), "Another link is on its way.");
  return [
    element("p", element("strong", email), " ", emailVerified ? status("done", "Confirmed") : status("open", "Not confirmed")),
    !emailVerified && element("p", button("Send the link again", resend)),
  ];
}

const addressForm = () =>
  form({
    fields: [
      emailField({ label: "New address", hint: "Yours once you open the link that is mailed to it. Where no mail comes, ask whoever runs this server." }),
      currentPasswordField(),
    ],
    submit: "Change the address",
    send: ({ email, password }) => post("/api/auth/change-email", { email, password }),
    done() {
      say("A link is on its way to the new address.");
      return false;
    },
  });

const passwordForm = (sessions) =>
  form({
    fields: [currentPasswordField({ name: "currentPassword", label: "Current password" }), newPasswordField({ name: "newPassword", label: "New password" })],
    submit: "Change the password",
    send: ({ currentPassword, newPassword }) => post("/api/auth/change-password", { currentPassword, newPassword }),
    done() {
      say("The password is changed, and your other sessions have ended.");
      sessions.reload();
      return false;
    },
  });

function deletionDialog() {
  confirmDialog({
    title: "Delete your account?",
    text: [LOST, "This cannot be undone."],
    fields: [currentPasswordField()],
    action: "Delete the account",
    send: ({ password }) => remove("/api/auth/account", { password }),
    done: goToSignIn,
  });
}

async function sessionList() {
  const list = await listView({
    path: SESSIONS,
    label: "Sessions",
    columns: [
      { title: "Device", value: ({ device, current }) => named(device, current && "this device") },
      { title: "Address", value: ({ ip }) => ip },
      { title: "Signed in", value: ({ createdAt }) => timeElement(createdAt) },
      { title: "Last seen", value: ({ lastSeenAt }) => timeElement(lastSeenAt) },
      {
        title: "Actions",
        kind: "actions",
        value: ({ id, device, current }) => !current && button("End", () => end(`${SESSIONS}/${id}`, "The session has ended."), { "aria-label": `End the session of ${device}` }),
      },
    ],
  });
  list.append(button("End all others", () => end(SESSIONS, "All your other sessions have ended.")));
  return list;

  async function end(path, said) {
    await act(() => remove(path), said);
    await list.reload();
  }
}

function organizationList({ session, renew }) {
  const isCurrent = ({ id }) => id === session.organization.id;
  const columns = [
    { title: "Name", value: (each) => named(each.name, isCurrent(each) && "this one") },
    { title: "Your role", value: ({ role }) => capitalised(role) },
    { title: "Actions", kind: "actions", value: (each) => !isCurrent(each) && button("Switch", () => switchTo(each.id), { "aria-label": `Switch to ${each.name}` }) },
  ];
  const list = table("Organizations", columns);
  list.querySelector("tbody").append(...session.organizations.map((each) => rowOf(columns, each)));
  return list;

  async function switchTo(organizationId) {
    if (!(await act(() => post("/api/auth/switch-organization", { organizationId })))) return;
    tellOtherTabs();
    renew();
  }
}
