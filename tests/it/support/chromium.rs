//! A real browser: Debian's `chromium`, without a screen, spoken to by the `WebDriver` protocol of its `chromedriver`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What is written where a person can look at it: `target/tmp/pages`.
fn pictures() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) name: &'static str,
    scheme: &'static str,
    width: u32,
    height: u32,
    is_phone: bool,
}

pub(crate) const LIGHT: Look = Look { name: "light", scheme: "light", width: 1_000, height: 800, is_phone: false };
pub(crate) const DARK: Look = Look { name: "dark", scheme: "dark", ..LIGHT };
pub(crate) const PHONE: Look = Look { name: "phone", scheme: "light", width: 360, height: 740, is_phone: true };

/// One browser with a profile of its own. Dropped, it is gone.
pub(crate) struct Chromium {
    http: reqwest::Client,
    session: String,
    port: u16,
    driver: Child,
    _profile: TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The driver ends its browser when it is told to, and not when it is ended itself.
        let quit = || -> std::io::Result<()> {
            let (_, path) = self.session.split_once("/session").unwrap_or_default();
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(stream, "DELETE /session{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
            stream.read(&mut [0; 64]).map(drop)
        };
        let _ = quit();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Starts the driver, and gives the port that it listens on. Of the port that it picks for itself, another may be quicker.
fn driver() -> Option<(Child, u16)> {
    for _ in 0..3 {
        let mut command = Command::new("chromedriver");
        command.args(["--port=0", "--log-level=SEVERE"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut driver = command.stderr(Stdio::null()).spawn().ok()?;
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok());
        if let Some(port) = port {
            return Some((driver, port));
        }
        driver.wait().unwrap();
    }
    panic!("chromedriver does not start")
}

impl Chromium {
    /// Starts one; says so where it is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let Some((driver, port)) = driver() else {
            skipped("chromium: it needs Debian's chromium and chromium-driver");
            return None;
        };
        let base = format!("http://127.0.0.1:{port}/session");
        let profile = tempfile::tempdir().unwrap();
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        // Its sandbox refuses to be started by root, which is who runs in a container.
        if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            arguments.push("--no-sandbox".to_owned());
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "implicit": 30_000, "pageLoad": 30_000 }
        } } });
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
        let answer = http.post(&base).body(wanted.to_string()).send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let chromium = Self { http, session: format!("{base}/{id}"), port, driver, _profile: profile };
        // Without a screen nothing has the focus, and the pictures would not show where it is.
        chromium.devtools("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
        Some(chromium)
    }

    /// A command of the protocol.
    async fn command(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}/{path}", self.session)).body(body.to_string());
        let answer = request.send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["value"]["error"].is_null(), "{path} {body}: {answer}");
        answer["value"].take()
    }

    async fn read(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}/{path}", self.session)).send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["value"].as_str().unwrap_or_else(|| panic!("{path}: {answer}")).to_owned()
    }

    /// The first such element, which is waited for.
    async fn find(&self, using: &str, value: &str) -> String {
        let found = self.command("element", &json!({ "using": using, "value": value })).await;
        format!("element/{}", found.as_object().unwrap().values().next().unwrap().as_str().unwrap())
    }

    async fn element(&self, css: &str) -> String {
        self.find("css selector", css).await
    }

    /// Waits for the page whose heading begins with these words.
    pub(crate) async fn is_at(&self, heading: &str) {
        self.find("xpath", &format!("//h1[starts-with(normalize-space(), '{heading}')]")).await;
    }

    pub(crate) async fn open(&self, address: &str) {
        self.command("url", &json!({ "url": address })).await;
    }

    pub(crate) async fn address(&self) -> String {
        self.read("url").await
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        let element = self.element(css).await;
        self.read(&format!("{element}/text")).await
    }

    /// Waits until the focus is on such an element.
    pub(crate) async fn has_focus(&self, css: &str) {
        self.element(&format!("{css}:focus")).await;
    }

    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.command(&format!("{element}/click"), &json!({})).await;
    }

    /// Presses these keys, one after the other, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let one = |key: char| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        let keys: Vec<_> = keys.chars().flat_map(one).collect();
        self.command("actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": keys }] })).await;
    }

    /// What a script says of the page: the script is the test's, and runs outside the page's policy.
    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] })).await
    }

    async fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": method, "params": parameters })).await
    }

    /// Looks at pages this way from now on.
    pub(crate) async fn look(&self, look: Look) {
        let feature = json!([{ "name": "prefers-color-scheme", "value": look.scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": feature })).await;
        let scale = if look.is_phone { 2 } else { 1 };
        let metrics = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": scale, "mobile": look.is_phone
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Takes a picture of the whole page in every look, and holds that nothing sticks out at the sides.
    pub(crate) async fn picture(&self, name: &str) {
        for look in [LIGHT, DARK, PHONE] {
            self.look(look).await;
            let wide = self.evaluate("return document.documentElement.scrollWidth").await;
            assert!(wide.as_u64().unwrap() <= u64::from(look.width), "{name} is {wide} wide on {}", look.name);
            let picture = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
            let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
            fs::write(pictures().join(format!("{name}-{}.png", look.name)), bytes).unwrap();
        }
        self.look(LIGHT).await;
    }

    /// What the browser has complained about: scripts, styles, policies, addresses that do not answer.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "browser" })).await;
        log.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

/// Says what is not tested here; written in this way it is seen although the test passes.
#[expect(clippy::explicit_write, reason = "`eprintln` is captured, and shown of tests that fail")]
pub(crate) fn skipped(what: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {what}").unwrap();
}
