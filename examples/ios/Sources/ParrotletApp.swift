import SwiftUI

@main
struct ParrotletApp: App {
  var body: some Scene {
    WindowGroup {
      Page().ignoresSafeArea(.container, edges: .bottom)
    }
  }
}
