// A new key, shown this once: never in an address, in storage or in the log, and gone from the page when it is closed.

import { copyable } from "./copy.js";
import { openDialog } from "./dialog.js";
import { button, element } from "./elements.js";
import { field } from "./form.js";

const EXAMPLES = {
  curl: (key, url) => `curl -H "Authorization: Bearer ${key}" ${url}`,
  JavaScript: (key, url) => `const headers = { Authorization: "Bearer ${key}" };
const answer = await fetch("${url}", { headers });
console.log(answer.status, await answer.json());`,
  Python: (key, url) => `import urllib.request

request = urllib.request.Request("${url}")
request.add_header("Authorization", "Bearer ${key}")
print(urllib.request.urlopen(request).read().decode())`,
  PHP: (key, url) => `<?php
$http = ["header" => "Authorization: Bearer ${key}"];
echo file_get_contents("${url}", false, stream_context_create(["http" => $http]));`,
};

// `stored` follows when the reader says so, not when they leave the page.
export function showNewKey({ signal }, { name, key }, stored) {
  const shown = copyable(key, "The key");
  shown.querySelector("button").autofocus = true;
  const example = element("div");
  const show = (language) => example.replaceChildren(copyable(EXAMPLES[language](key, `${location.origin}/v1/version`), `The example for ${language}`));
  show("curl");
  openDialog({
    title: ["The key of ", element("bdi", name)],
    held: true,
    wide: true,
    content: (close) => [
      element("p", "Store it now where your secrets are kept. Nobody can look it up again."),
      shown,
      field({ name: "language", label: "Try it with", type: "select", options: Object.keys(EXAMPLES).map((each) => [each, each]), onchange: ({ target }) => show(target.value) }),
      example,
      element("div", { class: "actions" }, button("I have stored it", close, { kind: "primary" })),
    ],
    closed: () => signal.aborted || stored(),
  });
}
