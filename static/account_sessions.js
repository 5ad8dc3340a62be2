// One's own sessions: where one is signed in.

import { remove } from "./api.js";
import { button, element } from "./elements.js";
import { timeElement } from "./format.js";
import { listView } from "./list.js";
import { act } from "./page.js";

const PATH = "/api/auth/sessions";

export async function sessionList() {
  const list = await listView({
    path: PATH,
    label: "Sessions",
    columns: [
      { title: "Device", value: ({ device, current }) => [element("bdi", device), current && element("span", { class: "badge" }, "this device")] },
      { title: "Address", value: ({ ip }) => ip },
      { title: "Signed in", value: ({ createdAt }) => timeElement(createdAt) },
      { title: "Last seen", value: ({ lastSeenAt }) => timeElement(lastSeenAt) },
      { title: "Actions", kind: "actions", value: actions },
    ],
    empty: element("p", "There are none."),
  });
  list.append(button("End all others", () => end(PATH, "All your other sessions have ended.")));
  return list;

  function actions({ id, device, current }) {
    return !current && button("End", () => end(`${PATH}/${id}`, "The session has ended."), { "aria-label": `End the session of ${device}` });
  }

  async function end(path, said) {
    await act(() => remove(path), said);
    await list.reload();
  }
}
