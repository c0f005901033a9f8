// The graphs of a bundle (bundle.py): an entry of the manifest to a session of onnxruntime-web.

/** read: reads a file of the bundle by its name. ort: the module onnxruntime-web. */
export function opener(read, ort) {
  return async ({ file, fold_int8: fold = false, borrows }) => {
    const graph = await read(file);
    const whole = borrows ? joined(graph, await read(borrows.from), borrows.pieces) : graph;
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
