// Keeps a widget's session for a page, whose code calls the API with `await Claviger.token({widgetId, fresh})`.
(() => {
  const { dataset: data = {}, src } = document.currentScript ?? {};
  const id = data.widgetId || data.agentId;
  if (!id) return console.warn("Claviger: embed.js needs data-widget-id, and no type=module");
  const { widgets } = (window.Claviger ??= {
    widgets: new Map(),
    async token({ widgetId = [...widgets.keys()][0], fresh } = {}) {
      if (!widgets.has(widgetId)) throw new Error(`This page has no widget ${widgetId}`);
      return widgets.get(widgetId).token(fresh);
    },
  });
  const said = Object.entries(data).filter(([name, value]) => value && /^user(Id|Name|Email|Hash)$/.test(name));
  const body = JSON.stringify(Object.fromEntries(said));
  if (widgets.get(id)?.body === body) return;

  const url = new URL(`/api/widgets/${id}/session`, src);
  let token, asking, timer, last, opened = 0, failures = 0;

  const fault = (code = "UNREACHABLE", message, wait) => Object.assign(new Error(message), { code, wait });
  const send = (name, detail) =>
    document.dispatchEvent(new CustomEvent(`claviger:${name}`, { bubbles: true, detail: { widgetId: id, ...detail } }));
  const plan = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(wake, wait);
  };
  async function ask() {
    const begun = Date.now();
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(url, { method: "POST", credentials: "omit", headers, body }).catch(() => {
      throw fault(undefined, `${url}: is ${location.origin} an allowed origin, is the id right?`);
    });
    const got = await answer.json().catch(() => ({}));
    if (!got.token) throw fault(got.code, got.message, got.retry_after * 1000);
    if (!token) queueMicrotask(() => send("ready"));
    [token, opened, failures, last] = [got.token, begun, 0];
    plan(720_000);
  }
  // One question at a time, and after a failure none before its time.
  function renew() {
    if (Date.now() < last?.until) return Promise.reject(last);
    return (asking ??= ask().catch((error) => {
      const { code, message } = error;
      const wait = (error.wait || 0) + Math.min(1000 * 2 ** ++failures, 300_000) * (1 + Math.random() / 4);
      error.until = Date.now() + wait;
      plan(wait);
      if (code !== last?.code) {
        console.warn(`Claviger: ${code}: ${message}`);
        send("error", { code, message });
      }
      throw (last = error);
    }).finally(() => (asking = null)));
  }
  // Timers sleep with the machine, hidden tabs wait, another script may take over.
  function wake() {
    if (widgets.get(id) === me && !document.hidden && Date.now() - opened >= 720_000) renew().catch(() => {});
  }
  const me = {
    body,
    async token(fresh) {
      // It lives for fifteen minutes.
      if (fresh || Date.now() - opened > 870_000) await renew();
      return token;
    },
  };
  widgets.set(id, me);
  for (const name of ["online", "pageshow", "visibilitychange"]) addEventListener(name, wake);
  wake();
})();
