import Foundation
import Security

/// The text of a parrotlet key file, kept in the Keychain of this device alone and readable while it is unlocked.
enum DeviceKey {
  struct Failure: LocalizedError {
    let status: OSStatus
    var errorDescription: String? { "the Keychain cannot be used (\(status)): unlock the device and try again" }
  }

  private static let item: [CFString: Any] = [
    kSecClass: kSecClassGenericPassword,
    kSecAttrService: "org.parrotlet.app",
    kSecAttrAccount: "device",
  ]

  /// The text, made at the first call.
  static func text() throws -> String {
    var found: CFTypeRef?
    let status = SecItemCopyMatching(item.merging([kSecReturnData: true]) { $1 } as CFDictionary, &found)
    if status == errSecSuccess, let data = found as? Data { return String(decoding: data, as: UTF8.self) }
    guard status == errSecItemNotFound else { throw Failure(status: status) }
    return try made()
  }

  private static func made() throws -> String {
    var secret = [UInt8](repeating: 0, count: 32)
    let random = SecRandomCopyBytes(kSecRandomDefault, secret.count, &secret)
    guard random == errSecSuccess else { throw Failure(status: random) }
    let text = "parrotlet-key-1 " + secret.map { String(format: "%02x", $0) }.joined()
    let kept: [CFString: Any] = [
      kSecValueData: Data(text.utf8),
      kSecAttrAccessible: kSecAttrAccessibleWhenUnlockedThisDeviceOnly,
    ]
    let status = SecItemAdd(item.merging(kept) { $1 } as CFDictionary, nil)
    guard status == errSecSuccess else { throw Failure(status: status) }
    return text
  }
}
