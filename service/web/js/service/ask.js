/** Asks the service, and makes what it refuses a sentence. */

import { forgetKey, keyIfAny, needKey } from "./key.js";

const REFUSED_KEY = 401;

/** A sentence for people, from the service or about it. */
export class Problem extends Error {
  constructor(sentence, { code = "", status = 0 } = {}) {
    super(sentence);
    this.code = code;
    this.status = status;
  }
}

/** The response to a request that was granted; throws a Problem otherwise. An AbortError passes as it is. */
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  const key = keyIfAny();
  if (key) headers.set("Authorization", `Bearer ${key}`);
  const response = await reached(path, { ...options, headers });
  if (response.ok) return response;
  if (response.status === REFUSED_KEY) {
    forgetKey();
    needKey();
  }
  throw await problemOf(response);
}

/** Its body as JSON. */
export const askJson = async (path, options) => (await ask(path, options)).json();

/** The name of the model, its engine, labels and limits; told at the foot of the page too. */
export async function askModel() {
  const model = await askJson("v1/model");
  const { engine } = model;
  document.getElementById("model").textContent =
    `${model.name} ${model.version}: ${model.labels.length} classes, ${engine.name} ${engine.precision} on ${engine.device}`;
  return model;
}

/** A body of bytes; the service knows a sound by them, whatever it is called. */
export const ofBytes = (body, signal) => (
  { method: "POST", body, signal, headers: { "Content-Type": "application/octet-stream" } });

/** The response, whatever it says; throws a Problem if there is none. */
export async function reached(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The service cannot be reached. Is it still running?", { code: "unreachable" });
  }
}

async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  const later = told.retry_after_s ? ` Try again in ${Math.ceil(told.retry_after_s)} s.` : "";
  const detail = told.detail ?? `The service answered ${response.status} ${response.statusText}.`;
  return new Problem(detail + later, { code: told.code, status: response.status });
}
