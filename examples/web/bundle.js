// The graphs of a bundle (bundle.py): an entry of the manifest to a session of onnxruntime-web.

/** read: reads a file of the bundle by its name. ort: the module onnxruntime-web. packed: of the manifest. */
export function opener(read, ort, packed = {}) {
  const readWhole = async (file) => (packed[file] ? unpacked(await read(file), packed[file]) : read(file));
  return async ({ file, fold_int8: fold = false, borrows }) => {
    const graph = await readWhole(file);
    const whole = borrows ? joined(graph, await readWhole(borrows.from), borrows.pieces) : graph;
    return ort.InferenceSession.create(whole, { extra: { session: { disable_quant_qdq: fold ? "1" : "0" } } });
  };
}

/** A graph whose file lacks what another file holds. pieces: [at, offset, length], where to insert what of it. */
function joined(graph, lender, pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, [, , length]) => sum + length, graph.length));
  let [done, size] = [0, 0];
  const add = (part) => {
    whole.set(part, size);
    size += part.length;
  };
  for (const [at, offset, length] of pieces) {
    add(graph.subarray(done, at));
    add(lender.subarray(offset, offset + length));
    done = at;
  }
  add(graph.subarray(done));
  return whole;
}

/** A graph whose matrices have four bits in its file, with int8 ones: packed.py. graph: the bytes of the rest. */
export function unpacked(file, { graph, pieces }) {
  const whole = new Uint8Array(pieces.reduce((sum, [, rows, columns]) => sum + rows * columns, graph));
  const view = new DataView(file.buffer, file.byteOffset);
  let [done, size, place] = [0, 0, graph];
  for (const [at, rows, columns, group] of pieces) {
    whole.set(file.subarray(done, at), size);
    size += at - done;
    done = at;
    const [half, groups] = [group / 2, rows / group];
    const scales = place + (rows * columns) / 2;
    const zeros = scales + 2 * groups * columns;
    for (let k = 0; k < groups; k += 1) {
      for (let column = 0; column < columns; column += 1) {
        const [scale, zero] = [half16(view.getUint16(scales + 2 * (k * columns + column), true)), file[zeros + k * columns + column]];
        for (let row = 0; row < half; row += 1) {
          const codes = file[place + (k * half + row) * columns + column];
          const to = size + (k * group + row) * columns + column;
          whole[to] = rounded(((codes & 15) - zero) * scale); // as two's complement
          whole[to + half * columns] = rounded(((codes >> 4) - zero) * scale);
        }
      }
    }
    size += rows * columns;
    place = zeros + groups * columns;
  }
  whole.set(file.subarray(done, graph), size);
  return whole;
}

/** To the nearest, halves to the even one, as NumPy rounds. */
function rounded(value) {
  const whole = value + 6755399441055744 - 6755399441055744; // 1.5 * 2^52
  return Math.max(-127, Math.min(127, whole));
}

/** The number that 16 bits of a positive normal float16 are. */
function half16(bits) {
  return 2 ** ((bits >> 10) - 25) * (1024 + (bits & 1023));
}
