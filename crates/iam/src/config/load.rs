//! From raw settings to a checked [`Config`].
//!
//! Precedence: command line, then environment, then file, then default. Everything that is wrong is reported at once.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use axum::http::HeaderValue;
use ipnet::IpNet;
use sessionmint_oauth::{Algorithm, Issuer};
use tracing_subscriber::EnvFilter;

use super::error::{ConfigErrors, Problem};
use super::keys::{ENV_ENCRYPTION_KEY, Key, Kind};
use super::source::{Raw, Sources, wanted};
use super::{
    AdminConfig, AuditConfig, AuthorizeConfig, Config, Database, HashingConfig, KeysConfig,
    LogConfig, LogFormat, LoginConfig, PageUrl, PolicyConfig, SessionsConfig, ThrottleConfig,
    TlsConfig, defaults,
};
use crate::keys::EncryptionKeySource;

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Input<'a> {
    /// The configuration file.
    pub file: Option<&'a Path>,
    /// The environment; only variables that begin with `SESSIONMINT_` are looked at.
    pub environment: Vec<(String, String)>,
    /// `--database`.
    pub database: Option<String>,
    /// `--listen`.
    pub listen: Option<String>,
}

/// A valid configuration that may lack what only some commands need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// See [`Config::issuer`].
    pub issuer: Option<Issuer>,
    /// See [`Config::database`].
    pub database: Option<Database>,
    /// See [`Config::listen`].
    pub listen: SocketAddr,
    /// See [`Config::trusted_proxies`].
    pub trusted_proxies: Vec<IpNet>,
    /// See [`Config::tls`].
    pub tls: Option<TlsConfig>,
    /// See [`Config::sessions`].
    pub sessions: SessionsConfig,
    /// See [`Config::login`].
    pub login: LoginConfig,
    /// See [`Config::keys`].
    pub keys: KeysConfig,
    /// See [`Config::authorize`].
    pub authorize: Option<AuthorizeConfig>,
    /// See [`Config::audit`].
    pub audit: AuditConfig,
    /// See [`Config::log`].
    pub log: LogConfig,
    /// See [`Config::admin`].
    pub admin: AdminConfig,
}

impl Partial {
    /// Reads and checks all sources.
    pub fn load(input: Input<'_>) -> Result<Self, ConfigErrors> {
        let mut sources = Sources::default();
        if let Some(path) = input.file {
            match std::fs::read_to_string(path) {
                Ok(text) => sources.file(&path.display().to_string(), &text),
                Err(error) => sources.problem(
                    path.display().to_string(),
                    format!("cannot be read: {error}"),
                ),
            }
        }
        sources.environment(&input.environment);
        let given = input
            .environment
            .iter()
            .find(|(variable, _)| variable == ENV_ENCRYPTION_KEY);
        for (name, flag, value) in [
            ("database", "--database", input.database),
            ("listen", "--listen", input.listen),
        ] {
            if let Some(value) = value {
                sources.flag(name, flag, value);
            }
        }
        build(sources, given.map(|(_, key)| key.as_str()))
    }

    /// Reads and checks one TOML text; `name` is what its lines are cited by.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let mut sources = Sources::default();
        sources.file(name, text);
        build(sources, None)
    }

    /// The database, which every command but `config check` needs.
    pub fn database(&self) -> Result<&Database, ConfigErrors> {
        self.database
            .as_ref()
            .ok_or_else(|| ConfigErrors(vec![no_database()]))
    }

    /// The whole, which the service needs.
    pub fn complete(self) -> Result<Config, ConfigErrors> {
        match (self.issuer, self.database) {
            (Some(issuer), Some(database)) => Ok(Config {
                issuer,
                listen: self.listen,
                database,
                trusted_proxies: self.trusted_proxies,
                tls: self.tls,
                sessions: self.sessions,
                login: self.login,
                keys: self.keys,
                authorize: self.authorize,
                audit: self.audit,
                log: self.log,
                admin: self.admin,
            }),
            (issuer, database) => {
                let problems = issuer.is_none().then(no_issuer).into_iter();
                Err(ConfigErrors(
                    problems
                        .chain(database.is_none().then(no_database))
                        .collect(),
                ))
            }
        }
    }
}

fn no_issuer() -> Problem {
    Problem {
        place: String::new(),
        message: "no issuer: set `issuer = \"https://api.example.com/iam\"` in the file of `--config`, or \
                  SESSIONMINT_ISSUER; it is the public address of this service"
            .to_owned(),
    }
}

fn no_database() -> Problem {
    Problem {
        place: String::new(),
        message: "no database: give `--database sqlite:PATH`, or set `database` in the file of `--config`, or \
                  SESSIONMINT_DATABASE"
            .to_owned(),
    }
}

fn build(mut sources: Sources, encryption_key: Option<&str>) -> Result<Partial, ConfigErrors> {
    let read = &mut sources;
    let issuer = parsed(read, "issuer");
    let database = parsed(read, "database");
    let listen = address(read, "listen").unwrap_or(defaults::LISTEN);
    let trusted_proxies = networks(read, "trusted_proxies", "proxies");
    let tls = tls(read, issuer.as_ref());
    let sessions = sessions(read);
    let login = LoginConfig {
        hashing: HashingConfig {
            argon2_memory_kib: integer(
                read,
                "login.argon2_memory_kib",
                defaults::HASHING.argon2_memory_kib,
            ),
            argon2_iterations: integer(
                read,
                "login.argon2_iterations",
                defaults::HASHING.argon2_iterations,
            ),
            argon2_parallelism: integer(
                read,
                "login.argon2_parallelism",
                defaults::HASHING.argon2_parallelism,
            ),
            concurrent_hashes: optional_integer(read, "login.concurrent_hashes"),
            max_waiting: integer(read, "login.max_waiting", defaults::HASHING.max_waiting),
            max_wait_secs: integer(read, "login.max_wait_secs", defaults::HASHING.max_wait_secs),
        },
        throttle: ThrottleConfig {
            failures_per_account_and_network: integer(
                read,
                "login.failures_per_account_and_network",
                defaults::THROTTLE.failures_per_account_and_network,
            ),
            failures_per_network: integer(
                read,
                "login.failures_per_network",
                defaults::THROTTLE.failures_per_network,
            ),
            failures_per_account: integer(
                read,
                "login.failures_per_account",
                defaults::THROTTLE.failures_per_account,
            ),
            window_secs: integer(
                read,
                "login.failure_window_secs",
                defaults::THROTTLE.window_secs,
            ),
        },
        policy: PolicyConfig {
            password_min_bytes: integer(
                read,
                "login.password_min_bytes",
                defaults::POLICY.password_min_bytes,
            ),
        },
    };
    let keys = signing_keys(read, encryption_key);
    let authorize = authorize(read, issuer.as_ref());
    let audit = AuditConfig {
        keep_days: integer(read, "audit.keep_days", defaults::AUDIT.keep_days),
    };
    let log = log(read);
    let admin = admin(read);
    if sources.problems.is_empty() {
        Ok(Partial {
            issuer,
            database,
            listen,
            trusted_proxies,
            tls,
            sessions,
            login,
            keys,
            authorize,
            audit,
            log,
            admin,
        })
    } else {
        Err(ConfigErrors(sources.problems))
    }
}

fn tls(sources: &mut Sources, issuer: Option<&Issuer>) -> Option<TlsConfig> {
    let hsts = hsts(sources);
    let files = [
        text(sources, "tls.certificate_file"),
        text(sources, "tls.key_file"),
    ];
    let (certificate, key) = match files {
        [Some(certificate), Some(key)] => (certificate, key),
        [None, None] => {
            if let Some((_, place)) = text(sources, "tls.hsts") {
                sources.problem(
                    place,
                    "`tls.hsts` is sent over TLS only, which begins with `tls.certificate_file` and `tls.key_file`; a \
                     gateway in front sends its own",
                );
            }
            return None;
        }
        [Some((_, place)), None] => {
            sources.problem(place, "`tls.certificate_file` needs its `tls.key_file`");
            return None;
        }
        [None, Some((_, place))] => {
            sources.problem(place, "`tls.key_file` needs its `tls.certificate_file`");
            return None;
        }
    };
    if let Some(issuer) = issuer.filter(|issuer| !issuer.as_str().starts_with("https://")) {
        sources.problem(
            &certificate.1,
            format!("with TLS the issuer begins with https://, not `{issuer}`: browsers would ask for it in plain text"),
        );
    }
    Some(TlsConfig {
        certificate_file: certificate.0.into(),
        key_file: key.0.into(),
        hsts,
    })
}

/// The pages are not the service's own: what runs there would share its host, and scripts on that mint nothing.
fn authorize(sources: &mut Sources, issuer: Option<&Issuer>) -> Option<AuthorizeConfig> {
    let interaction_url: Option<PageUrl> = parsed(sources, "authorize.interaction_url");
    let logout_url: Option<PageUrl> = parsed(sources, "authorize.logout_url");
    for (name, page) in [
        ("authorize.interaction_url", &interaction_url),
        ("authorize.logout_url", &logout_url),
    ] {
        if let (Some(page), Some(issuer), Some((_, place))) = (page, issuer, text(sources, name))
            && page.origin() == issuer.origin()
        {
            sources.problem(
                place,
                format!(
                    "`{name}` is a page of its own host, not on {}",
                    issuer.origin()
                ),
            );
        }
    }
    if interaction_url.is_none()
        && let Some((_, place)) = text(sources, "authorize.logout_url")
    {
        sources.problem(
            place,
            "`authorize.logout_url` needs `authorize.interaction_url`",
        );
    }
    Some(AuthorizeConfig {
        interaction_url: interaction_url?,
        logout_url,
    })
}

/// RFC 6797 §6.1: a `max-age`, and perhaps two words that it defines or that browsers know.
fn hsts(sources: &mut Sources) -> Option<HeaderValue> {
    let (value, place) =
        text(sources, "tls.hsts").unwrap_or_else(|| (defaults::HSTS.to_owned(), String::new()));
    if value.is_empty() {
        return None;
    }
    let mut directives: Vec<_> = value
        .split(';')
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    let all = directives.len();
    directives.retain(|directive| {
        let age = directive.strip_prefix("max-age=");
        age.is_some_and(|age| !age.is_empty() && age.bytes().all(|byte| byte.is_ascii_digit()))
            || matches!(directive.as_str(), "includesubdomains" | "preload")
    });
    let ages = directives
        .iter()
        .filter(|directive| directive.starts_with("max-age="));
    match HeaderValue::try_from(&value) {
        Ok(header) if directives.len() == all && ages.count() == 1 => Some(header),
        _ => {
            sources.problem(
                place,
                format!(
                    "`tls.hsts` is empty or such as `{}`, not `{value}`",
                    defaults::HSTS
                ),
            );
            None
        }
    }
}

fn sessions(sources: &mut Sources) -> SessionsConfig {
    let sessions = SessionsConfig {
        idle_secs: integer(sources, "sessions.idle_secs", defaults::SESSIONS.idle_secs),
        absolute_secs: integer(
            sources,
            "sessions.absolute_secs",
            defaults::SESSIONS.absolute_secs,
        ),
        max_per_user: integer(
            sources,
            "sessions.max_per_user",
            defaults::SESSIONS.max_per_user,
        ),
        mints_per_minute: integer(
            sources,
            "sessions.mints_per_minute",
            defaults::SESSIONS.mints_per_minute,
        ),
        purge_secs: integer(
            sources,
            "sessions.purge_secs",
            defaults::SESSIONS.purge_secs,
        ),
    };
    if sessions.idle_secs > sessions.absolute_secs {
        let place = ["sessions.idle_secs", "sessions.absolute_secs"]
            .iter()
            .find_map(|name| sources.found.get(name).map(|(_, place)| place.clone()));
        sources.problem(
            place.unwrap_or_default(),
            format!(
                "`sessions.idle_secs` ({}) is more than `sessions.absolute_secs` ({}): no session could become idle",
                sessions.idle_secs, sessions.absolute_secs
            ),
        );
    }
    sessions
}

fn signing_keys(sources: &mut Sources, encryption_key: Option<&str>) -> KeysConfig {
    const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];
    let mut keys = KeysConfig {
        rotate_after_secs: integer(
            sources,
            "keys.rotate_after_secs",
            defaults::KEYS.rotate_after_secs,
        ),
        jwks_max_age_secs: integer(
            sources,
            "keys.jwks_max_age_secs",
            defaults::KEYS.jwks_max_age_secs,
        ),
        ..KeysConfig::default()
    };
    if let Some((value, place)) = text(sources, "keys.algorithm") {
        match ALGORITHMS.into_iter().find(|known| known.name() == value) {
            Some(algorithm) => keys.algorithm = algorithm,
            None => sources.problem(
                place,
                format!("`keys.algorithm` is `ES256`, `EdDSA` or `RS256`, not `{value}`"),
            ),
        }
    }
    let file = text(sources, "keys.encryption_key_file");
    match (file, encryption_key) {
        (None, None) => {}
        (Some((path, place)), None) if path.is_empty() => {
            sources.problem(place, "`keys.encryption_key_file` is empty");
        }
        (Some((path, _)), None) => keys.encryption = EncryptionKeySource::File(path.into()),
        (Some((_, place)), Some(_)) => sources.problem(
            place,
            format!(
                "`keys.encryption_key_file` and {ENV_ENCRYPTION_KEY} are both set; which is it?"
            ),
        ),
        (None, Some(key)) => match key.parse() {
            Ok(key) => keys.encryption = EncryptionKeySource::Given(key),
            Err(error) => sources.problem(ENV_ENCRYPTION_KEY, error.to_string()),
        },
    }
    keys
}

fn address(sources: &mut Sources, name: &str) -> Option<SocketAddr> {
    let (value, place) = text(sources, name)?;
    let parsed = value.parse().ok();
    if parsed.is_none() {
        let port = value
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or(8080_u16);
        sources.problem(
            place,
            format!("`{name}` is an IP address and a port, such as `127.0.0.1:{port}` for this machine alone or `[::]:{port}` for all that reach it, not `{value}`"),
        );
    }
    parsed
}

fn admin(sources: &mut Sources) -> AdminConfig {
    let admin = AdminConfig {
        listen: address(sources, "admin.listen"),
        allow: networks(sources, "admin.allow", "scrapers and balancers"),
    };
    if let (Some(listen), Some((_, place))) = (admin.listen, text(sources, "admin.listen"))
        && !listen.ip().is_loopback()
        && admin.allow.is_empty()
    {
        sources.problem(
            place,
            format!("`admin.listen` {listen} can be reached by others, and nothing but their address is checked there: name who may ask in `admin.allow`, or use 127.0.0.1"),
        );
    }
    admin
}

/// Address blocks; `whose` says in a message what they should be.
fn networks(sources: &mut Sources, name: &str, whose: &str) -> Vec<IpNet> {
    let Some((Raw::List(items), place)) = sources.found.get(name).cloned() else {
        return Vec::new();
    };
    let mut networks = Vec::new();
    for item in items {
        match item.parse::<IpNet>().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)) {
            // Everybody could then claim to be anybody.
            Ok(network) if network.prefix_len() == 0 => {
                sources.problem(&place, format!("`{item}` trusts the whole internet; name the addresses of your {whose}"));
            }
            Ok(network) => networks.push(network.trunc()),
            Err(_) => sources.problem(
                &place,
                format!("`{name}` are addresses or blocks such as `10.0.0.0/8` or `fd00::/8`, not `{item}`"),
            ),
        }
    }
    networks
}

fn log(sources: &mut Sources) -> LogConfig {
    let mut log = LogConfig::default();
    match text(sources, "log.format") {
        None => {}
        Some((value, _)) if value == "text" => {}
        Some((value, _)) if value == "json" => log.format = LogFormat::Json,
        Some((value, place)) => sources.problem(
            place,
            format!("`log.format` is `text` or `json`, not `{value}`"),
        ),
    }
    if let Some((value, place)) = text(sources, "log.filter") {
        match EnvFilter::builder().parse(&value) {
            Ok(_) if !value.trim().is_empty() => log.filter = value,
            _ => sources.problem(
                place,
                format!("`log.filter` is `error`, `warn`, `info`, `debug` or `trace`, or directives such as `warn,sessionmint_iam=debug`, not `{value}`"),
            ),
        }
    }
    log
}

fn text(sources: &Sources, name: &str) -> Option<(String, String)> {
    match sources.found.get(name) {
        Some((Raw::Text(value), place)) => Some((value.clone(), place.clone())),
        _ => None,
    }
}

fn parsed<T: FromStr<Err: Display>>(sources: &mut Sources, name: &str) -> Option<T> {
    let (value, place) = text(sources, name)?;
    match value.parse() {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            sources.problem(place, format!("`{name}` cannot be `{value}`: {error}"));
            None
        }
    }
}

fn integer<T: TryFrom<u64>>(sources: &mut Sources, name: &'static str, default: T) -> T {
    optional_integer(sources, name).unwrap_or(default)
}

fn optional_integer<T: TryFrom<u64>>(sources: &mut Sources, name: &'static str) -> Option<T> {
    let (Raw::Integer(value), place) = sources.found.get(name)?.clone() else {
        return None;
    };
    let key = Key::find(name)?;
    let in_range = matches!(&key.kind, Kind::Integer(range) if range.contains(&value));
    match T::try_from(value) {
        Ok(value) if in_range => Some(value),
        _ => {
            sources.problem(
                place,
                format!("`{name}` must be {}, not `{value}`", wanted(key)),
            );
            None
        }
    }
}
