// Needs an Android app with org.tensorflow:tensorflow-lite and the files of a bundle. Compiled against stubs of that library, never run on a device.

import java.io.File
import kotlin.math.ln
import org.json.JSONArray
import org.json.JSONObject
import org.tensorflow.lite.Interpreter

/** Speaks phonemes in a preset voice of a bundle; see docs/export.md. Not thread-safe. */
class ParrotletVoice(private val bundle: File, threads: Int = 1) {
    private val manifest = JSONObject(File(bundle, "manifest.json").readText())
    private val presets = JSONObject(File(bundle, "presets.json").readText())
    private val symbols = manifest.getJSONArray("symbols")
    private val options = Interpreter.Options().setNumThreads(threads)
    private val parts = tflite("acoustic").getJSONArray("parts")
    private val text = graph(parts.getJSONObject(0))
    private val frames = graph(parts.getJSONObject(1))
    private val vocoder = graph(tflite("vocoder"))

    val sampleRate: Int = manifest.getJSONObject("mel").getInt("sample_rate")

    private fun tflite(name: String) = manifest.getJSONObject("graphs").getJSONObject(name).getJSONObject("tflite")

    private fun graph(entry: JSONObject) = Interpreter(File(bundle, entry.getString("file")), options)

    /** Samples in [-1, 1]. The phonemes are those of `parrotlet`'s text front end, e.g. "hʌlˈO". */
    fun speak(phonemes: String, preset: String, speed: Float = 1f, pitch: Float = 0f): FloatArray {
        val voice = presets.getJSONObject(preset)
        val measured = voice.getJSONObject("statistics")
        val median = (ln(measured.getDouble("pitch_median_hz") / 160) / ln(2.0)).toFloat()
        val statistics = arrayOf(
            floatArrayOf(median, measured.getDouble("pitch_spread").toFloat(), measured.optDouble("rate", 0.0).toFloat())
        )
        val ids = ids("^" + phonemes + "$")
        // A preset is a speaker embedding alone: zeros in place of an adaptation change nothing.
        val identity = floats(voice.getJSONArray("embedding"))
        val embedding = arrayOf(identity.copyOf(identity.size + manifest.getJSONObject("adaptation").getInt("size")))

        val said = run(text, mapOf("phonemes" to arrayOf(ids), "embedding" to embedding, "statistics" to statistics))
        val durations = wholeDurations((said["frames"] as Array<FloatArray>)[0], speed)
        val (rows, position) = expand((said["encoded"] as Array<Array<FloatArray>>)[0], durations)
        val condition = said.getValue("condition")
        val made = run(
            frames,
            mapOf(
                "rows" to arrayOf(rows), "position" to arrayOf(position), "condition" to condition,
                "statistics" to statistics, "pitch" to floatArrayOf(pitch)
            )
        )
        val mel = (made["mel"] as Array<Array<FloatArray>>)[0]
        val f0 = (made["f0"] as Array<FloatArray>)[0]
        val parts = run(vocoder, mapOf("mel" to arrayOf(mel)))
        fun part(name: String) = (parts[name] as Array<Array<FloatArray>>)[0]
        val hop = manifest.getJSONObject("mel").getInt("hop_length")
        val nFft = manifest.getJSONObject("synthesis").getInt("n_fft")
        val samples = render(part("magnitude"), part("phase"), part("noise"), f0, hop, nFft, sampleRate, 0)
        // All but ten frames of the silence before the first phoneme.
        val silent = durations.first()
        return samples.copyOfRange(maxOf(0, silent - 10) * hop, samples.size)
    }

    private fun ids(phonemes: String): IntArray {
        val known = (0 until symbols.length()).associateBy { symbols.getString(it) }
        return phonemes.map { requireNotNull(known[it.toString()]) { "$it cannot be spoken" } }.toIntArray()
    }

    private fun floats(values: JSONArray) = FloatArray(values.length()) { values.getDouble(it).toFloat() }

    /** Resize the inputs to what is given, run, and read every output by its name. */
    private fun run(graph: Interpreter, feeds: Map<String, Any>): Map<String, Any> {
        val order = (0 until graph.inputTensorCount).map { graph.getInputTensor(it).name() }
        order.forEachIndexed { index, name -> graph.resizeInput(index, shapeOf(feeds.getValue(name))) }
        graph.allocateTensors()
        val names = (0 until graph.outputTensorCount).map { graph.getOutputTensor(it).name() }
        // Output shapes are known only after a run: the first call fills nothing, the tensors are read after it.
        graph.runForMultipleInputsOutputs(order.map { feeds.getValue(it) }.toTypedArray(), HashMap<Int, Any>())
        return names.mapIndexed { index, name ->
            val tensor = graph.getOutputTensor(index)
            name to unpack(tensor.asReadOnlyBuffer().asFloatBuffer(), tensor.shape())
        }.toMap()
    }

    private fun unpack(data: java.nio.FloatBuffer, shape: IntArray): Any {
        fun row() = FloatArray(shape.last()).also { data.get(it) }
        return if (shape.size == 2) Array(shape[0]) { row() } else Array(shape[0]) { Array(shape[1]) { row() } }
    }

    private fun shapeOf(value: Any): IntArray = when (value) {
        is Array<*> -> intArrayOf(value.size) + shapeOf(value[0]!!)
        is FloatArray -> intArrayOf(value.size)
        is IntArray -> intArrayOf(value.size)
        else -> error("not a tensor")
    }
}
