package org.parrotlet.app

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Bundle
import android.util.Base64
import android.webkit.PermissionRequest
import android.webkit.RenderProcessGoneDetail
import android.webkit.ValueCallback
import android.webkit.WebChromeClient
import android.webkit.WebResourceRequest
import android.webkit.WebResourceResponse
import android.webkit.WebView
import android.webkit.WebViewClient
import android.widget.FrameLayout
import androidx.webkit.JavaScriptReplyProxy
import androidx.webkit.WebMessageCompat
import androidx.webkit.WebViewAssetLoader
import androidx.webkit.WebViewCompat
import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import org.json.JSONObject

private const val ORIGIN = "https://${WebViewAssetLoader.DEFAULT_DOMAIN}"
private const val MICROPHONE = 1
private const val CHOOSE = 2
private const val SAVE = 3

/** The page of examples/web, served out of this app: its microphone, its files, its key, and who may sound. */
class MainActivity : Activity() {
    private lateinit var web: WebView
    private lateinit var focus: SpeechFocus
    private lateinit var key: SealedKey
    private var asked: PermissionRequest? = null
    private var chosen: ValueCallback<Array<Uri>>? = null
    private var saved: ((Uri?) -> Unit)? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        key = SealedKey(File(noBackupFilesDir, "device.key"), ::wrappingKey)
        web = WebView(this)
        focus = SpeechFocus(this) { web.evaluateJavascript("parrotletSilence()", null) }
        web.settings.javaScriptEnabled = true
        web.settings.domStorageEnabled = true
        web.webViewClient = Assets(WebViewAssetLoader.AssetsPathHandler(this))
        web.webChromeClient = Permissions()
        WebViewCompat.addWebMessageListener(web, "parrotletDevice", setOf(ORIGIN), ::answer)
        // A WebView ignores insets and padding of its own.
        setContentView(FrameLayout(this).apply { fitsSystemWindows = true }.also { it.addView(web) })
        web.loadUrl("$ORIGIN/assets/web/index.html")
    }

    override fun onDestroy() {
        focus.sounding(false)
        web.destroy()
        super.onDestroy()
    }

    /** What the page asks: page/device.js. */
    private fun answer(view: WebView, message: WebMessageCompat, origin: Uri, isMainFrame: Boolean, proxy: JavaScriptReplyProxy) {
        val question = JSONObject(message.data ?: return)
        val reply = { field: String, value: Any? ->
            proxy.postMessage(JSONObject().put("id", question.getInt("id")).put(field, value).toString())
        }
        try {
            when (question.getString("ask")) {
                "key" -> reply("value", key.text())
                "sounding" -> reply("value", focus.sounding(question.getBoolean("on")).let { true })
                "save" -> save(question, reply)
                else -> reply("error", "this app does not know what to do: build it again")
            }
        } catch (error: Exception) { // the page shows what is wrong
            reply("error", error.message ?: error.toString())
        }
    }

    private fun save(question: JSONObject, reply: (String, Any?) -> Unit) {
        val bytes = Base64.decode(question.getString("base64"), Base64.DEFAULT)
        val wanted = Intent(Intent.ACTION_CREATE_DOCUMENT)
            .addCategory(Intent.CATEGORY_OPENABLE)
            .setType(question.getString("type"))
            .putExtra(Intent.EXTRA_TITLE, question.getString("name"))
        saved = { place ->
            try {
                if (place == null) throw IOException("not saved")
                val file = contentResolver.openOutputStream(place) ?: throw IOException("cannot write there: choose another place")
                file.use { it.write(bytes) }
                reply("value", true)
            } catch (error: IOException) {
                reply("error", error.message)
            }
        }
        startActivityForResult(wanted, SAVE)
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        if (request == CHOOSE) {
            chosen?.onReceiveValue(WebChromeClient.FileChooserParams.parseResult(result, data))
            chosen = null
        } else if (request == SAVE) {
            saved?.invoke(if (result == RESULT_OK) data?.data else null)
            saved = null
        }
    }

    override fun onRequestPermissionsResult(request: Int, permissions: Array<String>, results: IntArray) {
        if (request != MICROPHONE) return
        if (results.firstOrNull() == PackageManager.PERMISSION_GRANTED) asked?.grant(microphone) else asked?.deny()
        asked = null
    }

    private val microphone = arrayOf(PermissionRequest.RESOURCE_AUDIO_CAPTURE)

    /** The page's files out of the app, and nothing else. */
    private inner class Assets(files: WebViewAssetLoader.PathHandler) : WebViewClient() {
        private val loader = WebViewAssetLoader.Builder().addPathHandler("/assets/", files).build()
        private val nothing get() = WebResourceResponse("text/plain", "utf-8", 404, "Not Found", emptyMap(), ByteArrayInputStream(ByteArray(0)))

        override fun shouldInterceptRequest(view: WebView, request: WebResourceRequest): WebResourceResponse? =
            if (request.url.scheme == "blob") null else loader.shouldInterceptRequest(request.url) ?: nothing

        override fun shouldOverrideUrlLoading(view: WebView, request: WebResourceRequest): Boolean =
            !request.url.toString().startsWith("$ORIGIN/")

        /** The engine's memory was needed elsewhere: begin again. Voices are kept. */
        override fun onRenderProcessGone(view: WebView, detail: RenderProcessGoneDetail): Boolean {
            recreate()
            return true
        }
    }

    private inner class Permissions : WebChromeClient() {
        override fun onPermissionRequest(request: PermissionRequest) {
            val allowed = request.origin.toString().trimEnd('/') == ORIGIN && request.resources.contentEquals(microphone)
            when {
                !allowed -> request.deny()
                checkSelfPermission(Manifest.permission.RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED -> request.grant(microphone)
                else -> {
                    asked?.deny()
                    asked = request
                    requestPermissions(arrayOf(Manifest.permission.RECORD_AUDIO), MICROPHONE)
                }
            }
        }

        override fun onShowFileChooser(view: WebView, files: ValueCallback<Array<Uri>>, wanted: FileChooserParams): Boolean {
            chosen?.onReceiveValue(null)
            chosen = files
            startActivityForResult(wanted.createIntent(), CHOOSE)
            return true
        }
    }
}
