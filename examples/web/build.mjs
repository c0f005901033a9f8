// Writes the folder that any static server serves: node build.mjs OUT (npm run build -- OUT).
//
// The page and its modules as they are, onnxruntime-web and scrypt from node_modules, and the bundle's ONNX graphs and the
// text front end's data, compressed. PYTHON: a Python with numpy, which writes the text rules (default: python3).
//
// node build.mjs --app OUT writes what an app on a phone holds: its package is the compressed copy and all of it is there
// already, so that the files are as they are and no service worker keeps them.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");
const SDK = join(ROOT, "sdk/parrotlet");
const BUNDLE = join(SDK, "bundles/default");
const TEXT = join(SDK, "text/en/data");
const NODE_ONLY = ["node.js", "build.mjs", "package.json"];
const SERVED_ONLY = ["sw.js", "manifest.webmanifest"];
const SCRYPT = ["scrypt.js", "sha2.js", "pbkdf2.js", "hmac.js", "_md.js", "_u64.js", "utils.js"];

const app = process.argv[2] === "--app";
const [out] = process.argv.slice(app ? 3 : 2);
if (!out) {
  console.error("usage: node build.mjs [--app] OUT");
  process.exit(2);
}

const present = existsSync(out) ? await readdir(out) : [];
if (present.length && !present.includes("files.json")) {
  console.error(`${out} holds something else: choose an empty folder`);
  process.exit(2);
}
await rm(out, { recursive: true, force: true });
await mkdir(join(out, "model"), { recursive: true });
await mkdir(join(out, "vendor"), { recursive: true });
const left = ["node_modules", ...NODE_ONLY, ...(app ? SERVED_ONLY : [])];
for (const entry of await readdir(HERE)) {
  if (!left.includes(entry)) await cp(join(HERE, entry), join(out, entry), { recursive: true });
}
const ort = join(HERE, "node_modules/onnxruntime-web/dist");
await cp(join(ort, "ort.wasm.bundle.min.mjs"), join(out, "vendor/onnxruntime.js"));
for (const file of SCRYPT) await cp(join(HERE, "node_modules/@noble/hashes", file), join(out, "vendor/hashes", file));

const manifest = JSON.parse(await readFile(join(BUNDLE, "manifest.json"), "utf8"));
const graphs = Object.values(manifest.graphs).flatMap(({ onnx }) => (onnx.parts ?? [onnx]).map((part) => part.file));
const model = [];
await compress("runtime.wasm", await readFile(join(ort, "ort-wasm-simd-threaded.wasm")));
for (const file of [...graphs, "manifest.json", "presets.json"]) await compress(file, await readFile(join(BUNDLE, file)));
for (const file of ["lexicon.bin", "g2p.onnx", "g2p.json"]) await compress(file, await readFile(join(TEXT, file)));
await compress("rules.bin", textRules());
for (const file of ["same_person.npz", "narrow_band.npz", "watermark.npz"]) await compress(file, await readFile(join(SDK, file)));

const shell = (await files(out)).filter((file) => !file.startsWith("model/") && file !== "sw.js").sort();
const version = createHash("sha256");
for (const file of shell) version.update(await readFile(join(out, file)));
version.update(JSON.stringify(model));
const listed = app ? { app, bundle: manifest.name, model } : { version: version.digest("hex").slice(0, 16), bundle: manifest.name, shell: ["./", ...shell, "files.json"], model };
await writeFile(join(out, "files.json"), JSON.stringify(listed, null, 1));
if (app) await leaveOut(join(out, "index.html"), /^.*rel="manifest".*\n/m);
// The version is in the service worker, so that a browser notices a new one.
else await writeFile(join(out, "sw.js"), (await readFile(join(out, "sw.js"), "utf8")).replace("%VERSION%", listed.version));
const bytes = model.reduce((sum, { size }) => sum + size, 0);
console.log(`${out}: ${model.length} model files, ${(bytes / 1e6).toFixed(1)} MB; ${shell.length} others`);

async function compress(file, data) {
  const packed = app ? data : gzipSync(data, { level: 9 });
  const path = `model/${file}${app ? "" : ".gz"}`;
  await writeFile(join(out, path), packed);
  model.push({ file, path, size: packed.length, sha256: createHash("sha256").update(packed).digest("hex") });
}

async function leaveOut(path, line) {
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace(line, ""));
}

function textRules() {
  const script =
    "import sys, pathlib, tempfile\n" +
    "from parrotlet_compression.g2p.export_rules import write_rules\n" +
    "with tempfile.TemporaryDirectory() as folder:\n" +
    "    path = pathlib.Path(folder, 'rules.bin')\n" +
    "    write_rules(path)\n" +
    "    sys.stdout.buffer.write(path.read_bytes())\n";
  const PYTHONPATH = ["sdk", "runtimes", "compression"].map((folder) => join(ROOT, folder)).join(":");
  return execFileSync(process.env.PYTHON ?? "python3", ["-c", script], { env: { ...process.env, PYTHONPATH }, maxBuffer: 1 << 24 });
}

async function files(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
}
