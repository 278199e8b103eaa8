// One call of the platform's API, at the page's own address.

const PATIENCE_MS = 8000; // the platform promises an answer within 5 s

/** Why there is no answer: a code of the API, or NETWORK where nobody answered. */
export class ApiError extends Error {
  constructor(code, status = 0, retryAfter = undefined) {
    super(code);
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter; // seconds
  }
}

/** The envelope of a successful answer; throws ApiError. */
export async function request(method, path, { body, token } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  const answer = await ask(path, { method, headers, body: body && JSON.stringify(body) });
  const envelope = await answer.json().catch(() => null);
  if (answer.ok && envelope?.success) return envelope;
  // A page of somebody else's in between (a hotspot's login) is as good as no network.
  if (!envelope?.error_code) throw new ApiError("NETWORK");
  const wait = answer.headers.get("Retry-After") ?? envelope.details?.retry_after_seconds;
  throw new ApiError(envelope.error_code, answer.status, wait);
}

async function ask(path, options) {
  try {
    return await fetch(path, {
      ...options,
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new ApiError("NETWORK");
  }
}
