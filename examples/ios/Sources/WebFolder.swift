import Foundation
import UniformTypeIdentifiers
import WebKit

/// Serves the app's folder `web` at parrotlet://localhost/, and nothing else.
final class WebFolder: NSObject, WKURLSchemeHandler {
  static let scheme = "parrotlet"
  static let page = URL(string: "parrotlet://localhost/index.html")!

  private let root = Bundle.main.resourceURL!.appendingPathComponent("web", isDirectory: true).standardizedFileURL

  func webView(_ webView: WKWebView, start task: WKURLSchemeTask) {
    guard let url = task.request.url, let file = file(at: url), let bytes = try? Data(contentsOf: file) else {
      task.didFailWithError(URLError(.fileDoesNotExist))
      return
    }
    let headers = ["Content-Type": type(of: file), "Content-Length": String(bytes.count), "Cache-Control": "no-store"]
    task.didReceive(HTTPURLResponse(url: url, statusCode: 200, httpVersion: "HTTP/1.1", headerFields: headers)!)
    task.didReceive(bytes)
    task.didFinish()
  }

  /// All was answered at once: there is nothing to stop.
  func webView(_ webView: WKWebView, stop task: WKURLSchemeTask) {}

  private func file(at url: URL) -> URL? {
    let file = root.appendingPathComponent(url.path).standardizedFileURL
    return file.path.hasPrefix(root.path + "/") ? file : nil
  }

  private func type(of file: URL) -> String {
    // A module of another type than JavaScript's is refused.
    if file.pathExtension == "js" { return "text/javascript" }
    return UTType(filenameExtension: file.pathExtension)?.preferredMIMEType ?? "application/octet-stream"
  }
}
