// Parrotlet in Node: the bundle and the text data from folders, profiles in files.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import * as ort from "onnxruntime-web";

import { BundleError } from "./errors.js";
import { Parrotlet } from "./parrotlet.js";

/** Loads from folders in which the files are looked for one after the other. */
export function loadFolders(...folders) {
  ort.env.wasm.numThreads = 1;
  return Parrotlet.load((file) => readFirst(folders, file), { ort });
}

async function readFirst(folders, file) {
  for (const folder of folders) {
    try {
      return new Uint8Array(await readFile(join(folder, file)));
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
  throw new BundleError(`no ${file} in ${folders.join(", ")}: give the bundle's folder, and that of the text data`);
}
