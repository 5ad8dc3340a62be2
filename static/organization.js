// The organization: its name, its plan and what of it is used, its end.

import { get, patch, remove } from "./api.js";
import { copyable } from "./copy.js";
import { confirmDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { currentPasswordField } from "./entry_fields.js";
import { field, form } from "./form.js";
import { capitalised } from "./format.js";
import { say } from "./notice.js";
import { facts, heading, named, section } from "./page.js";
import { goToSignIn } from "./tabs.js";

const PATH = "/api/admin/organization";

export async function page(visit) {
  const organization = await get(PATH);
  const { id, plan, apiKeys } = organization;
  const use = facts(["Plan", capitalised(plan)], apiKeys && ["API keys", keysUsed(apiKeys)]);
  return {
    title: "Organization",
    content: [
      heading("Organization"),
      element(
        "div",
        { class: "cards" },
        section("Rename", renaming(organization, visit)),
        section("Plan and use", use, element("h3", "ID"), copyable(id, "The ID")),
      ),
      visit.may("owner") && section("Delete the organization", deletion(organization)),
    ],
  };
}

const keysUsed = ({ used, limit }) => `${used} of ${limit ?? "any number"}`;

const renaming = ({ name }, { renew }) =>
  form({
    fields: [field({ name: "name", label: "Name", value: name, required: "Enter the organization’s name." })],
    submit: "Rename",
    send: ({ name }) => patch(PATH, { name }),
    done({ name }) {
      say(`The organization is called ${name} now.`);
      renew();
    },
  });

const deletion = ({ home, name }) =>
  home
    ? element("p", "The home organization cannot be deleted: its API stands behind the gate.")
    : element("p", button("Delete the organization…", () => deletionDialog(name)));

function deletionDialog(name) {
  confirmDialog({
    title: ["Delete ", named(name), "?"],
    text: [
      "Its keys stop and all sessions in it end at once, yours too. Invitations, mail and the view of its audit log go with it; its members’ accounts stay.",
      "This cannot be undone.",
    ],
    typed: name,
    fields: [currentPasswordField()],
    action: "Delete the organization",
    send: ({ password }) => remove(PATH, { password }),
    done: goToSignIn,
  });
}
