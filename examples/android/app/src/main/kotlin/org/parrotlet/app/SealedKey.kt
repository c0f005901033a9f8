package org.parrotlet.app

import java.io.File
import java.security.GeneralSecurityException
import java.security.SecureRandom
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * The text of a parrotlet key file, kept in [file] under AES-256-GCM. [wrapping] is the key it is sealed with: one that
 * never leaves the phone's key store. Whoever copies the file has nothing.
 */
class SealedKey(private val file: File, private val wrapping: () -> SecretKey) {
    /** The text, made at the first call. Voices sealed with a lost one still open with their passphrase. */
    @Synchronized
    fun text(): String = (if (file.exists()) opened(file.readBytes()) else null) ?: made()

    private fun opened(sealed: ByteArray): String? {
        if (sealed.size <= NONCE) return null
        return try {
            val cipher = Cipher.getInstance(CIPHER)
            cipher.init(Cipher.DECRYPT_MODE, wrapping(), GCMParameterSpec(128, sealed, 0, NONCE))
            String(cipher.doFinal(sealed, NONCE, sealed.size - NONCE), Charsets.US_ASCII)
        } catch (lost: GeneralSecurityException) { // the key store was emptied, or the file is another phone's
            null
        }
    }

    private fun made(): String {
        val secret = ByteArray(32).also { SecureRandom().nextBytes(it) }
        val text = "parrotlet-key-1 " + secret.joinToString("") { "%02x".format(it) }
        val cipher = Cipher.getInstance(CIPHER)
        cipher.init(Cipher.ENCRYPT_MODE, wrapping())
        val draft = File(file.path + ".new")
        draft.writeBytes(cipher.iv + cipher.doFinal(text.toByteArray(Charsets.US_ASCII)))
        check(draft.renameTo(file)) { "cannot write ${file.path}" }
        return text
    }

    private companion object {
        const val CIPHER = "AES/GCM/NoPadding"
        const val NONCE = 12
    }
}
