package org.parrotlet.app

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.security.KeyStore
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

private const val STORE = "AndroidKeyStore"
private const val ALIAS = "parrotlet"

/** The key that seals this app's key file. It is made and used inside the phone's key store, and cannot be read. */
fun wrappingKey(): SecretKey {
    val store = KeyStore.getInstance(STORE).apply { load(null) }
    (store.getKey(ALIAS, null) as SecretKey?)?.let { return it }
    val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
    val wanted = KeyGenParameterSpec.Builder(ALIAS, purposes)
        .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
        .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
        .setKeySize(256)
        .build()
    return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, STORE).apply { init(wanted) }.generateKey()
}
