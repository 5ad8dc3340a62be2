// The one way these pages talk to the server: JSON in, JSON out, and every failure an ApiError.

// A sign-in may wait ten seconds for its turn to be hashed; what takes longer than this is lost.
const TIMEOUT_MS = 30_000;

// What the server answered in place of a result, under the names it uses itself.
// `status` is 0 where no answer came at all.
export class ApiError extends Error {
  constructor({ status, error, code, message, requestId = null, fields = {}, retryAfter = null }) {
    super(message);
    this.name = "ApiError";
    Object.assign(this, { status, error, code, requestId, fields, retryAfter });
  }
}

export const get = (path, options) => request("GET", path, undefined, options);
export const post = (path, body, options) => request("POST", path, body, options);
export const put = (path, body, options) => request("PUT", path, body, options);
export const patch = (path, body, options) => request("PATCH", path, body, options);
export const remove = (path, body, options) => request("DELETE", path, body, options);

// The path with a query of those values that are there: withQuery("/api/x", { q: "a b", status: "" }) is "/api/x?q=a+b".
export function withQuery(path, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value || value === 0));
  return query.size > 0 ? `${path}?${query}` : path;
}

// All items of a list, however many pages it has.
export async function all(path, cursor) {
  const { items, nextCursor } = await get(withQuery(path, { limit: 200, cursor }));
  return nextCursor ? [...items, ...(await all(path, nextCursor))] : items;
}

// What follows when the session has ended; a page behind the sign-in sets it. False where that page stays.
let signedOut = null;
export const whenSignedOut = (act) => (signedOut = act);

// What follows when somebody's role does not reach: it may have been changed meanwhile.
let forbidden = null;
export const whenForbidden = (act) => (forbidden = act);

// Options: `headers` (more of them), `signal` (ends the call), `credentials`, and `tagged`: then the result is { value, tag } with the
// answer's ETag, to be sent back as If-Match.
async function request(method, path, body, { tagged = false, ...options } = {}) {
  const response = await answerTo(method, path, body, options);
  const json = await jsonOf(response);
  if (response.ok) return tagged ? { value: json, tag: response.headers.get("ETag") } : json;
  const error = refusal(response, json);
  if (signedOut && ["SESSION_INVALID", "CREDENTIALS_MISSING"].includes(error.code) && signedOut() !== false) {
    // The page is being left: nothing of it needs to go on.
    return new Promise(() => {});
  }
  if (error.code === "INSUFFICIENT_ROLE") forbidden?.();
  throw error;
}

async function answerTo(method, path, body, { headers = {}, signal, credentials = "same-origin" } = {}) {
  const sent = { Accept: "application/json", ...headers };
  // A call without a body says nothing of its type, so that the server need not judge it.
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const late = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(path, {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials,
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
  } catch (cause) {
    throw noAnswer(cause);
  }
}

// Null where there is no body (204), or one that is not JSON (a proxy's own error page).
async function jsonOf(response) {
  let text;
  try {
    text = await response.text();
  } catch (cause) {
    throw noAnswer(cause);
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refusal(response, json) {
  const { status, headers } = response;
  const body = json ?? {};
  return new ApiError({
    status,
    error: body.error ?? "unexpected",
    code: body.code ?? "UNEXPECTED_ANSWER",
    message: body.message ?? `The server gave an unexpected answer (${status}). Please try again.`,
    requestId: body.requestId ?? headers.get("X-Request-Id"),
    fields: body.fields,
    retryAfter: body.retry_after ?? wholeSeconds(headers.get("Retry-After")),
  });
}

// No answer came, as the cause tells. A call that was ended on purpose stays what it is: an AbortError, and nobody's failure.
export function noAnswer(cause) {
  if (cause.name === "AbortError") return cause;
  const late = cause.name === "TimeoutError";
  return new ApiError({
    status: 0,
    error: "unreachable",
    code: late ? "TIMEOUT" : "UNREACHABLE",
    message: late
      ? "The server took too long to answer. Please try again."
      : "The server cannot be reached. Please check the connection and try again.",
  });
}

// Retry-After may also be a date; then no countdown is shown.
function wholeSeconds(text) {
  return /^\d+$/.test(text ?? "") ? Number(text) : null;
}
