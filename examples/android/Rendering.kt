// Needs nothing but Kotlin: what the host computes between and after the TFLite graphs (docs/export.md). Compiled with kotlinc 1.3.31; equals the Python host.

import java.util.Random
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.cos
import kotlin.math.floor
import kotlin.math.ln
import kotlin.math.max
import kotlin.math.round
import kotlin.math.sin

/** Whole frames for every phoneme. Rounds the running sum, so that rounding does not change the rate. */
fun wholeDurations(frames: FloatArray, speed: Float): IntArray {
    var sum = 0f
    var before = 0
    return IntArray(frames.size) {
        sum += frames[it] / speed
        val end = round(sum.toDouble()).toInt()
        (end - before).also { before = end }
    }
}

/** Every phoneme's vector, once a frame, and the position of every frame inside its phoneme [T][3]. */
fun expand(encoded: Array<FloatArray>, durations: IntArray): Pair<Array<FloatArray>, Array<FloatArray>> {
    val rows = ArrayList<FloatArray>()
    val position = ArrayList<FloatArray>()
    for (i in encoded.indices) {
        for (k in 0 until durations[i]) {
            val done = k + 0.5f
            rows.add(encoded[i])
            position.add(floatArrayOf(done / durations[i], ln(done), ln(max(durations[i] - done, 0.5f))))
        }
    }
    return Pair(rows.toTypedArray(), position.toTypedArray())
}

/** All harmonics of f0 [T] (Hz, 0 unvoiced) below the Nyquist frequency, each of amplitude 1: T * hop samples. */
fun pulseTrain(f0: FloatArray, hop: Int, rate: Int): FloatArray {
    var turns = 0.0
    return FloatArray(f0.size * hop) { n ->
        val t = n / hop
        val place = (n % hop + 0.5) / hop - 0.5
        val next = if (place < 0) max(t - 1, 0) else minOf(t + 1, f0.size - 1)
        val share = abs(place)
        val gate = (if (f0[t] > 0) 1 - share else 0.0) + (if (f0[next] > 0) share else 0.0)
        val frequency = max((f0[t] * (1 - share) + f0[next] * share) / max(gate, 1e-6), 40.0)
        turns += frequency / rate
        val theta = 2 * PI * (turns - round(turns))
        val harmonics = floor(0.5 * rate / frequency)
        val half = sin(theta / 2)
        val kernel = if (abs(half) < 1e-4) harmonics else (sin((harmonics + 0.5) * theta) / half - 1) / 2
        (kernel * gate).toFloat()
    }
}

/** The vocoder graph's spectral parts [T][nFft / 2 + 1] and f0 [T] to T * hop samples. */
fun render(
    magnitude: Array<FloatArray>, phase: Array<FloatArray>, noise: Array<FloatArray>,
    f0: FloatArray, hop: Int, nFft: Int, rate: Int, seed: Long
): FloatArray {
    val random = Random(seed)
    val pulses = pulseTrain(f0, hop, rate)
    val white = FloatArray(pulses.size) { random.nextGaussian().toFloat() }
    val window = DoubleArray(nFft) { 0.5 - 0.5 * cos(2 * PI * it / nFft) }
    val sum = DoubleArray(pulses.size)
    val weight = DoubleArray(pulses.size)
    for (t in f0.indices) {
        val start = t * hop - (nFft - hop) / 2
        // Both sources in one transform: pulses as the real part, noise as the imaginary part.
        val re = DoubleArray(nFft) { pulses.getOrElse(start + it) { 0f } * window[it] }
        val im = DoubleArray(nFft) { white.getOrElse(start + it) { 0f } * window[it] }
        fft(re, im, -1)
        val outRe = DoubleArray(nFft)
        val outIm = DoubleArray(nFft)
        for (k in 0..nFft / 2) {
            val m = (nFft - k) % nFft
            val pulseRe = (re[k] + re[m]) / 2
            val pulseIm = (im[k] - im[m]) / 2
            val whiteRe = (im[k] + im[m]) / 2
            val whiteIm = (re[m] - re[k]) / 2
            val filterRe = magnitude[t][k] * cos(phase[t][k].toDouble())
            val filterIm = magnitude[t][k] * sin(phase[t][k].toDouble())
            outRe[k] = pulseRe * filterRe - pulseIm * filterIm + whiteRe * noise[t][k]
            // The inverse of a real signal has real ends.
            outIm[k] = if (k == m) 0.0 else pulseRe * filterIm + pulseIm * filterRe + whiteIm * noise[t][k]
            outRe[m] = outRe[k]
            outIm[m] = -outIm[k]
        }
        fft(outRe, outIm, 1)
        for (i in 0 until nFft) {
            if (start + i in sum.indices) {
                sum[start + i] += outRe[i] / nFft * window[i]
                weight[start + i] += window[i] * window[i]
            }
        }
    }
    return FloatArray(sum.size) { (sum[it] / max(weight[it], 1e-3)).toFloat() }
}

/** Radix-2 Fourier transform in place, sign -1 forward, 1 inverse without the factor 1 / n. */
fun fft(re: DoubleArray, im: DoubleArray, sign: Int) {
    val n = re.size
    var j = 0
    for (i in 1 until n) {
        var bit = n shr 1
        while (j and bit != 0) {
            j = j xor bit
            bit = bit shr 1
        }
        j = j or bit
        if (i < j) {
            re[i] = re[j].also { re[j] = re[i] }
            im[i] = im[j].also { im[j] = im[i] }
        }
    }
    var size = 2
    while (size <= n) {
        for (k in 0 until size / 2) {
            val c = cos(2 * PI * k / size)
            val s = sign * sin(2 * PI * k / size)
            for (a in k until n step size) {
                val b = a + size / 2
                val x = re[b] * c - im[b] * s
                val y = re[b] * s + im[b] * c
                re[b] = re[a] - x
                im[b] = im[a] - y
                re[a] += x
                im[a] += y
            }
        }
        size *= 2
    }
}
