//! `cargo xtask demo`: the real service on SQLite, the sample service behind its gateway, and the built app.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{fresh, npm, package, sh};

/// How long a server may take from its start until it listens.
const START: Duration = Duration::from_secs(30);
/// How many lines of the logs are shown when a server ends by itself.
const LAST_LINES: usize = 20;
const USER: &str = "demo";
const CLIENT: &str = "web";
const LOGIN_CLIENT: &str = "login";

/// Where the demo listens.
#[derive(Args)]
pub(crate) struct Options {
    /// Port of the app on ui.app.localhost
    #[arg(long, default_value_t = 4180, value_parser = clap::value_parser!(u16).range(1..))]
    ui_port: u16,
    /// Port of the API gateway on api.app.localhost
    #[arg(long, default_value_t = 4181, value_parser = clap::value_parser!(u16).range(1..))]
    api_port: u16,
    /// Port of the pages on login.app.localhost where users of other apps sign in
    #[arg(long, default_value_t = 4182, value_parser = clap::value_parser!(u16).range(1..))]
    login_port: u16,
}

/// Builds what the demo and the browser tests run: package, app and both binaries.
pub(crate) fn build() -> Result<()> {
    npm::need_node()?;
    package::build()?;
    let www = sh::root().join("www");
    npm::install("www")?;
    let inputs = [
        "src",
        "login/index.html",
        "login/main.ts",
        "login/screens.ts",
        "login/service.ts",
        "login/vite.config.ts",
        "public",
        "index.html",
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "vite.config.ts",
    ];
    let mut inputs: Vec<PathBuf> = inputs.iter().map(|name| www.join(name)).collect();
    inputs.push(package::folder());
    fresh::unless(
        "www",
        &inputs,
        &[
            www.join("dist/index.html"),
            www.join("login/dist/index.html"),
        ],
        || {
            sh::step("building the app");
            sh::quiet(&mut npm::npm(&www, ["run", "--silent", "build"]))
        },
    )?;
    if !binary("sessionmint").exists() {
        sh::step("building the services (the first time takes several minutes)");
    }
    services()
}

/// Builds both binaries.
pub(crate) fn services() -> Result<()> {
    sh::run(&mut sh::cmd(
        "cargo",
        [
            "build",
            "--locked",
            "-p",
            "sessionmint-iam",
            "-p",
            "sessionmint-demo",
        ],
    ))
}

/// Runs until Ctrl-C, SIGTERM or the end of one of the servers.
pub(crate) fn run(options: &Options) -> Result<()> {
    let ports = [
        ("--ui-port", options.ui_port),
        ("--api-port", options.api_port),
        ("--login-port", options.login_port),
    ];
    for (index, (name, port)) in ports.iter().enumerate() {
        if let Some((other, _)) = ports
            .iter()
            .skip(index + 1)
            .find(|(_, other)| other == port)
        {
            bail!("{name} and {other} are both {port}; they must differ");
        }
    }
    build()?;
    let (tell, told) = channel();
    let interrupted = tell.clone();
    ctrlc::set_handler(move || {
        let _ = interrupted.send(Event::Interrupted);
    })?;
    let demo = Demo::prepare(options)?;
    let mut servers = Servers::default();
    let outcome = demo.start(&mut servers, &tell, &told).and_then(|()| {
        demo.announce()?;
        watch(&told)
    });
    servers.stop();
    outcome
}

/// Returns when the demo is told to stop; an error when a server ends by itself.
fn watch(told: &Receiver<Event>) -> Result<()> {
    let mut last = VecDeque::new();
    loop {
        match told.recv()? {
            Event::Interrupted => return Ok(()),
            Event::Line(_, line) => {
                last.push_back(line);
                if last.len() > LAST_LINES {
                    last.pop_front();
                }
            }
            Event::Ended(name) => {
                let lines: Vec<String> = last.into();
                bail!(
                    "{name} ended by itself; the last lines of the logs:\n{}",
                    lines.join("\n")
                );
            }
        }
    }
}

enum Event {
    Interrupted,
    Ended(&'static str),
    Line(&'static str, String),
}

struct Demo {
    folder: PathBuf,
    config: PathBuf,
    iam: PathBuf,
    ui_port: u16,
    api_port: u16,
    login_port: u16,
    password: String,
}

impl Demo {
    /// Writes the configuration and sees to it that the user and the client exist. What an earlier run stored stays.
    fn prepare(options: &Options) -> Result<Self> {
        let &Options {
            ui_port,
            api_port,
            login_port,
        } = options;
        let folder = sh::target()
            .join("demo")
            .join(format!("{ui_port}-{api_port}"));
        std::fs::create_dir_all(&folder)?;
        let config = folder.join("sessionmint.toml");
        let issuer = issuer(api_port);
        std::fs::write(
            &config,
            format!(
                "issuer = \"{issuer}\"\nlisten = \"127.0.0.1:0\"\ndatabase = \"sqlite:{}\"\n\
                 # The demo's gateway, which sets X-Forwarded-For anew.\ntrusted_proxies = [\"127.0.0.1/32\"]\n\
                 [authorize]\ninteraction_url = \"{login}/\"\nlogout_url = \"{login}/sign-out\"\n",
                folder.join("iam.db").display(),
                login = origin("login", login_port),
            ),
        )?;
        let iam = binary("sessionmint");
        let password_file = folder.join("password");
        let demo = match std::fs::read_to_string(&password_file) {
            Ok(password) => Self {
                folder,
                config,
                iam,
                ui_port,
                api_port,
                login_port,
                password,
            },
            Err(_) => {
                let demo = Self {
                    folder,
                    config,
                    iam,
                    ui_port,
                    api_port,
                    login_port,
                    password: random_password()?,
                };
                demo.add_user()?;
                std::fs::write(&password_file, &demo.password)?;
                demo
            }
        };
        demo.put_client()?;
        demo.put_login_page()?;
        Ok(demo)
    }

    fn add_user(&self) -> Result<()> {
        let user = |verb: &str| {
            let mut command = self.cli(["user", verb, USER, "--password-stdin"]);
            feed(&mut command, &self.password)
        };
        user("add").or_else(|_| user("passwd"))
    }

    fn put_client(&self) -> Result<()> {
        let origin = origin("ui", self.ui_port);
        let api = origin_of_api(self.api_port);
        let issuer = issuer(self.api_port);
        let settings = [
            ["--origin", &origin],
            ["--resource", &api],
            ["--resource", &issuer],
            ["--scope", "account notes:read notes:write"],
            ["--default-scope", "notes:read notes:write"],
            ["--ttl", "300"],
        ];
        let clients = sh::read(&mut self.cli(["client", "list", "--json"]))?;
        let exists = clients.contains(&format!("\"{CLIENT}\""));
        if exists {
            return sh::quiet(&mut self.cli(["client", "set", CLIENT, "--ttl", "300"]));
        }
        sh::quiet(
            self.cli(["client", "add", CLIENT])
                .args(settings.as_flattened()),
        )
    }

    /// The pages sign users in, and mint nothing: a client without a scope.
    fn put_login_page(&self) -> Result<()> {
        let origin = origin("login", self.login_port);
        let clients = sh::read(&mut self.cli(["client", "list", "--json"]))?;
        if clients.contains(&format!("\"{LOGIN_CLIENT}\"")) {
            let mut set = self.cli(["client", "set", LOGIN_CLIENT, "--add-origin"]);
            return sh::quiet(set.arg(&origin));
        }
        let issuer = issuer(self.api_port);
        sh::quiet(self.cli(["client", "add", LOGIN_CLIENT]).args([
            "--origin",
            &origin,
            "--resource",
            &issuer,
            "--scope",
            "",
        ]))
    }

    fn start(
        &self,
        servers: &mut Servers,
        tell: &Sender<Event>,
        told: &Receiver<Event>,
    ) -> Result<()> {
        let mut iam = Command::new(&self.iam);
        iam.arg("serve").arg("--config").arg(&self.config);
        servers.start("the IAM service", iam, &self.folder.join("iam.log"), tell)?;
        let address = wait_for(told, "the IAM service", "listening on ")?;
        let mut rest = Command::new(binary("sessionmint-demo"));
        let ttl_command = format!(
            "\"{}\" client set {CLIENT} --config \"{}\" --ttl",
            self.iam.display(),
            self.config.display()
        );
        rest.args([
            "--ui-port",
            &self.ui_port.to_string(),
            "--api-port",
            &self.api_port.to_string(),
            "--login-port",
            &self.login_port.to_string(),
        ])
        .args(["--iam", &address, "--issuer", &issuer(self.api_port)])
        .arg("--dist")
        .arg(sh::root().join("www/dist"))
        .arg("--login-dist")
        .arg(sh::root().join("www/login/dist"))
        .arg("--database")
        .arg(self.folder.join("notes.db"))
        .args(["--ttl-command", &ttl_command]);
        servers.start(
            "the demo's gateway",
            rest,
            &self.folder.join("demo.log"),
            tell,
        )?;
        wait_for(told, "the demo's gateway", "demo ready")?;
        Ok(())
    }

    fn announce(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "\nsessionmint demo is up. Open the address in Chromium or Firefox and sign in.\n"
        )?;
        writeln!(out, "open {}", origin("ui", self.ui_port))?;
        writeln!(out, "user {USER}")?;
        writeln!(out, "password {}", self.password)?;
        writeln!(
            out,
            "\nlogs {}   (Ctrl-C stops everything)\ncommands {} … --config {}",
            self.folder.display(),
            self.iam.display(),
            self.config.display()
        )?;
        out.flush().context("standard output")
    }

    fn cli<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = Command::new(&self.iam);
        command.args(args).arg("--config").arg(&self.config);
        command
    }
}

/// The servers that run, stopped in reverse order.
#[derive(Default)]
struct Servers(Vec<Child>);

impl Servers {
    /// Starts a server whose output goes to a log file and, line by line, to the channel.
    fn start(
        &mut self,
        name: &'static str,
        mut command: Command,
        log: &Path,
        tell: &Sender<Event>,
    ) -> Result<()> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} did not start"))?;
        let log = std::fs::File::create(log)?;
        if let Some(stdout) = child.stdout.take() {
            follow(name, stdout, log.try_clone()?, tell.clone(), false);
        }
        if let Some(stderr) = child.stderr.take() {
            follow(name, stderr, log, tell.clone(), true);
        }
        self.0.push(child);
        Ok(())
    }

    fn stop(&mut self) {
        for child in self.0.iter_mut().rev() {
            // SIGTERM, so that requests in flight are answered.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
        }
    }
}

fn follow(
    name: &'static str,
    stream: impl std::io::Read + Send + 'static,
    mut log: std::fs::File,
    tell: Sender<Event>,
    is_last: bool,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = writeln!(log, "{line}");
            let _ = tell.send(Event::Line(name, line));
        }
        if is_last {
            let _ = tell.send(Event::Ended(name));
        }
    });
}

/// Waits for a line that holds `mark`; returns the word after it.
fn wait_for(told: &Receiver<Event>, name: &str, mark: &str) -> Result<String> {
    let mut seen = Vec::new();
    loop {
        match told.recv_timeout(START) {
            Ok(Event::Line(from, line)) if from == name => {
                if let Some((_, rest)) = line.split_once(mark) {
                    return Ok(rest
                        .split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned());
                }
                seen.push(line);
            }
            Ok(Event::Line(..)) => {}
            Ok(Event::Interrupted) => bail!("interrupted"),
            Ok(Event::Ended(from)) => bail!("{from} did not come up:\n{}", seen.join("\n")),
            Err(_) => bail!(
                "{name} does not listen after {} s:\n{}",
                START.as_secs(),
                seen.join("\n")
            ),
        }
    }
}

fn feed(command: &mut Command, line: &str) -> Result<()> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{line}")?;
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said)?;
    }
    if !child.wait()?.success() {
        bail!("{}", said.trim());
    }
    Ok(())
}

fn random_password() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).context("no randomness from the operating system")?;
    Ok(base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        bytes,
    ))
}

fn binary(name: &str) -> PathBuf {
    sh::target().join("debug").join(name)
}

fn origin(host: &str, port: u16) -> String {
    format!("http://{host}.app.localhost:{port}")
}

fn origin_of_api(port: u16) -> String {
    origin("api", port)
}

fn issuer(port: u16) -> String {
    format!("{}/iam", origin_of_api(port))
}
