// Serves the page without a network: its own files from one cache, the model from the one that page/offline.js fills.

const VERSION = "%VERSION%";
const SHELL = `parrotlet-shell-${VERSION}`;

self.addEventListener("install", (event) => event.waitUntil(keepShell()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  if (method !== "GET" || !url.startsWith(self.registration.scope)) return;
  // Paths alone say which file is meant: a page opened with a query is the same page.
  event.respondWith(answer(event.request, mode === "navigate"));
});

async function keepShell() {
  const { shell } = await (await fetch("files.json", { cache: "no-cache" })).json();
  const cache = await caches.open(SHELL);
  await cache.addAll(shell.map((file) => new Request(file, { cache: "no-cache" })));
  await self.skipWaiting(); // the next time the page is opened it is the new one
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
