import AVFoundation
import SwiftUI
import WebKit

/// The page of examples/web, served out of this app: its microphone, its files and its key.
struct Page: UIViewRepresentable {
  func makeCoordinator() -> Host { Host() }

  func makeUIView(context: Context) -> WKWebView {
    let host = context.coordinator
    let configuration = WKWebViewConfiguration()
    configuration.setURLSchemeHandler(WebFolder(), forURLScheme: WebFolder.scheme)
    configuration.userContentController.addScriptMessageHandler(host, contentWorld: .page, name: "parrotletDevice")
    let web = WKWebView(frame: .zero, configuration: configuration)
    web.uiDelegate = host
    web.navigationDelegate = host
    host.web = web
    web.load(URLRequest(url: WebFolder.page))
    return web
  }

  func updateUIView(_ web: WKWebView, context: Context) {}
}

final class Host: NSObject, WKUIDelegate, WKNavigationDelegate, WKScriptMessageHandlerWithReply {
  weak var web: WKWebView?

  override init() {
    super.init()
    let center = NotificationCenter.default
    center.addObserver(
      self, selector: #selector(interrupted), name: AVAudioSession.interruptionNotification, object: nil)
  }

  /// A call comes: what is said stops, and does not go on by itself.
  @objc private func interrupted(_ notification: Notification) {
    DispatchQueue.main.async { self.web?.evaluateJavaScript("parrotletSilence()") }
  }

  // What the page asks: page/device.js.

  func userContentController(
    _ controller: WKUserContentController, didReceive message: WKScriptMessage,
    replyHandler reply: @escaping (Any?, String?) -> Void
  ) {
    guard message.frameInfo.isMainFrame, let text = message.body as? String,
      let question = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    else { return reply(nil, "this app does not know what to do: build it again") }
    do {
      switch question["ask"] as? String {
      case "key": reply(try DeviceKey.text(), nil)
      case "save": try save(question, reply)
      case "sounding": reply(try sounding(question["on"] as? Bool == true), nil)
      default: reply(nil, "this app does not know what to do: build it again")
      }
    } catch {
      reply(nil, error.localizedDescription)
    }
  }

  /// Other sound steps back while the page speaks.
  private func sounding(_ on: Bool) throws -> Bool {
    let session = AVAudioSession.sharedInstance()
    if on { try session.setCategory(.playback, mode: .spokenAudio, options: .duckOthers) }
    try session.setActive(on, options: on ? [] : .notifyOthersOnDeactivation)
    return true
  }

  private func save(_ question: [String: Any], _ reply: @escaping (Any?, String?) -> Void) throws {
    guard let name = question["name"] as? String, let text = question["base64"] as? String,
      let bytes = Data(base64Encoded: text)
    else { return reply(nil, "this file cannot be saved") }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent((name as NSString).lastPathComponent)
    try bytes.write(to: file, options: .completeFileProtection)
    let sheet = UIActivityViewController(activityItems: [file], applicationActivities: nil)
    sheet.popoverPresentationController?.sourceView = web
    sheet.completionWithItemsHandler = { _, _, _, _ in
      try? FileManager.default.removeItem(at: file)
      reply(true, nil)
    }
    guard let root = web?.window?.rootViewController else { return reply(nil, "this file cannot be saved now") }
    root.present(sheet, animated: true)
  }

  func webView(
    _ webView: WKWebView, requestMediaCapturePermissionFor origin: WKSecurityOrigin,
    initiatedByFrame frame: WKFrameInfo, type: WKMediaCaptureType,
    decisionHandler decide: @escaping (WKPermissionDecision) -> Void
  ) {
    decide(origin.protocol == WebFolder.scheme && type == .microphone ? .grant : .deny)
  }

  func webView(
    _ webView: WKWebView, decidePolicyFor action: WKNavigationAction,
    decisionHandler decide: @escaping (WKNavigationActionPolicy) -> Void
  ) {
    decide(action.request.url?.scheme == WebFolder.scheme ? .allow : .cancel)
  }

  /// The engine's memory was needed elsewhere: begin again. Voices are kept.
  func webViewWebContentProcessDidTerminate(_ webView: WKWebView) {
    webView.reload()
  }
}
