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

export const get = (path) => request("GET", path);
export const post = (path, body) => request("POST", path, body);

async function request(method, path, body) {
  const response = await answerTo(method, path, body);
  const json = await jsonOf(response);
  if (response.ok) return json;
  throw refusal(response, json);
}

async function answerTo(method, path, body) {
  const headers = { Accept: "application/json" };
  // A call without a body says nothing of its type, so that the server need not judge it.
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
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

function noAnswer(cause) {
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
