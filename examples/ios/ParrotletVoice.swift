// Needs an iOS app with the TensorFlowLiteSwift package and the files of a bundle. Neither compiled nor run here: no Swift compiler was at hand.

import Foundation
import TensorFlowLite

/// Speaks phonemes in a preset voice of a bundle; see docs/export.md. Not thread-safe.
final class ParrotletVoice {
  private let manifest: [String: Any]
  private let presets: [String: Any]
  private let text: Interpreter
  private let frames: Interpreter
  private let vocoder: Interpreter
  let sampleRate: Int

  init(bundle: URL, threads: Int = 1) throws {
    func json(_ file: String) throws -> [String: Any] {
      try JSONSerialization.jsonObject(with: Data(contentsOf: bundle.appendingPathComponent(file))) as! [String: Any]
    }
    let manifest = try json("manifest.json")
    let graphs = manifest["graphs"] as! [String: [String: Any]]
    func graph(_ entry: [String: Any]) throws -> Interpreter {
      var options = Interpreter.Options()
      options.threadCount = threads
      let path = bundle.appendingPathComponent(entry["file"] as! String).path
      let interpreter = try Interpreter(modelPath: path, options: options)
      try interpreter.allocateTensors()
      return interpreter
    }
    let parts = (graphs["acoustic"]!["tflite"] as! [String: Any])["parts"] as! [[String: Any]]
    text = try graph(parts[0])
    frames = try graph(parts[1])
    vocoder = try graph(graphs["vocoder"]!["tflite"] as! [String: Any])
    presets = try json("presets.json")
    sampleRate = (manifest["mel"] as! [String: Any])["sample_rate"] as! Int
    self.manifest = manifest
  }

  /// Samples in -1...1. The phonemes are those of parrotlet's text front end, e.g. "hʌlˈO".
  func speak(_ phonemes: String, preset: String, speed: Float = 1, pitch: Float = 0) throws -> [Float] {
    let voice = presets[preset] as! [String: Any]
    let measured = voice["statistics"] as! [String: Double]
    let median = Float(log2(measured["pitch_median_hz"]! / 160))
    let statistics = [median, Float(measured["pitch_spread"]!), Float(measured["rate"] ?? 0)]
    let symbols = manifest["symbols"] as! [String]
    let ids = ("^" + phonemes + "$").map { Int32(symbols.firstIndex(of: String($0))!) }
    // A preset is a speaker embedding alone: zeros in place of an adaptation change nothing.
    let adaptation = (manifest["adaptation"] as! [String: Int])["size"]!
    let embedding = (voice["embedding"] as! [Double]).map(Float.init) + [Float](repeating: 0, count: adaptation)

    let said = try run(text, [
      "phonemes": (data(ids), [1, ids.count]),
      "embedding": (data(embedding), [1, embedding.count]),
      "statistics": (data(statistics), [1, 3]),
    ])
    let durations = wholeDurations(said["frames"]!, speed: speed)
    let width = said["encoded"]!.count / ids.count
    let (rows, position) = expand(said["encoded"]!, width: width, durations: durations)
    let count = durations.reduce(0, +)
    let condition = said["condition"]!
    let made = try run(frames, [
      "rows": (data(rows), [1, count, width]),
      "position": (data(position), [1, count, 3]),
      "condition": (data(condition), [1, condition.count]),
      "statistics": (data(statistics), [1, 3]),
      "pitch": (data([pitch]), [1]),
    ])
    let mel = made["mel"]!
    let parts = try run(vocoder, ["mel": (data(mel), [1, count, mel.count / count])])
    let hop = (manifest["mel"] as! [String: Any])["hop_length"] as! Int
    let size = (manifest["synthesis"] as! [String: Any])["n_fft"] as! Int
    let samples = render(
      magnitude: parts["magnitude"]!, phase: parts["phase"]!, noise: parts["noise"]!, f0: made["f0"]!,
      hop: hop, size: size, rate: sampleRate)
    // All but ten frames of the silence before the first phoneme.
    let silent = durations[0]
    return Array(samples[(max(0, silent - 10) * hop)...])
  }

  private func data<T>(_ values: [T]) -> Data { values.withUnsafeBytes { Data($0) } }

  /// Resize the inputs to what is given, run, and read every output by its name.
  private func run(_ graph: Interpreter, _ feeds: [String: (Data, [Int])]) throws -> [String: [Float]] {
    let names = try (0..<graph.inputTensorCount).map { try graph.input(at: $0).name }
    for (index, name) in names.enumerated() {
      try graph.resizeInput(at: index, to: Tensor.Shape(feeds[name]!.1))
    }
    try graph.allocateTensors()
    for (index, name) in names.enumerated() {
      try graph.copy(feeds[name]!.0, toInputAt: index)
    }
    try graph.invoke()
    var outputs: [String: [Float]] = [:]
    for index in 0..<graph.outputTensorCount {
      let tensor = try graph.output(at: index)
      outputs[tensor.name] = tensor.data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
    return outputs
  }
}

/// Whole frames for every phoneme. Rounds the running sum, so that rounding does not change the rate.
func wholeDurations(_ frames: [Float], speed: Float) -> [Int] {
  var sum: Float = 0
  var before = 0
  return frames.map { frame in
    sum += frame / speed
    let end = Int(sum.rounded(.toNearestOrEven))
    defer { before = end }
    return end - before
  }
}

/// Every phoneme's vector, once a frame, and the position of every frame inside its phoneme, three numbers each.
func expand(_ encoded: [Float], width: Int, durations: [Int]) -> (rows: [Float], position: [Float]) {
  var rows: [Float] = []
  var position: [Float] = []
  for (index, duration) in durations.enumerated() {
    for frame in 0..<duration {
      let done = Float(frame) + 0.5
      rows += encoded[(index * width)..<((index + 1) * width)]
      position += [done / Float(duration), log(done), log(max(Float(duration) - done, 0.5))]
    }
  }
  return (rows, position)
}

/// All harmonics of f0 (Hz, 0 unvoiced) below the Nyquist frequency, each of amplitude 1: T * hop samples.
func pulseTrain(_ f0: [Float], hop: Int, rate: Int) -> [Double] {
  var turns = 0.0
  return (0..<(f0.count * hop)).map { n in
    let t = n / hop
    let place = (Double(n % hop) + 0.5) / Double(hop) - 0.5
    let next = place < 0 ? max(t - 1, 0) : min(t + 1, f0.count - 1)
    let share = abs(place)
    let gate = (f0[t] > 0 ? 1 - share : 0) + (f0[next] > 0 ? share : 0)
    let frequency = max((Double(f0[t]) * (1 - share) + Double(f0[next]) * share) / max(gate, 1e-6), 40)
    turns += frequency / Double(rate)
    let theta = 2 * Double.pi * (turns - turns.rounded())
    let harmonics = (0.5 * Double(rate) / frequency).rounded(.down)
    let half = sin(theta / 2)
    return gate * (abs(half) < 1e-4 ? harmonics : (sin((harmonics + 0.5) * theta) / half - 1) / 2)
  }
}

/// The vocoder graph's spectral parts (T rows of size / 2 + 1) and f0 (T) to T * hop samples.
func render(
  magnitude: [Float], phase: [Float], noise: [Float], f0: [Float], hop: Int, size: Int, rate: Int
) -> [Float] {
  let bins = size / 2 + 1
  let pulses = pulseTrain(f0, hop: hop, rate: rate)
  // Gaussian noise by Box and Muller.
  let white = pulses.map { _ in
    sqrt(-2 * log(Double.random(in: 1e-12...1))) * cos(2 * Double.pi * Double.random(in: 0..<1))
  }
  let window = (0..<size).map { 0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(size)) }
  var sum = [Double](repeating: 0, count: pulses.count)
  var weight = sum
  for t in f0.indices {
    let start = t * hop - (size - hop) / 2
    func cut(_ source: [Double]) -> [Double] {
      (0..<size).map { source.indices.contains(start + $0) ? source[start + $0] * window[$0] : 0 }
    }
    // Both sources in one transform: pulses as the real part, noise as the imaginary part.
    var re = cut(pulses)
    var im = cut(white)
    fft(&re, &im, sign: -1)
    var outRe = [Double](repeating: 0, count: size)
    var outIm = outRe
    for k in 0..<bins {
      let m = (size - k) % size
      let (pulseRe, pulseIm) = ((re[k] + re[m]) / 2, (im[k] - im[m]) / 2)
      let (whiteRe, whiteIm) = ((im[k] + im[m]) / 2, (re[m] - re[k]) / 2)
      let at = t * bins + k
      let filterRe = Double(magnitude[at]) * cos(Double(phase[at]))
      let filterIm = Double(magnitude[at]) * sin(Double(phase[at]))
      outRe[k] = pulseRe * filterRe - pulseIm * filterIm + whiteRe * Double(noise[at])
      // The inverse of a real signal has real ends.
      outIm[k] = k == m ? 0 : pulseRe * filterIm + pulseIm * filterRe + whiteIm * Double(noise[at])
      outRe[m] = outRe[k]
      outIm[m] = -outIm[k]
    }
    fft(&outRe, &outIm, sign: 1)
    for i in 0..<size where sum.indices.contains(start + i) {
      sum[start + i] += outRe[i] / Double(size) * window[i]
      weight[start + i] += window[i] * window[i]
    }
  }
  return zip(sum, weight).map { Float($0 / max($1, 1e-3)) }
}

/// Radix-2 Fourier transform in place, sign -1 forward, 1 inverse without the factor 1 / n.
func fft(_ re: inout [Double], _ im: inout [Double], sign: Double) {
  let n = re.count
  var j = 0
  for i in 1..<n {
    var bit = n >> 1
    while j & bit != 0 {
      j ^= bit
      bit >>= 1
    }
    j |= bit
    if i < j {
      re.swapAt(i, j)
      im.swapAt(i, j)
    }
  }
  var size = 2
  while size <= n {
    for k in 0..<(size / 2) {
      let angle = 2 * Double.pi * Double(k) / Double(size)
      let (c, s) = (cos(angle), sign * sin(angle))
      for a in stride(from: k, to: n, by: size) {
        let b = a + size / 2
        let (x, y) = (re[b] * c - im[b] * s, re[b] * s + im[b] * c)
        (re[b], im[b]) = (re[a] - x, im[a] - y)
        re[a] += x
        im[a] += y
      }
    }
    size *= 2
  }
}
