// A place for encrypted voice profiles: ProfileStore of the Python package. Files are kept by something with
// names(), read(name), write(name, bytes) and erase(name): IndexedDbFiles in browsers, MemoryFiles, or node.js's FolderFiles.
//
//   const store = new ProfileStore(await IndexedDbFiles.open(), [passphrase("…", scrypt)]);
//   await store.save("me", profile);
//   const profile = await store.load("me");

import {
  NewerFormatError,
  ProfileExists,
  ProfileExpired,
  ProfileFormatError,
  ProfileNotFound,
  UnlockError,
  UsageError,
  WrongModelError,
} from "./errors.js";
import { ProfileError, describeProfile, openProfile, sealProfile, toHex } from "./profile.js";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ERRORS = { format: ProfileFormatError, newer: NewerFormatError, unlock: UnlockError, expired: ProfileExpired };

export class ProfileStore {
  /** keys: all of them wrap what is saved, any one opens it; none is needed to list, show and delete. */
  constructor(files, keys = []) {
    Object.assign(this, { files, keys });
  }

  /** Encrypts a profile under a new data key and keeps it. Throws ProfileExists unless `replace`, UsageError. */
  async save(name, profile, { replace = false } = {}) {
    const { tensors, speakerModel, bundle, created, expires, consent } = profile;
    const id = toHex(crypto.getRandomValues(new Uint8Array(16)));
    const header = { id, name, speaker_model: speakerModel, bundle, created, expires, consent, uses: null, critical: [] };
    return this.#put({ header, tensors }, replace);
  }

  /** Decrypts a profile. speakerModel: SHA-256 of the encoder it will be used with, if that is to be checked. */
  async load(name, speakerModel = null) {
    const { header, tensors } = await opened(await this.#read(name), this.keys, name);
    if (speakerModel !== null && speakerModel !== header.speaker_model) {
      throw new WrongModelError(
        `the profile "${name}" was made with bundle "${header.bundle}", which has another speaker encoder; enroll again`,
      );
    }
    const { speaker_model, bundle, created, expires, consent } = header;
    return { tensors, speakerModel: speaker_model, bundle, created, expires, consent };
  }

  /** Every profile by name, from the headers alone; damaged ones have a `problem`. */
  async list() {
    const described = [];
    for (const name of (await this.files.names()).sort()) {
      try {
        described.push(await this.show(name));
      } catch (error) {
        described.push({ name, problem: error.message });
      }
    }
    return described;
  }

  /** One profile's header, of which nothing is verified until it is loaded. */
  async show(name) {
    const stored = await described(await this.#read(name));
    if (stored.name !== name) throw new ProfileFormatError(`the file of "${name}" holds the profile "${stored.name}"`);
    return stored;
  }

  /** Throws what save would for this name. */
  async requireFree(name) {
    checkName(name);
    if (await this.files.read(name)) throw new ProfileExists(`there is a profile "${name}" already: choose another name`);
  }

  /** Destroys a profile; needs no key. Copies elsewhere are out of its reach. */
  async delete(name) {
    await this.#read(name);
    await this.files.erase(name);
  }

  /** Gives a profile another name, which its file is sealed with. */
  async rename(name, to) {
    await this.requireFree(to);
    const { header, tensors } = await opened(await this.#read(name), this.keys, name);
    const stored = await this.#put({ header: { ...header, name: to }, tensors }, false);
    await this.files.erase(name);
    return stored;
  }

  /** The bytes of a file for another device, under a data key of its own and `key` alone. */
  async export(name, key) {
    const { header, tensors } = await opened(await this.#read(name), this.keys, name);
    return sealProfile({ header, tensors }, [key]);
  }

  /** Takes in a file that export made, here or by the command line: opened with `key`, kept under this store's keys. */
  async import(bytes, key, { name = null, replace = false } = {}) {
    const { header, tensors } = await opened(bytes, [key]);
    return this.#put({ header: { ...header, name: name ?? header.name }, tensors }, replace);
  }

  async #put({ header, tensors }, replace) {
    checkName(header.name);
    if (!replace) await this.requireFree(header.name);
    await this.files.write(header.name, await explained(() => sealProfile({ header, tensors }, this.keys)));
    return this.show(header.name);
  }

  async #read(name) {
    checkName(name);
    const bytes = await this.files.read(name);
    if (!bytes) throw new ProfileNotFound(`there is no profile "${name}" here`);
    return bytes;
  }
}

/** What a file says of itself without a key: unverified. */
export async function described(bytes) {
  const { header, keys } = await explained(async () => describeProfile(bytes));
  const { name, id, speaker_model: speakerModel, bundle, created, expires, consent, uses } = header;
  return { name, id, speakerModel, bundle, created, expires, consent, uses, keys, problem: "" };
}

async function opened(bytes, keys, name = null) {
  const made = await explained(() => openProfile(bytes, keys));
  // A file that was moved over another profile's is as bad as a changed one.
  if (name !== null && made.header.name !== name) throw new UnlockError("cannot unlock the profile: the key is wrong or the file was changed");
  return made;
}

/** The errors of profile.js as those of the SDK. */
async function explained(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    throw new ERRORS[error.code](error.message);
  }
}

function checkName(name) {
  if (typeof name === "string" && NAME.test(name)) return;
  throw new UsageError(
    "a profile's name has 1 to 64 letters A-Z a-z, digits, dots, dashes or underscores and starts with a letter or digit; choose such a name",
  );
}

export class MemoryFiles {
  #files = new Map();

  async names() {
    return [...this.#files.keys()];
  }

  async read(name) {
    return this.#files.get(name) ?? null;
  }

  async write(name, bytes) {
    this.#files.set(name, bytes);
  }

  async erase(name) {
    this.#files.delete(name);
  }
}

/** Files in the browser's own database of this origin. */
export class IndexedDbFiles {
  #database;

  constructor(database) {
    this.#database = database;
  }

  static async open(database = "parrotlet") {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("profiles");
    return new IndexedDbFiles(await settled(request));
  }

  names() {
    return settled(this.#files("readonly").getAllKeys());
  }

  async read(name) {
    return (await settled(this.#files("readonly").get(name))) ?? null;
  }

  write(name, bytes) {
    return committed(this.#files("readwrite").put(bytes, name));
  }

  /** Overwritten, then deleted. What a browser's database keeps of old pages is ciphertext, but the wrapped key with it. */
  async erase(name) {
    const bytes = await this.read(name);
    await this.write(name, new Uint8Array(bytes?.length ?? 0));
    await committed(this.#files("readwrite").delete(name));
  }

  #files(mode) {
    return this.#database.transaction("profiles", mode, { durability: "strict" }).objectStore("profiles");
  }
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Waits until a change is on disk. */
function committed({ transaction }) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
