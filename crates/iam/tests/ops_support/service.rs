//! A service with a user and a client, and what its app sends.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;

use super::{Answer, Server, ok, send};

pub(crate) const ORIGIN: &str = "http://ui.app.localhost:4180";
pub(crate) const ISSUER: &str = "http://api.app.localhost:4181/iam";
pub(crate) const PASSWORD: &str = "seven small hedgehogs";

/// A folder with a configuration, a user and a client.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = "issuer = \"http://api.app.localhost:4181/iam\"\ndatabase = \"sqlite:iam.db\"\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("iam.toml"), config).unwrap();
    let at = folder.path();
    ok(
        at,
        &[
            "user",
            "add",
            "ann",
            "--password-stdin",
            "--config",
            "iam.toml",
        ],
        PASSWORD,
    );
    let resources = [
        "--resource",
        "http://api.app.localhost:4181",
        "--resource",
        "http://api.app.localhost:4181/iam",
    ];
    let mut add = vec![
        "client",
        "add",
        "web",
        "--config",
        "iam.toml",
        "--origin",
        ORIGIN,
        "--scope",
        "account notes:read",
    ];
    add.extend(resources);
    ok(at, &add, "");
    folder
}

pub(crate) fn serve(folder: &Path, variables: &[(&str, &str)]) -> Server {
    Server::start(folder, &["serve", "--config", "iam.toml"], variables)
}

pub(crate) fn login(server: &Server, username: &str, password: &str) -> Answer {
    App(server.address).login(username, password).unwrap()
}

pub(crate) fn mint(server: &Server, cookie: &str, more: &str) -> Answer {
    App(server.address).mint(cookie, more).unwrap()
}

/// The app in a browser, against a service that may be gone.
#[derive(Clone, Copy)]
pub(crate) struct App(pub(crate) SocketAddr);

impl App {
    pub(crate) fn login(self, username: &str, password: &str) -> io::Result<Answer> {
        let headers = [("Origin", ORIGIN), ("Content-Type", "application/json")];
        let body = json!({ "username": username, "password": password }).to_string();
        send(self.0, "POST", "/iam/passwordlogin", &headers, &body)
    }

    /// Mints with `more` behind the grant type.
    pub(crate) fn mint(self, cookie: &str, more: &str) -> io::Result<Answer> {
        let headers = [
            ("Origin", ORIGIN),
            ("Cookie", &format!("__Host-Http-sid={cookie}")),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let body = format!("grant_type=session{more}");
        send(self.0, "POST", "/iam/oauth/token", &headers, &body)
    }

    pub(crate) fn logout(self, cookie: &str) -> io::Result<Answer> {
        let headers = [
            ("Origin", ORIGIN),
            ("Cookie", &format!("__Host-Http-sid={cookie}")),
        ];
        send(self.0, "POST", "/iam/logout", &headers, "")
    }

    /// Changes the password of the user whose session mints the token.
    pub(crate) fn change_password(
        self,
        cookie: &str,
        current: &str,
        new: &str,
    ) -> io::Result<Answer> {
        let minted = self.mint(cookie, &format!("&resource={ISSUER}&scope=account"))?;
        let token = minted.json()["access_token"].as_str().unwrap().to_owned();
        let headers = [
            ("Origin", ORIGIN),
            ("Authorization", &format!("Bearer {token}")),
            ("Content-Type", "application/json"),
        ];
        let body = json!({ "current_password": current, "new_password": new }).to_string();
        send(self.0, "POST", "/iam/password", &headers, &body)
    }

    pub(crate) fn key_set(self) -> io::Result<Answer> {
        send(self.0, "GET", "/iam/.well-known/jwks.json", &[], "")
    }

    /// Whether the session mints. An answer that is neither a token nor "no session" fails the test.
    pub(crate) fn is_signed_in(self, cookie: &str) -> bool {
        let answer = self.mint(cookie, "").unwrap();
        match (answer.status, answer.body.as_str()) {
            (200, _) => true,
            (401, "{\"error\":\"login_required\"}") => false,
            (status, body) => panic!("{status} {body}"),
        }
    }
}
