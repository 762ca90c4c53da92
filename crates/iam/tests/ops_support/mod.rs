//! What several of these tests need: a store, the binary, a plain HTTP client.
#![allow(
    dead_code,
    reason = "each test file is a crate of its own and uses a part"
)]

pub(crate) mod service;

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use secrecy::SecretString;
use sessionmint_iam::testing::Secrets;
use sessionmint_oauth::{Timestamp, UserId};
use sessionmint_store::{AddUser, By, NewUser, SqliteStore, Users};
use tempfile::TempDir;

/// How long to wait for something that is sure to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Those that passed through any service of these tests. What a service leaves behind is searched for them when it ends.
static SECRETS: LazyLock<Secrets> = LazyLock::new(Secrets::default);

/// A store, and the folder that it is in.
pub(crate) fn temp_store() -> (Arc<SqliteStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (
        Arc::new(SqliteStore::open(folder.path().join("iam.db")).unwrap()),
        folder,
    )
}

pub(crate) async fn add_user(store: &SqliteStore, name: &str, hash: Option<&str>) -> UserId {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let id = UserId::from_random(id);
    let user = NewUser {
        id: id.clone(),
        username: name.to_owned(),
        password_hash: hash.map(str::to_owned),
        scopes: None,
        disabled_at: None,
        created_at: Timestamp::from_secs(1_700_000_000),
    };
    let by = By::service(user.created_at);
    assert_eq!(store.add_user(user, by).await.unwrap(), AddUser::Added);
    id
}

pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// The binary in a folder of its own, with none of our variables but those given.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionmint"));
    command.current_dir(folder);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SESSIONMINT_"))
    {
        command.env_remove(name);
    }
    command
}

/// What a command said and how it ended.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// Runs `sessionmint ARGS` to its end with `input` on standard input.
pub(crate) fn run(folder: &Path, args: &[&str], input: &str) -> Said {
    let mut child = command(folder)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let said: Said = child.wait_with_output().unwrap().into();
    if args.contains(&"--password-stdin") {
        SECRETS.add("password", input.trim_end());
    }
    SECRETS.received([], said.out.as_bytes());
    for word in said.out.split_whitespace() {
        if word.starts_with("sms_") {
            SECRETS.add("client secret", word);
        }
    }
    said
}

/// Runs a command that must succeed; gives what it printed.
pub(crate) fn ok(folder: &Path, args: &[&str], input: &str) -> String {
    let said = run(folder, args, input);
    assert_eq!(said.code, 0, "{args:?}\n{}", said.err);
    said.out
}

/// Runs a command that must fail with exit code 1 and say nothing on standard output; gives its error.
pub(crate) fn fails(folder: &Path, args: &[&str], input: &str) -> String {
    let said = run(folder, args, input);
    assert_eq!(
        (said.code, said.out.as_str()),
        (1, ""),
        "{args:?}\n{}",
        said.err
    );
    said.err
}

/// The lines of a stream as they come.
#[derive(Default)]
struct Lines {
    fresh: Mutex<(VecDeque<String>, bool)>,
    more: Condvar,
}

impl Lines {
    fn follow(stream: impl io::Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let here = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                here.fresh.lock().unwrap().0.push_back(line.unwrap());
                here.more.notify_all();
            }
            here.fresh.lock().unwrap().1 = true;
            here.more.notify_all();
        });
        lines
    }

    /// Waits for a line that contains `text`; takes it and those before it.
    fn wait_for(&self, text: &str, seen: &mut String) -> String {
        let mut fresh = self.fresh.lock().unwrap();
        loop {
            while let Some(line) = fresh.0.pop_front() {
                seen.push_str(&line);
                seen.push('\n');
                if line.contains(text) {
                    return line;
                }
            }
            assert!(!fresh.1, "the stream ended without `{text}`:\n{seen}");
            let (guard, timeout) = self.more.wait_timeout(fresh, PATIENCE).unwrap();
            assert!(!timeout.timed_out(), "no `{text}` came:\n{seen}");
            fresh = guard;
        }
    }

    /// Waits for the end; takes all that is left.
    fn rest(&self, seen: &mut String) {
        let mut fresh = self.fresh.lock().unwrap();
        while !fresh.1 {
            fresh = self.more.wait(fresh).unwrap();
        }
        for line in fresh.0.drain(..) {
            seen.push_str(&line);
            seen.push('\n');
        }
    }
}

/// A running service.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    searched: bool,
    log: Arc<Lines>,
    said: Arc<Lines>,
    pub(crate) log_so_far: String,
    pub(crate) said_so_far: String,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `sessionmint ARGS` and waits until it listens.
    pub(crate) fn start(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(command(folder).args(args).envs(variables.iter().copied()))
    }

    /// Starts a command that ends up as the service, and waits until it listens.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Lines::follow(child.stderr.take().unwrap());
        let said = Lines::follow(child.stdout.take().unwrap());
        let mut log_so_far = String::new();
        let line = log.wait_for("listening on http", &mut log_so_far);
        let address = line
            .split("://")
            .nth(1)
            .unwrap()
            .split(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
        let address = address.into_iter().next().unwrap().parse().unwrap();
        let folder = command.get_current_dir().unwrap().to_owned();
        Self {
            child,
            folder,
            searched: false,
            log,
            said,
            log_so_far,
            said_so_far: String::new(),
            address,
        }
    }

    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        self.log.wait_for(text, &mut self.log_so_far)
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    /// Waits for the end of the process, reads all that it said, and searches what it left behind for secrets.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        self.log.rest(&mut self.log_so_far);
        self.said.rest(&mut self.said_so_far);
        self.searched = true;
        let log = self.log_so_far.clone().into_bytes();
        let found = SECRETS.found(&self.folder, ".db", log);
        assert!(found.is_empty(), "secrets were kept: {found:?}");
        status
    }

    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        assert_eq!(self.wait().code(), Some(0), "{}", self.log_so_far);
    }

    /// One request on a connection of its own.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        send(self.address, method, path, headers, body).unwrap()
    }

    /// One request to the admin listener, which answers during the drain too.
    pub(crate) fn admin(&self, path: &str) -> Answer {
        let line = self
            .log_so_far
            .lines()
            .find_map(|line| line.split_once("admin on http://"));
        let (_, address) = line.unwrap_or_else(|| panic!("no admin:\n{}", self.log_so_far));
        let mut stream = TcpStream::connect(address.trim()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        Answer::read(stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

/// One request on a connection of its own, to a service that may be gone.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    let fields = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    SECRETS.sent(path, fields, body.as_bytes());
    stream.write_all(head.as_bytes())?;
    let answer = Answer::try_read(stream)?;
    let fields = answer.head.lines().filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name, value.as_bytes()));
    SECRETS.received(fields, answer.body.as_bytes());
    Ok(answer)
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            // A test that failed leaves it running.
            let _ = self.child.kill();
            let _ = self.child.wait();
        } else if !self.searched {
            self.kill();
        }
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads to the end of the connection.
    pub(crate) fn read(stream: TcpStream) -> Self {
        Self::try_read(stream).unwrap()
    }

    /// Reads to the end of the connection, which may come too early.
    pub(crate) fn try_read(mut stream: TcpStream) -> io::Result<Self> {
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("no whole answer: {text:?}"),
            )
        })?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The value of the session cookie that it sets.
    pub(crate) fn session(&self) -> String {
        let cookie = self
            .header("set-cookie")
            .unwrap_or_else(|| panic!("no cookie in {}\n{}", self.head, self.body));
        cookie
            .strip_prefix("__Host-Http-sid=")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }
}
