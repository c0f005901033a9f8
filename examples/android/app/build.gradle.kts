plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

val web = rootProject.file("../web")
val page = layout.buildDirectory.dir("page") // its folder web becomes assets/web

android {
    namespace = "org.parrotlet.app"
    compileSdk = 35

    defaultConfig {
        applicationId = "org.parrotlet.app"
        minSdk = 29
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    kotlinOptions { jvmTarget = "17" }

    sourceSets["main"].assets.srcDir(page)
}

dependencies {
    implementation("androidx.webkit:webkit:1.12.1")
}

// The page, its engine and the model. Needs Node, and a Python with numpy: PYTHON=… in the environment.
val packages = tasks.register<Exec>("webPackages") {
    onlyIf { !File(web, "node_modules").exists() }
    commandLine("npm", "install", "--prefix", web.path, "--ignore-scripts", "--no-package-lock")
}

val buildPage = tasks.register<Exec>("webFolder") {
    dependsOn(packages)
    inputs.files(fileTree(web) { exclude("node_modules") }, fileTree("$web/../../sdk/parrotlet") { exclude("**/__pycache__") })
    outputs.dir(page)
    commandLine("node", "$web/build.mjs", "--app", page.get().dir("web").asFile.path)
}

tasks.named("preBuild") { dependsOn(buildPage) }
