// Parrotlet in Node: the bundle and the text data from folders, profiles in files.

import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import * as ort from "onnxruntime-web";

import { BundleError, InputError } from "./errors.js";
import { parseLexicon } from "./lexicon.js";
import { Parrotlet } from "./parrotlet.js";

const SUFFIX = ".voice";
const SDK = fileURLToPath(new URL("../../sdk/parrotlet", import.meta.url));

/**
 * Loads from folders in which the files are looked for one after the other, and last in the SDK beside this folder. The last
 * argument may be the options of Parrotlet.load; a lexicon may be the path of a file, too.
 */
export async function loadFolders(...given) {
  const { lexicon = {}, ...options } = typeof given.at(-1) === "object" ? given.pop() : {};
  const folders = [...given, SDK];
  ort.env.wasm.numThreads = 1;
  const words = typeof lexicon === "string" ? await readLexicon(lexicon) : lexicon;
  return Parrotlet.load((file) => readFirst(folders, file), { ort, ...options, lexicon: words });
}

async function readLexicon(path) {
  const text = await readFile(path, "utf8").catch((error) => {
    throw new InputError(`cannot read the lexicon ${path}: ${error.message}; give a UTF-8 text file`);
  });
  return parseLexicon(text, `the lexicon ${path}`);
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

/** Files of a profile store in a folder, as Python keeps them. */
export class FolderFiles {
  #folder;

  constructor(folder) {
    this.#folder = folder;
  }

  static async open(folder) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new FolderFiles(folder);
  }

  async names() {
    const files = await readdir(this.#folder);
    return files.filter((file) => file.endsWith(SUFFIX)).map((file) => file.slice(0, -SUFFIX.length));
  }

  async read(name) {
    try {
      return new Uint8Array(await readFile(this.#path(name)));
    } catch (error) {
      if (error.code === "ENOENT") return null;
      throw error;
    }
  }

  /** Beside the file, then in its place, so that a reader never sees half of it. */
  async write(name, bytes) {
    const draft = `${this.#path(name)}.${process.pid}.new`;
    await writeFile(draft, bytes, { mode: 0o600 });
    await chmod(draft, 0o600);
    await rename(draft, this.#path(name));
  }

  async erase(name) {
    const bytes = await this.read(name);
    await writeFile(this.#path(name), new Uint8Array(bytes?.length ?? 0));
    await rm(this.#path(name));
  }

  #path(name) {
    return join(this.#folder, name + SUFFIX);
  }
}
