//! The key that encrypts the signing keys, and its change.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sessionmint_iam::config::{Database, KeysConfig};
use sessionmint_iam::keys::{EncryptionKeySource, SigningKeys};
use sessionmint_iam::{Clock as _, SystemClock};
use sessionmint_store::{By, Keys as _, SqliteStore};

use super::support::*;
use crate::ops_support::{Said, service};

const DIGITS: [&str; 2] = ["0123456789abcdef", "fedcba9876543210"];

/// A file with a key for its owner alone.
fn key_file(folder: &Path, name: &str, digits: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, digits.repeat(4)).unwrap();
    set_mode(&path, 0o600);
    path
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn change_to(new: &str) -> Vec<&str> {
    with(&["keys", "change-encryption-key", "--new-key-file", new])
}

/// Whether the encryption key in `file` opens the signing keys.
async fn opens(folder: &Path, file: &str) -> bool {
    let path = folder.join("iam.db");
    let config = KeysConfig {
        encryption: EncryptionKeySource::File(folder.join(file)),
        ..KeysConfig::default()
    };
    let store = SqliteStore::open(&path).unwrap();
    let database = Database::Sqlite(path);
    let opened =
        SigningKeys::open(&config, &database, &store, &By::service(SystemClock.now())).await;
    opened.is_ok()
}

#[test]
fn c074_the_encryption_key_is_made_for_the_owner_alone_and_weak_or_open_ones_are_refused() {
    let folder = folder();
    let folder = folder.path();
    let file = folder.join("iam.db.key");
    Server::start(folder, &with(&["serve"]), &[]).stop();
    let metadata = std::fs::metadata(&file).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);

    set_mode(&file, 0o644);
    let refused = fails(folder, &with(&["serve"]), "");
    assert!(refused.contains("chmod 600"), "{refused}");
    set_mode(&file, 0o600);
    let zeros = "A".repeat(43);
    for (key, why) in [
        ("changeme", "32 random bytes"),
        (zeros.as_str(), "no random key"),
    ] {
        let output = command(folder)
            .args(with(&["serve"]))
            .env("SESSIONMINT_KEYS_ENCRYPTION_KEY", key)
            .output()
            .unwrap();
        let said = Said::from(output);
        assert_eq!(said.code, 1);
        assert!(said.err.contains(why), "{}", said.err);
        assert!(!said.err.contains(key), "{}", said.err);
    }
    std::fs::rename(&file, folder.join("elsewhere.key")).unwrap();
    let refused = fails(folder, &with(&["serve"]), "");
    assert!(refused.contains("put the file back"), "{refused}");
    let config = std::fs::read_to_string(folder.join("iam.toml")).unwrap();
    let config = format!("{config}[keys]\nencryption_key_file = \"elsewhere.key\"\n");
    std::fs::write(folder.join("iam.toml"), config).unwrap();
    Server::start(folder, &with(&["serve"]), &[]).stop();
}

#[test]
fn c074_a_credential_of_systemd_is_read_though_its_mode_names_a_group() {
    let folder = folder();
    let folder = folder.path();
    let credentials = folder.join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let key = key_file(&credentials, "encryption-key", DIGITS[0]);
    let key = key.to_str().unwrap();
    let serve = |credentials: &str| {
        let variables = [
            ("SESSIONMINT_KEYS_ENCRYPTION_KEY_FILE", key),
            ("CREDENTIALS_DIRECTORY", credentials),
        ];
        let mut serve = command(folder);
        serve.args(with(&["serve"])).envs(variables);
        serve
    };
    set_mode(Path::new(key), 0o440);
    Server::spawn(&mut serve(credentials.to_str().unwrap())).stop();
    // Anywhere else it is a group that could read it, and there it is never the others.
    let refused = Said::from(serve("/run/credentials/other").output().unwrap());
    assert!(refused.err.contains("chmod 600"), "{}", refused.err);
    set_mode(Path::new(key), 0o444);
    let refused = Said::from(serve(credentials.to_str().unwrap()).output().unwrap());
    assert!(refused.err.contains("chmod 600"), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn c074_the_encryption_key_is_changed_beside_a_running_service() {
    let folder = service::folder();
    let folder = folder.path();
    let mut server = service::serve(folder, &[]);
    let cookie = service::login(&server, "ann", service::PASSWORD).session();
    let mint = |server: &Server| {
        let minted = service::mint(server, &cookie, "").json();
        let token = minted["access_token"].as_str().unwrap().to_owned();
        token.split('.').next().unwrap().to_owned()
    };
    let header = mint(&server);
    ok(folder, &with(&["backup", "old.db"]), "");
    key_file(folder, "new.key", DIGITS[0]);

    let said = run(folder, &change_to("new.key"), "");
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "encrypted with the key in new.key: 1 signing key\n"),
        "{}",
        said.err
    );
    assert!(opens(folder, "new.key").await && !opens(folder, "iam.db.key").await);
    assert_eq!(mint(&server), header, "it goes on signing");
    server.wait_for_log("cannot be decrypted with the key in iam.db.key");
    let refused = fails(folder, &with(&["keys", "rotate"]), "");
    assert!(refused.contains("cannot be decrypted"), "{refused}");
    let again = run(folder, &change_to("new.key"), "");
    assert!(
        again
            .out
            .contains("encrypted before with the key in new.key")
    );

    // What it says is left to do.
    let step = said.err.lines().find(|line| line.starts_with("  cp -p"));
    let done = std::process::Command::new("sh")
        .args(["-ec", step.unwrap()])
        .current_dir(folder)
        .status();
    assert!(done.unwrap().success());
    server.wait_for_log("the encryption key of the signing keys was changed");
    let rotated = ok(folder, &with(&["keys", "rotate"]), "");
    let takes_over = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let set = server.request("GET", "/iam/.well-known/jwks.json", &[], "");
        set.body.contains(rotated.trim())
    });
    assert!(takes_over);
    assert_eq!(mint(&server), header, "by the timetable");
    let log = &server.log_so_far;
    assert!(!log.contains(DIGITS[0]), "{log}");
    server.stop();

    // A backup of before opens with the old key, which was kept.
    let names = std::fs::read_dir(folder).unwrap();
    let names: Vec<_> = names
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let kept = names.iter().find(|name| name.contains(".until-")).unwrap();
    ok(folder, &with(&["restore", "old.db", "--force"]), "");
    assert!(opens(folder, kept).await && !opens(folder, "iam.db.key").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn c074_a_kill_at_any_moment_leaves_exactly_one_encryption_key_that_fits() {
    let folder = folder();
    let folder = folder.path();
    let [mut current, mut new] = ["one.key", "two.key"];
    for (name, digits) in [current, new].into_iter().zip(DIGITS) {
        key_file(folder, name, digits);
    }
    assert!(
        opens(folder, current).await,
        "it makes the first signing key"
    );
    let change = |current: &str, new: &str| {
        let mut change = command(folder);
        change
            .args(change_to(new))
            .env("SESSIONMINT_KEYS_ENCRYPTION_KEY_FILE", current)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        change
    };
    for round in 0..24 {
        let mut killed = change(current, new).spawn().unwrap();
        // A whole run takes some 35 ms; kills come before, during and after the change.
        std::thread::sleep(Duration::from_millis(2) * round);
        killed.kill().unwrap();
        killed.wait().unwrap();

        let fit = (opens(folder, current).await, opens(folder, new).await);
        let said = Said::from(change(current, new).output().unwrap());
        let expected = match fit {
            (true, false) => format!("encrypted with the key in {new}: 1 signing key\n"),
            (false, true) => format!("encrypted before with the key in {new}: 1 signing key\n"),
            _ => panic!("round {round}: {fit:?}"),
        };
        assert_eq!(said.out, expected, "{}", said.err);
        assert!(opens(folder, new).await && !opens(folder, current).await);
        (current, new) = (new, current);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c074_an_encryption_key_that_protects_nothing_is_not_changed_to() {
    let folder = folder();
    let folder = folder.path();
    Server::start(folder, &with(&["serve"]), &[]).stop();
    let stored = || async {
        let store = SqliteStore::open(folder.join("iam.db")).unwrap();
        store.keys().await.unwrap().remove(0).pkcs8
    };
    let before = stored().await;

    let open = key_file(folder, "open.key", DIGITS[0]);
    set_mode(&open, 0o640);
    key_file(folder, "weak.key", "0000000000000000");
    for (file, why) in [
        ("open.key", "chmod 600 open.key"),
        ("weak.key", "no random key"),
        ("iam.db.key", "holds the encryption key that is in use"),
        ("none.key", "umask 077; openssl rand -base64 32 > none.key"),
    ] {
        let refused = fails(folder, &change_to(file), "");
        assert!(refused.contains(why), "{refused}");
        assert!(!refused.contains(DIGITS[0]), "{refused}");
    }
    // Who does not have the old key does not get the new one in.
    key_file(folder, "new.key", DIGITS[0]);
    std::fs::rename(folder.join("iam.db.key"), folder.join("kept.key")).unwrap();
    let refused = fails(folder, &change_to("new.key"), "");
    assert!(refused.contains("put the file back"), "{refused}");
    key_file(folder, "iam.db.key", DIGITS[1]);
    let refused = fails(folder, &change_to("new.key"), "");
    assert!(refused.contains("cannot be decrypted"), "{refused}");
    assert_eq!(stored().await, before);
}

#[cfg(target_os = "linux")]
#[test]
fn c074_a_crash_of_the_service_leaves_no_core_dump() {
    use std::os::unix::process::ExitStatusExt as _;

    let folder = folder();
    let crash = |program: &str, args: &[&str]| {
        let mut crash = std::process::Command::new("sh");
        crash
            .args([
                "-c",
                "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\"",
                program,
            ])
            .args(args)
            .current_dir(folder.path());
        crash
    };
    let program = env!("CARGO_BIN_EXE_sessionmint");
    let mut server = Server::spawn(&mut crash(program, &with(&["serve"])));
    server.signal("ABRT");
    let status = server.wait();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped(), "where others would leave one: {}", {
        let other = crash("sh", &["-c", "kill -ABRT $$"]).status();
        other.unwrap().core_dumped()
    });
}
