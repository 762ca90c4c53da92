//! One connection, from the handshake to its end, and the places that all connections of a listener share.
//!
//! Whoever connects costs a place until something is asked and for as long as answers are under way. An attacker can
//! take places, so none is kept for nothing: what falls silent is closed after [`SILENCE`], and as soon as all places are
//! taken, after [`SILENCE_WHEN_FULL`], so that who asks for something waits for no attacker's time-out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use crate::http::framing;
use crate::tls::Tls;

/// How long a connection may stay without a request: from its beginning or its last answer to a whole header. More than the 60 s that proxies keep idle connections
/// by default, or a renewal could meet a connection that is just being closed.
const SILENCE: Duration = Duration::from_secs(75);

/// The same when all places are taken. Enough for a slow peer to say what it wants.
const SILENCE_WHEN_FULL: Duration = Duration::from_secs(5);

/// How often silent connections are told to go while all places are taken, and how long those that need to be told twice
/// have in between.
const FULL_ROUND: Duration = Duration::from_secs(1);

/// How long a handshake may take.
const MAX_HANDSHAKE: Duration = Duration::from_secs(10);

/// Bytes of a request header that hyper reads in HTTP/1 before it gives up with a bare 431. Three times what `http`
/// accepts: in between, the refusal is one that a script can read. Times the places, it bounds what headers can take.
const MAX_HTTP1_HEADER_BYTES: usize = 96 * 1024;

/// The same in HTTP/2, where each field counts 32 bytes more (RFC 9113 §6.5.2).
const MAX_HTTP2_HEADER_BYTES: u32 = 96 * 1024;

/// Requests at once on one connection of HTTP/2. RFC 9113 §6.5.2 asks for 100 at least; gateways that put many users on
/// one connection open another beyond it, and sign-ins that wait for their password check must not fill it alone.
const MAX_STREAMS: u32 = 200;

/// Bytes of one request body that are taken before it is read: a whole one fits.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;

/// The same for all bodies of a connection together, so that its streams cannot multiply the memory of a body by 200.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;

/// What the connections of a listener are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Nothing.
    Go,
    /// All places are taken: who is silent goes.
    MakeRoom,
    /// Finish what was begun, then go.
    Drain,
}

/// All connections of one listener.
pub(super) struct Connections {
    places: usize,
    free: Arc<Semaphore>,
    word: watch::Sender<Word>,
    router: Router,
    tls: Option<Arc<Tls>>,
    warned: Mutex<Option<Instant>>,
}

impl Connections {
    /// Serves `router` on at most so many connections at once; more wait to be accepted.
    pub(super) fn new(router: Router, places: usize, tls: Option<Arc<Tls>>) -> Self {
        Self {
            places,
            free: Arc::new(Semaphore::new(places)),
            word: watch::Sender::new(Word::Go),
            router,
            tls,
            warned: Mutex::new(None),
        }
    }

    /// Accepts the next connection; what comes back serves it.
    pub(super) async fn next(
        &self,
        listener: &TcpListener,
    ) -> impl Future<Output = ()> + Send + use<> {
        let place = self.place().await;
        let (stream, peer) = loop {
            match listener.accept().await {
                Ok(accepted) => break accepted,
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to come back rather than spin.
                    tracing::error!(%error, "a connection could not be accepted");
                    self.word.send_replace(Word::MakeRoom);
                    tokio::time::sleep(FULL_ROUND).await;
                }
            }
        };
        self.serve(stream, peer, place)
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let take = || Arc::clone(&self.free).acquire_owned();
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(place);
        }
        self.warn();
        loop {
            self.word.send_replace(Word::MakeRoom);
            if let Ok(place) = tokio::time::timeout(FULL_ROUND, take()).await {
                return place.ok();
            }
        }
    }

    /// Once a minute at most: an attack is no reason to fill the disk.
    fn warn(&self) {
        let now = Instant::now();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|last| now.duration_since(last) >= Duration::from_secs(60)) {
            *warned = Some(now);
            tracing::warn!(
                "all {} connections are in use; silent ones are closed",
                self.places
            );
        }
    }

    fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: Option<OwnedSemaphorePermit>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (router, mut word) = (self.router.clone(), self.word.subscribe());
        let tls = self.tls.clone();
        async move {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
            match tls {
                None => http(stream, peer, router, None, word).await,
                Some(tls) => {
                    if let Some(stream) = handshake(&tls, stream, peer, &mut word).await {
                        http(stream, peer, router, tls.hsts(), word).await;
                    }
                }
            }
            drop(place);
        }
    }

    /// From now on connections finish what they have begun; waits until all have.
    pub(super) async fn drained(&self) {
        self.word.send_replace(Word::Drain);
        self.word.closed().await;
    }
}

/// What a connection is doing.
struct Activity {
    opened: Instant,
    /// Requests under way.
    under_way: AtomicUsize,
    /// Whether a request came in HTTP/2. There, pings tell whether somebody is still there.
    has_asked_in_http2: AtomicBool,
    /// When the last answer was ready, in milliseconds after `opened`.
    last_millis: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            under_way: AtomicUsize::new(0),
            has_asked_in_http2: AtomicBool::new(false),
            last_millis: AtomicU64::new(0),
        }
    }

    fn begin(self: &Arc<Self>, version: Version) -> UnderWay {
        if version == Version::HTTP_2 {
            self.has_asked_in_http2.store(true, Ordering::Release);
        }
        self.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(Arc::clone(self))
    }

    fn is_silent_for(&self, time: Duration) -> bool {
        self.silent_since()
            .is_some_and(|since| since.elapsed() >= time)
    }

    fn silent_since(&self) -> Option<Instant> {
        let last = Duration::from_millis(self.last_millis.load(Ordering::Acquire));
        (self.under_way.load(Ordering::Acquire) == 0).then(|| self.opened + last)
    }

    /// When to look again whether the connection is to be closed; `None` when it is. One timer for all of its requests:
    /// hyper's would be set and taken back for each.
    fn next_look(&self) -> Option<Instant> {
        let now = Instant::now();
        let since = self
            .silent_since()
            .filter(|_| !self.has_asked_in_http2.load(Ordering::Acquire));
        let at = since.unwrap_or(now) + SILENCE;
        (at > now).then_some(at)
    }
}

/// A request under way.
struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let millis = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_millis.store(millis, Ordering::Release);
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What speaks something else is closed, with an alert and never with a redirect: whatever came in plain text has been
/// read by others already (RFC 9325 §3.2). One that is slow keeps nobody waiting but itself.
async fn handshake(
    tls: &Tls,
    stream: TcpStream,
    peer: SocketAddr,
    word: &mut watch::Receiver<Word>,
) -> Option<TlsStream<TcpStream>> {
    let handshake = tokio::time::timeout(MAX_HANDSHAKE, tls.acceptor().accept(stream));
    let draining = word.wait_for(|word| *word == Word::Drain);
    let failure = tokio::select! {
        result = handshake => match result {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "too slow".to_owned(),
        },
        _ = draining => return None,
    };
    tracing::debug!(%peer, error = %failure, "no TLS handshake");
    None
}

async fn http<I>(
    stream: I,
    peer: SocketAddr,
    router: Router,
    hsts: Option<HeaderValue>,
    mut word: watch::Receiver<Word>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let of_requests = Arc::clone(&activity);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let under_way = of_requests.begin(request.version());
        let answer = answer(router.clone(), peer, request);
        let hsts = hsts.clone();
        async move {
            let mut answer = answer.await;
            if let (Ok(answer), Some(hsts)) = (&mut answer, hsts) {
                let headers = answer.headers_mut();
                headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts);
            }
            drop(under_way);
            answer
        }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut silence = pin!(tokio::time::sleep(SILENCE));
    let mut told = false;
    if *word.borrow_and_update() == Word::Drain {
        return;
    }
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = silence.as_mut() => match activity.next_look() {
                Some(at) => silence.as_mut().reset(at),
                None => return,
            },
            changed = word.changed() => {
                let silent = activity.is_silent_for(SILENCE_WHEN_FULL);
                match *word.borrow_and_update() {
                    Word::Drain => connection.as_mut().graceful_shutdown(),
                    Word::MakeRoom if silent && told => return,
                    // So that a peer which is just about to ask again learns that it has to connect again.
                    Word::MakeRoom if silent => {
                        told = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    Word::MakeRoom | Word::Go => {}
                }
                if changed.is_err() {
                    return;
                }
            }
        }
    };
    if let Err(error) = ended {
        // Peers that hang up and probes that speak something else: daily business.
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .header_read_timeout(None)
        .max_buf_size(MAX_HTTP1_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HTTP2_HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(SILENCE);
    builder
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    if let Some(refusal) = framing::refusal(&request) {
        return Ok(refusal);
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn connections(places: usize) -> Connections {
        Connections::new(
            Router::new().route("/", get(|| async { "here" })),
            places,
            None,
        )
    }

    /// What the peer of a connection gets that says `words`, and after how many seconds the connection is closed.
    async fn say(words: &[u8]) -> (Vec<u8>, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut peer, (stream, address)) = (peer.unwrap(), accepted.unwrap());
        let connections = connections(1);
        tokio::spawn(connections.serve(stream, address, None));
        peer.write_all(words).await.unwrap();
        tokio::time::pause();
        let before = Instant::now();
        let mut heard = Vec::new();
        let limit = Duration::from_secs(24 * 3600);
        let closed = tokio::time::timeout(limit, peer.read_to_end(&mut heard)).await;
        closed.expect("the connection stays open").unwrap();
        (heard, before.elapsed().as_secs())
    }

    #[tokio::test]
    async fn c152_a_connection_that_asks_for_nothing_does_not_keep_its_place() {
        for words in [
            &b""[..],
            b"P",
            b"PRI * HTTP/2.0\r\n",
            b"GET / HTTP/1.1\r\nHost",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        ] {
            let (_, secs) = say(words).await;
            assert_eq!(secs, SILENCE.as_secs(), "{words:?}");
            tokio::time::resume();
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_kept_alive_is_closed_when_it_falls_silent() {
        let (heard, secs) = say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(heard.ends_with(b"here"), "{heard:?}");
        assert_eq!(secs, SILENCE.as_secs());
    }

    #[tokio::test]
    async fn c152_who_takes_all_places_and_is_silent_loses_them() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut silent = Vec::new();
        for words in [
            &b""[..],
            b"P",
            b"GET / HTTP/1.1\r\nHost",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX-",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        ] {
            let mut peer = TcpStream::connect(address).await.unwrap();
            peer.write_all(words).await.unwrap();
            silent.push(peer);
        }
        let connections = connections(silent.len());
        for _ in &silent {
            tokio::spawn(connections.next(&listener).await);
        }
        let mut user = TcpStream::connect(address).await.unwrap();
        user.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        tokio::time::pause();
        let before = Instant::now();
        tokio::spawn(connections.next(&listener).await);
        tokio::time::resume();
        assert!(before.elapsed() <= SILENCE_WHEN_FULL + 3 * FULL_ROUND);
        let mut heard = String::new();
        user.read_to_string(&mut heard).await.unwrap();
        assert!(heard.ends_with("here"), "{heard}");
    }
}
