import { get } from "./api.js";
import { element } from "./elements.js";
import { listView } from "./list.js";
import { heading, status } from "./page.js";
import { timeElement, number } from "./format.js";
export async function page() {
  const list = await listView({ path: "/api/admin/rest-api-keys", label: "API keys", columns: [
    { title: "Name", value: (key) => key.name },
    { title: "Status", value: (key) => status(key.status) },
    { title: "Last used", value: (key) => timeElement(key.lastUsedAt) },
    { title: "Requests", kind: "number", value: (key) => number(key.requestCount) },
  ], filters: [{ name: "q", label: "Search" }, { name: "status", label: "Status", options: [["", "Any"], ["active", "Active"]] }], empty: element("p", "None yet") });
  return { title: "API keys", content: [heading("API keys"), list] };
}
