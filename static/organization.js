// The organization: its name, its plan and what of it is used, its end.

import { get, patch, remove } from "./api.js";
import { copyable } from "./copy.js";
import { confirmDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { currentPasswordField } from "./entry_fields.js";
import { field, form } from "./form.js";
import { capitalised, date, number } from "./format.js";
import { say } from "./notice.js";
import { facts, heading, section } from "./page.js";
import { tellOtherTabs } from "./tabs.js";

const PATH = "/api/admin/organization";

export async function page(visit) {
  const organization = await get(PATH);
  const { id, plan, createdAt, apiKeys } = organization;
  return {
    title: "Organization",
    content: [
      heading("Organization"),
      element(
        "div",
        { class: "cards" },
        section("Rename", renaming(organization, visit)),
        section(
          "Plan and use",
          facts(["Plan", capitalised(plan)], apiKeys && ["API keys", keysUsed(apiKeys)], ["Made", date(createdAt)]),
          element("h3", "ID"),
          copyable(id, "The ID"),
        ),
      ),
      visit.may("owner") && section("Delete the organization", deletion(organization)),
    ],
  };
}

function keysUsed({ used, limit }) {
  if (limit === null) return `${number(used)}, of any number`;
  return limit === 0 ? "Not on this plan" : `${number(used)} of ${number(limit)}`;
}

const renaming = ({ name }, visit) =>
  form({
    fields: [field({ name: "name", label: "Name", value: name, autocomplete: "organization", required: "Enter the organization’s name." })],
    submit: "Rename",
    busy: "Renaming…",
    send: ({ name }) => patch(PATH, { name }),
    async done({ name }) {
      say(`The organization is called ${name} now.`);
      await visit.renew();
    },
  });

function deletion({ home, name }) {
  if (home) return element("p", "This is the home organization: its API stands behind the gate, and it cannot be deleted.");
  return [
    element("p", "Its keys stop, and everything of it is lost."),
    element("p", button("Delete the organization…", () => deletionDialog(name))),
  ];
}

function deletionDialog(name) {
  confirmDialog({
    title: `Delete ${name}?`,
    text: [
      "Its keys stop working and its members’ sessions here end at once, yours too. Invitations, mail and settings go with it, and its audit log and requests are shown to nobody any more.",
      "The accounts of its members stay. This cannot be undone.",
    ],
    typed: name,
    fields: [currentPasswordField()],
    action: "Delete the organization",
    busy: "Deleting…",
    send: ({ password }) => remove(PATH, { password }),
    done() {
      tellOtherTabs();
      location.replace("/sign-in");
    },
  });
}
