// Keeps what the page needs for the time without a network: the model in a cache of its own, checked against its hashes,
// and the page by the service worker.

export const MODEL = "parrotlet-model";

/** What the folder consists of; see build.mjs. */
export async function listed() {
  return (await fetch("files.json")).json();
}

/** Address of each model file by its name, in the cache or, in an app, in the app itself. */
export function addresses({ model, app }) {
  return Object.fromEntries(model.map((one) => [one.file, app ? new URL(one.path, document.baseURI).href : keyOf(one)]));
}

/** Address of a model file in the cache: another content has another address. */
function keyOf({ path, sha256 }) {
  return new URL(`${path}?${sha256.slice(0, 16)}`, document.baseURI).href;
}

/**
 * Downloads the model files that are not here yet. onProgress(bytes so far, bytes in all). Gives those by name that the
 * browser does not keep: its storage is full, or switched off.
 */
export async function keepModel(files, onProgress) {
  const cache = await opened();
  const held = {};
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const file of files) {
    if (!(await cache?.match(keyOf(file)))) {
      const bytes = await download(file, (part) => onProgress(done + part, total));
      if (!(await put(cache, keyOf(file), bytes))) held[file.file] = bytes;
    }
    done += file.size;
    onProgress(done, total);
  }
  const wanted = new Set(files.map(keyOf));
  for (const { url } of (await cache?.keys()) ?? []) if (!wanted.has(url)) await cache.delete(url);
  return held;
}

async function opened() {
  try {
    return await caches.open(MODEL);
  } catch {
    return null;
  }
}

async function put(cache, key, bytes) {
  try {
    await cache.put(key, new Response(bytes));
    return true;
  } catch {
    return false;
  }
}

async function download({ path, size, sha256 }, onPart) {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  const bytes = new Uint8Array(size);
  let at = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (at + part.value.length > size) break; // not the file that was meant: the hash says so
    bytes.set(part.value, at);
    at += part.value.length;
    onPart(at);
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== sha256) throw new Error(`${path} is not the file that was built: build the folder again`);
  return bytes;
}

/**
 * Lets the service worker keep the page, and asks the browser not to throw anything away by itself. Call it once the page
 * has all that it needs: a later version takes over then, for the next time that the page is opened.
 */
export async function keepPage() {
  const registration = await navigator.serviceWorker.register("sw.js");
  const relieve = () => registration.waiting?.postMessage("take over");
  registration.addEventListener("updatefound", () => registration.installing.addEventListener("statechange", relieve));
  relieve();
  await navigator.storage?.persist?.();
  return navigator.serviceWorker.ready;
}
