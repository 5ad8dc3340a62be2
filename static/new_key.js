// A new key, shown this once: never in an address, in storage or in the log, and gone from the page when it is closed.

import { copyable, inLanguages } from "./copy.js";
import { openDialog } from "./dialog.js";
import { button, element } from "./elements.js";

const examplesFor = (key, url) => ({
  curl: `curl -H "Authorization: Bearer ${key}" ${url}`,
  JavaScript: `const headers = { Authorization: "Bearer ${key}" };
const answer = await fetch("${url}", { headers });
console.log(answer.status, await answer.json());`,
  Python: `import urllib.request

request = urllib.request.Request("${url}")
request.add_header("Authorization", "Bearer ${key}")
print(urllib.request.urlopen(request).read().decode())`,
  PHP: `<?php
$http = ["header" => "Authorization: Bearer ${key}"];
echo file_get_contents("${url}", false, stream_context_create(["http" => $http]));`,
});

// `stored` follows when the reader says so, not when they leave the page.
export function showNewKey({ signal }, { name, key }, stored) {
  const shown = copyable(key, "The key");
  shown.querySelector("button").autofocus = true;
  openDialog({
    title: ["The key of ", element("bdi", name)],
    held: true,
    wide: true,
    content: (close) => [
      element("p", "Store it now where your secrets are kept. Nobody can look it up again."),
      shown,
      inLanguages("Try it with", examplesFor(key, `${location.origin}/v1/version`)),
      element("div", { class: "actions" }, button("I have stored it", close, { kind: "primary" })),
    ],
    closed: () => signal.aborted || stored(),
  });
}
