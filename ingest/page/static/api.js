// The admin listener's answers. A token, where one is asked for, is kept until the tab is closed.

const KEY = "dlrhub-token";
const TIMEOUT_MS = 30_000;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const keepToken = (token) => sessionStorage.setItem(KEY, token);

export const get = (path, parameters = {}) => ask(address(path, parameters), {});

// For what must not stand in an address, and for what changes something.
export const post = (path, data, parameters = {}) =>
  ask(address(path, parameters), { method: "POST", body: JSON.stringify(data) });

function address(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  return `/api/${path}?${new URLSearchParams(given)}`;
}

async function ask(url, options) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(url, {
      ...options,
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: "no-store",
    });
  } catch (error) {
    throw new ApiError(0, error.name === "TimeoutError" ? "dlrhub took too long to answer" : "dlrhub does not answer");
  }
  const data = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, data.error ?? `dlrhub answers ${response.status}`);
  return data;
}
