// Reads the tables that the SDK ships as numpy's .npz: a ZIP file of .npy arrays.

import { BundleError } from "./errors.js";

const TYPES = { "<f4": Float32Array, "<f8": Float64Array, "<i4": Int32Array };
const [ENTRY, DIRECTORY, END] = [0x04034b50, 0x02014b50, 0x06054b50];

/** Bytes of an .npz -> {name: {shape, values}}; a text is {shape: [], values: string}. Throws a BundleError. */
export async function readNpz(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = bytes.length - 22;
  while (at >= 0 && view.getUint32(at, true) !== END) at -= 1;
  if (at < 0) throw new BundleError("a table of the SDK is damaged: install or build it again");
  const count = view.getUint16(at + 10, true);
  at = view.getUint32(at + 16, true);
  const tables = {};
  for (let k = 0; k < count; k += 1) {
    if (view.getUint32(at, true) !== DIRECTORY) throw new BundleError("a table of the SDK is damaged: install or build it again");
    const [method, packed] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true)];
    const [nameSize, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameSize));
    const entry = view.getUint32(at + 42, true);
    if (view.getUint32(entry, true) !== ENTRY) throw new BundleError("a table of the SDK is damaged: install or build it again");
    const start = entry + 30 + view.getUint16(entry + 26, true) + view.getUint16(entry + 28, true);
    const data = bytes.slice(start, start + packed);
    tables[name.replace(/\.npy$/, "")] = readNpy(method === 8 ? await inflated(data) : data);
    at += 46 + nameSize + extra + comment;
  }
  return tables;
}

async function inflated(data) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function readNpy(bytes) {
  const size = bytes[8] + 256 * bytes[9];
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + size));
  const [, type] = /'descr': '([^']+)'/.exec(header);
  const shape = (/'shape': \(([^)]*)\)/.exec(header)[1].match(/\d+/g) ?? []).map(Number);
  const data = bytes.slice(10 + size).buffer;
  if (type.startsWith("<U")) return { shape, values: String.fromCodePoint(...new Uint32Array(data)).replace(/\0+$/, "") };
  if (type === "<f2") return { shape, values: Float32Array.from(new Uint16Array(data), half) };
  if (!TYPES[type] || header.includes("'fortran_order': True")) throw new BundleError(`a table of the SDK holds ${type}, which is not read here`);
  return { shape, values: new TYPES[type](data) };
}

/** The bits of a number of 16 bits -> the number. */
function half(bits) {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}
