// Serves the page without a network: its own files from one cache, the model from the one that page/offline.js fills.

const VERSION = "%VERSION%";
const SHELL = `parrotlet-shell-${VERSION}`;

self.addEventListener("install", (event) => event.waitUntil(keepShell()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
// Not while a page of the version before still loads its parts: such a page says when it has them (page/offline.js).
self.addEventListener("message", ({ data }) => data === "take over" && self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  if (method !== "GET" || !url.startsWith(self.registration.scope)) return;
  // Paths alone say which file is meant: a page opened with a query is the same page.
  event.respondWith(answer(event.request, mode === "navigate"));
});

async function keepShell() {
  const listed = await (await fetch("files.json", { cache: "no-cache" })).json();
  const cache = await caches.open(SHELL);
  await cache.addAll(listed.shell.map((file) => new Request(file, { cache: "no-cache" })));
  if ((await versionOf(cache, listed)) === VERSION) return;
  // The folder is being changed: the browser tries again the next time.
  await caches.delete(SHELL);
  throw new Error("the files are not of one version");
}

/** As build.mjs makes it, of what was kept. */
async function versionOf(cache, { shell, model }) {
  const parts = [];
  for (const file of shell.filter((one) => one !== "./" && one !== "files.json")) parts.push(await (await cache.match(file)).arrayBuffer());
  const digest = await crypto.subtle.digest("SHA-256", await new Blob([...parts, JSON.stringify(model)]).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 16);
}

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith("parrotlet-shell-") && name !== SHELL) await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(request, navigates) {
  const cache = await caches.open(SHELL);
  const kept = await cache.match(navigates ? "./" : request, { ignoreSearch: true });
  return kept ?? fetch(request);
}
