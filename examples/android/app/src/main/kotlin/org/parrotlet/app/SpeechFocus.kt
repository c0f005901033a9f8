package org.parrotlet.app

import android.content.Context
import android.media.AudioAttributes
import android.media.AudioFocusRequest
import android.media.AudioManager

/** Lets other sound step back while the page speaks; [silence] is called when the page has to. */
class SpeechFocus(context: Context, private val silence: () -> Unit) {
    private val manager = context.getSystemService(AudioManager::class.java)
    private val request = AudioFocusRequest.Builder(AudioManager.AUDIOFOCUS_GAIN_TRANSIENT_MAY_DUCK)
        .setAudioAttributes(
            AudioAttributes.Builder()
                .setUsage(AudioAttributes.USAGE_ASSISTANT)
                .setContentType(AudioAttributes.CONTENT_TYPE_SPEECH)
                .build()
        )
        .setWillPauseWhenDucked(true)
        .setOnAudioFocusChangeListener { change -> if (change < 0) silence() }
        .build()

    fun sounding(on: Boolean) {
        if (on) manager.requestAudioFocus(request) else manager.abandonAudioFocusRequest(request)
    }
}
