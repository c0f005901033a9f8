// Runs examples/web/profile.js for the tests: one JSON request a line on standard input, one answer a line.
// {open: base64, key} -> {outcome, profile}   {seal: {header, tensors}, keys} -> {file}
// {all: requests} -> {all: answers}

import { createInterface } from "node:readline";
import { keyFile, nodeScrypt, openProfile, passphrase, ProfileError, sealProfile } from "../../examples/web/profile.js";

const scrypt = await nodeScrypt();
const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

function toKey(key) {
  return key.key_file === undefined ? passphrase(key.passphrase, scrypt, 10) : keyFile(key.key_file);
}

async function answer(request) {
  if (request.all !== undefined) {
    const all = [];
    for (const one of request.all) all.push(await answer(one));
    return { all };
  }
  if (request.seal !== undefined) {
    const { header } = request.seal;
    const tensors = mapped(request.seal.tensors, ({ dtype, shape, values }) => ({ shape, values: ARRAYS[dtype].from(values) }));
    const file = await sealProfile({ header, tensors }, request.keys.map(toKey));
    return { file: Buffer.from(file).toString("base64") };
  }
  try {
    const opened = await openProfile(new Uint8Array(Buffer.from(request.open, "base64")), [toKey(request.key)]);
    const tensors = mapped(opened.tensors, ({ shape, values }) => {
      const dtype = Object.keys(ARRAYS).find((name) => values instanceof ARRAYS[name]);
      return { dtype, shape, values: [...values] };
    });
    return { outcome: "opens", profile: { header: opened.header, tensors } };
  } catch (error) {
    return { outcome: error instanceof ProfileError ? error.code : `crash: ${error.stack}` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
