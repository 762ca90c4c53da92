//! Mints while sign-ins use all that password hashing may take.

use anyhow::Result;

use super::programs::ORIGIN;
use super::results::{Effort, Login};
use super::server::Server;
use super::wrk::{self, Load, Wrk};
use super::{Bench, http, mint};
use crate::sh;

const SESSIONS: u64 = 1_000;
const USER: &str = "bench";
const PASSWORD: &str = "a password of this measurement";
/// Sign-ins at once: more than may be hashed, fewer than are turned away.
const SIGN_INS: u32 = 16;

pub(super) fn run(bench: &Bench) -> Result<Login> {
    let folder = bench.folder("login")?;
    let cookies = folder.join("cookies");
    bench
        .programs
        .seed(&folder.join("iam.db"), &cookies, SESSIONS)?;
    bench.programs.add_user(&folder, USER, PASSWORD)?;
    let server = Server::start(bench.programs.service(&folder, "ES256")?, &folder)?;
    mint::check_mint(&server, &cookies, true)?;
    check_login(&server)?;
    let script = bench.programs.script();
    let mints = Load::Mint {
        origin: ORIGIN,
        cookies: &cookies,
    };
    let sign_ins = Load::Login {
        origin: ORIGIN,
        user: USER,
        password: PASSWORD,
    };
    let mut results = Login {
        effort: Effort::of(bench),
        alone: Vec::new(),
        beside: Vec::new(),
        sign_ins_per_second: Vec::new(),
    };
    for round in 1..=bench.rounds {
        sh::step(&format!("round {round} of {}: mints alone", bench.rounds));
        results
            .alone
            .push(wrk::run(script, &server, &mints, bench.seconds)?);
        sh::step(&format!(
            "round {round} of {}: mints beside sign-ins",
            bench.rounds
        ));
        // The sign-ins begin before the mints and end after them.
        let others = Wrk::start(script, &server, &sign_ins, SIGN_INS, bench.seconds + 2)?;
        std::thread::sleep(std::time::Duration::from_secs(1));
        results
            .beside
            .push(wrk::run(script, &server, &mints, bench.seconds)?);
        let done = others.finish()?;
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let per_second = (done.requests - done.refused) as f64 * 1e6 / done.micros as f64;
        results.sign_ins_per_second.push(per_second);
    }
    Ok(results)
}

fn check_login(server: &Server) -> Result<()> {
    let headers = format!("Origin: {ORIGIN}\r\nContent-Type: application/json\r\n");
    let body = format!(r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#);
    http::expect(
        &server.address,
        ("POST /iam/passwordlogin", &headers, &body),
        200,
        USER,
    )
}
