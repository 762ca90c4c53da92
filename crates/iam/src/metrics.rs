//! What the service counts and measures, in the text form that Prometheus reads (OpenMetrics 1.0).
//!
//! Labels take their values from the code alone, so their number is bounded: never a user, a client, a session, an
//! address or an origin; those are in the log. The names are an interface: dashboards and alerts in `ops/` use them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sessionmint_oauth::ClientAuthentication;
use sessionmint_store::{AuditKind, CommandEnd, CommandKind, Observer};

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds. A read takes tens of microseconds, a write waits for the disk, and both give up after
/// seconds.
const STORE_BUCKETS: [f64; 12] = [
    0.000_05, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 5.0,
];

/// All counters and gauges of one service.
pub struct Metrics {
    registry: Registry,
    tokens: Family<TokenLabels, Counter>,
    /// The one of `tokens` that nearly every request counts in.
    minted: Counter,
    refreshes: Family<OutcomeLabel, Counter>,
    sign_ins: Family<OutcomeLabel, Counter>,
    sign_outs: Family<OutcomeLabel, Counter>,
    authorizations: Family<OutcomeLabel, Counter>,
    refused_origins: Family<ReasonLabel, Counter>,
    clients: Family<ClientLabels, Counter>,
    revocations: Family<OutcomeLabel, Counter>,
    introspections: Family<OutcomeLabel, Counter>,
    access_checks: Family<CheckLabels, Counter>,
    store: StoreMetrics,
    state: StateMetrics,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    grant: &'static str,
    outcome: &'static str,
}

const MINTED: TokenLabels = TokenLabels {
    grant: "session",
    outcome: "minted",
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClientLabels {
    way: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    by: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabel {
    table: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    kind: &'static str,
    end: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// Told by the store.
#[derive(Clone)]
struct StoreMetrics {
    seconds: Family<StoreLabels, Histogram>,
    under_way: Family<KindLabel, Gauge>,
    recorded: Family<KindLabel, Counter>,
    /// Those of the above that every request changes.
    reads_answered: Histogram,
    reads_under_way: Gauge,
}

/// Set when they are asked for.
#[derive(Default)]
struct StateMetrics {
    connections: Gauge,
    hash_permits: Gauge,
    hashes_running: Gauge,
    hashes_waiting: Gauge,
    keys: Gauge,
    key_age: Gauge<f64, AtomicU64>,
    draining: Gauge,
    places: Gauge,
    log_lines_dropped: Counter,
    limiters: Family<TableLabel, Gauge>,
    certificate_not_after: Gauge,
    certificate_refused: Gauge,
}

/// What is true at the moment of a scrape.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Connections of callers.
    pub connections: usize,
    /// Connections that there may be.
    pub places: usize,
    /// Sessions whose mints are counted at the moment.
    pub mint_limits: usize,
    /// Clients and networks whose failures to prove who they are are remembered.
    pub client_limits: usize,
    /// Lines of the log that were dropped.
    pub log_lines_dropped: u64,
    /// Whether the service is stopping.
    pub draining: bool,
    /// The TLS certificate of the listener.
    pub tls: Option<crate::tls::TlsState>,
    /// How busy the checking of passwords is.
    pub load: Option<crate::login::Load>,
    /// Keys that are published.
    pub keys: usize,
    /// For how long the signing key has existed, in seconds.
    pub key_age_secs: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let tokens = Family::<TokenLabels, Counter>::default();
        let minted = tokens.get_or_create_owned(&MINTED);
        let store = StoreMetrics::new();
        let mut metrics = Self {
            registry: Registry::with_prefix("sessionmint"),
            tokens,
            minted,
            refreshes: Family::default(),
            sign_ins: Family::default(),
            sign_outs: Family::default(),
            authorizations: Family::default(),
            refused_origins: Family::default(),
            clients: Family::default(),
            revocations: Family::default(),
            introspections: Family::default(),
            access_checks: Family::default(),
            store,
            state: StateMetrics::default(),
        };
        metrics.register();
        metrics.begin_at_zero();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "tokens",
            "Answers of the token endpoint by grant and outcome",
            self.tokens.clone(),
        );
        registry.register(
            "refreshes",
            "Uses of refresh tokens by what became of them",
            self.refreshes.clone(),
        );
        registry.register(
            "sign_ins",
            "Attempts to sign in by outcome",
            self.sign_ins.clone(),
        );
        registry.register(
            "sign_outs",
            "Requests to sign out by outcome",
            self.sign_outs.clone(),
        );
        registry.register(
            "authorizations",
            "Authorization requests and what became of them",
            self.authorizations.clone(),
        );
        registry.register(
            "refused_origins",
            "Requests and preflights from where no script may call",
            self.refused_origins.clone(),
        );
        registry.register(
            "client_authentications",
            "Requests of clients of the standard grants by the way that they prove who they are, and outcome",
            self.clients.clone(),
        );
        registry.register(
            "revocations",
            "Requests of clients to revoke a token, by what it was",
            self.revocations.clone(),
        );
        registry.register(
            "introspections",
            "Questions of services whether a token still counts, by outcome",
            self.introspections.clone(),
        );
        registry.register(
            "access_checks",
            "Permissions that were asked for",
            self.access_checks.clone(),
        );
        registry.register_with_unit(
            "store_command",
            "Time of storage commands, queueing included",
            Unit::Seconds,
            self.store.seconds.clone(),
        );
        registry.register(
            "store_commands_under_way",
            "Storage commands that wait or run; for writes the depth of the queue",
            self.store.under_way.clone(),
        );
        registry.register(
            "audit_records",
            "Records added to the audit trail by kind",
            self.store.recorded.clone(),
        );
        let state = &self.state;
        registry.register(
            "connections",
            "Connections of callers that are open",
            state.connections.clone(),
        );
        registry.register(
            "connection_places",
            "Connections of callers that may be open at once",
            state.places.clone(),
        );
        registry.register(
            "limiter_entries",
            "Whose use is remembered for a limit: sessions that mint, networks and accounts with failed sign-ins, networks and clients with wrong secrets",
            state.limiters.clone(),
        );
        registry.register(
            "password_hash_permits",
            "Password hashes that may be computed at once",
            state.hash_permits.clone(),
        );
        registry.register(
            "password_hashes_running",
            "Password hashes being computed",
            state.hashes_running.clone(),
        );
        registry.register(
            "password_hashes_waiting",
            "Sign-ins that wait for a password hash",
            state.hashes_waiting.clone(),
        );
        registry.register(
            "signing_keys",
            "Public keys that are published",
            state.keys.clone(),
        );
        registry.register_with_unit(
            "signing_key_age",
            "Time since the signing key was made",
            Unit::Seconds,
            state.key_age.clone(),
        );
        registry.register(
            "draining",
            "1 while the service finishes its last requests",
            state.draining.clone(),
        );
        registry.register_with_unit(
            "tls_certificate_not_after",
            "When the TLS certificate in use ends, as Unix time; 0 without TLS",
            Unit::Seconds,
            state.certificate_not_after.clone(),
        );
        registry.register(
            "log_lines_dropped",
            "Lines of the log that nobody read in time",
            state.log_lines_dropped.clone(),
        );
        registry.register(
            "tls_certificate_refused",
            "1 while the certificate in the files cannot be used and an older one is",
            state.certificate_refused.clone(),
        );
        let build = Family::<BuildLabels, Gauge>::default();
        build
            .get_or_create(&BuildLabels {
                version: env!("CARGO_PKG_VERSION"),
            })
            .set(1);
        registry.register("build_info", "The release that runs", build);
    }

    /// A series that begins with its first event hides that event from `rate()`: what alerts look at is there from the
    /// start.
    fn begin_at_zero(&self) {
        for outcome in ["login_required", "throttled", "origin_refused"] {
            self.token("session", outcome, 0);
        }
        self.token("session", "temporarily_unavailable", 0);
        for grant in ["client_credentials", "token_exchange"] {
            self.token(grant, "minted", 0);
        }
        for outcome in ["access_token", "refresh_token", "unknown"] {
            self.revocations
                .get_or_create(&OutcomeLabel { outcome })
                .inc_by(0);
        }
        for outcome in ["active", "inactive"] {
            self.introspections
                .get_or_create(&OutcomeLabel { outcome })
                .inc_by(0);
        }
        for way in ClientAuthentication::ALL {
            let (way, outcome) = (way.as_str(), "authenticated");
            self.clients
                .get_or_create(&ClientLabels { way, outcome })
                .inc_by(0);
        }
        for outcome in [
            "rotated",
            "replayed",
            "revoked_late",
            "revoked_lost_response",
            "revoked_theft",
        ] {
            self.refreshes
                .get_or_create(&OutcomeLabel { outcome })
                .inc_by(0);
        }
        for outcome in ["signed_in", "rejected", "throttled", "busy", "unavailable"] {
            self.sign_ins
                .get_or_create(&OutcomeLabel { outcome })
                .inc_by(0);
        }
        for by in ["service", "admin"] {
            for outcome in ["allowed", "denied", "unavailable"] {
                self.access_check_many(by, outcome, 0);
            }
        }
        for outcome in [
            "handed_over",
            "granted",
            "access_denied",
            "too_many",
            "unavailable",
        ] {
            self.authorizations
                .get_or_create(&OutcomeLabel { outcome })
                .inc_by(0);
        }
        for kind in AuditKind::ALL {
            self.store.count(*kind, 0);
        }
        for kind in [CommandKind::Read, CommandKind::Write] {
            self.store.gauge(kind, |_| {});
            for end in [CommandEnd::Answered, CommandEnd::Failed] {
                self.store.histogram(kind, end, |_| {});
            }
        }
    }

    fn token(&self, grant: &'static str, outcome: &'static str, count: u64) {
        self.tokens
            .get_or_create(&TokenLabels { grant, outcome })
            .inc_by(count);
    }

    /// The token endpoint answered.
    pub(crate) fn token_answer(&self, grant: &'static str, outcome: &'static str) {
        if (TokenLabels { grant, outcome }) == MINTED {
            self.minted.inc();
        } else {
            self.token(grant, outcome, 1);
        }
    }

    /// A refresh token was used by a client that proved who it is.
    pub(crate) fn refresh(&self, outcome: &'static str) {
        self.refreshes
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// Somebody tried to sign in.
    pub(crate) fn sign_in(&self, outcome: &'static str) {
        self.sign_ins.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Somebody signed out.
    pub(crate) fn sign_out(&self, outcome: &'static str) {
        self.sign_outs
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// A client's request came, or was answered.
    pub(crate) fn authorization(&self, outcome: &'static str) {
        self.authorizations
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// A request came from where no script may call.
    pub(crate) fn refused_origin(&self, reason: &'static str) {
        self.refused_origins
            .get_or_create(&ReasonLabel { reason })
            .inc();
    }

    /// A client proved who it is, or did not.
    pub(crate) fn client_authentication(&self, way: &'static str, outcome: &'static str) {
        self.clients
            .get_or_create(&ClientLabels { way, outcome })
            .inc();
    }

    /// A permission was asked for: `by` a `service` or the `admin` API.
    pub(crate) fn access_check(&self, by: &'static str, outcome: &'static str) {
        self.access_check_many(by, outcome, 1);
    }

    fn access_check_many(&self, by: &'static str, outcome: &'static str, count: u64) {
        self.access_checks
            .get_or_create(&CheckLabels { by, outcome })
            .inc_by(count);
    }

    /// A client gave a token back.
    pub(crate) fn revocation(&self, outcome: &'static str) {
        self.revocations
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// A service asked about a token.
    pub(crate) fn introspection(&self, outcome: &'static str) {
        self.introspections
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// What the store tells of its commands.
    pub fn store_observer(&self) -> impl Observer + use<> {
        self.store.clone()
    }

    /// Everything, as [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// None in practice: it writes to memory.
    pub fn text(&self, state: State) -> Result<String, fmt::Error> {
        self.set(state);
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn set(&self, state: State) {
        let set = |gauge: &Gauge, value: usize| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.state.connections, state.connections);
        set(&self.state.places, state.places);
        let dropped = self.state.log_lines_dropped.inner();
        dropped.store(state.log_lines_dropped, Ordering::Relaxed);
        let limiter = |table| self.state.limiters.get_or_create(&TableLabel { table });
        set(&limiter("mints"), state.mint_limits);
        set(&limiter("clients"), state.client_limits);
        set(&self.state.draining, usize::from(state.draining));
        set(&self.state.keys, state.keys);
        self.state
            .key_age
            .set(Duration::from_secs(state.key_age_secs).as_secs_f64());
        if let Some(tls) = state.tls {
            self.state.certificate_not_after.set(tls.not_after.secs());
            set(&self.state.certificate_refused, usize::from(tls.refused));
        }
        if let Some(load) = state.load {
            set(&self.state.hash_permits, load.permits);
            set(&self.state.hashes_running, load.running);
            set(&self.state.hashes_waiting, load.waiting);
            set(&limiter("sign_ins"), load.remembered);
        }
    }
}

impl StoreMetrics {
    fn new() -> Self {
        let seconds: Family<StoreLabels, Histogram> =
            Family::new_with_constructor(|| Histogram::new(STORE_BUCKETS));
        let under_way = Family::<KindLabel, Gauge>::default();
        let kind = CommandKind::Read.as_str();
        let end = CommandEnd::Answered.as_str();
        Self {
            reads_answered: seconds.get_or_create_owned(&StoreLabels { kind, end }),
            reads_under_way: under_way.get_or_create_owned(&KindLabel { kind }),
            seconds,
            under_way,
            recorded: Family::default(),
        }
    }

    fn gauge(&self, kind: CommandKind, change: impl FnOnce(&Gauge)) {
        if kind == CommandKind::Read {
            return change(&self.reads_under_way);
        }
        let kind = kind.as_str();
        change(&self.under_way.get_or_create(&KindLabel { kind }));
    }

    fn count(&self, kind: AuditKind, records: u64) {
        let kind = kind.as_str();
        self.recorded
            .get_or_create(&KindLabel { kind })
            .inc_by(records);
    }

    fn histogram(&self, kind: CommandKind, end: CommandEnd, change: impl FnOnce(&Histogram)) {
        if (kind, end) == (CommandKind::Read, CommandEnd::Answered) {
            return change(&self.reads_answered);
        }
        let (kind, end) = (kind.as_str(), end.as_str());
        change(&self.seconds.get_or_create(&StoreLabels { kind, end }));
    }
}

impl Observer for StoreMetrics {
    fn begun(&self, kind: CommandKind) {
        self.gauge(kind, |gauge| {
            gauge.inc();
        });
    }

    fn ended(&self, kind: CommandKind, end: CommandEnd, took: Duration) {
        self.gauge(kind, |gauge| {
            gauge.dec();
        });
        self.histogram(kind, end, |histogram| histogram.observe(took.as_secs_f64()));
    }

    fn recorded(&self, kind: AuditKind) {
        self.count(kind, 1);
    }
}
