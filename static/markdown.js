// Markdown, which the server has read, as elements: nothing of it is ever taken for markup.

import { element } from "./elements.js";

const TAGS = { strong: "strong", emphasis: "em", strikethrough: "s", code: "code", break: "br", paragraph: "p", quote: "blockquote", rule: "hr", row: "tr" };

// The ids of headings, apart from those of the page around them.
const idOf = (text) => `prd-${text.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-")}`;

export function markdown({ nodes, truncated }) {
  // Its headings begin below the page's own, and skip no level.
  let level = 2;
  const rest = truncated && nodes.pop();
  const makers = {
    text: ({ text }) => text,
    heading({ level: wanted, children }) {
      if (children.length === 0) return null;
      level = Math.min(wanted + 2, level + 1, 6);
      const made = element(`h${level}`, all(children));
      made.id = idOf(made.textContent);
      return made;
    },
    link: ({ href, children }) =>
      element("a", { href: href.replace(/^#(.*)/, "#prd-$1"), rel: "noopener noreferrer" }, children.length > 0 ? all(children) : href),
    codeBlock: ({ text }) => element("pre", element("code", text)),
    list: ({ ordered, start, children }) => element(ordered ? "ol" : "ul", { start }, all(children)),
    item: ({ checked, children }) => element("li", checked === undefined ? [] : element("span", { role: "img", "aria-label": checked ? "Done" : "Open" }, checked ? "☑ " : "☐ "), all(children)),
    table: ({ children }) => element("div", { tabindex: "0", role: "group", "aria-label": "Table" }, element("table", all(children))),
    cell: ({ header, align, children }) => element(header && children.length > 0 ? "th" : "td", { class: align }, all(children)),
  };
  const all = (some) => some.map((node) => makers[node.type]?.(node) ?? element(TAGS[node.type] ?? "span", node.text ?? all(node.children ?? [])));
  return element("div", { class: "panel prose" }, all(nodes), rest && [element("p", { class: "hint" }, "The rest is too long to be laid out:"), element("pre", rest.children[0].text)]);
}
