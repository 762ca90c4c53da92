//! What goes into the machine and what comes out. Plain numbers only: a *key* stands for one (resource, scope) pair, a
//! *waiter* for one caller, a *seq* for one mint request and the token it brought. The adapter gives out keys and
//! waiters; the machine gives out sequence numbers.

/// Something happened in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A caller wants a token. It gets exactly one [`Action::Answer`] or [`Action::Fail`], unless it goes away first.
    Wanted {
        /// Who asks.
        waiter: u32,
        /// For which audience and scopes.
        key: u32,
    },
    /// A service refused the token of mint `seq` with a 401, and its caller wants another one. Answered like
    /// [`Event::Wanted`]: with the current token at once if that is already another.
    Rejected {
        /// Who asks.
        waiter: u32,
        /// For which audience and scopes.
        key: u32,
        /// Which token was refused.
        seq: u32,
    },
    /// A caller went away. Only this one is forgotten; the mint goes on for the others and for the next.
    Abandoned {
        /// Who left.
        waiter: u32,
    },
    /// The adapter served a token of this key from its own cache, for the first time since it was minted.
    Served {
        /// Which key.
        key: u32,
    },
    /// A mint ended, in whatever way. Ignored unless `seq` is the one in flight.
    MintFinished {
        /// The number from [`Action::Mint`].
        seq: u32,
        /// How it ended.
        outcome: Outcome,
    },
    /// The timer of [`Action::SetTimer`] fired (early and late is fine).
    TimerFired,
    /// The user pressed, typed, moved or scrolled; or, without a page, the app asked for a token.
    Input,
    /// The page stands still from now on: frozen, or gone into the back/forward cache. It will miss what other tabs do, so
    /// it keeps no token over that time.
    Suspended,
    /// The page is looked at again: visible, focused, shown from the back/forward cache. After [`Event::Suspended`] the
    /// service is asked at once whether the session is still there.
    Returned,
    /// The browser has a network again.
    Online,
    /// A sign-in was accepted. Tokens of before are dropped, and `waiter` gets the first one of the new session.
    LoggedIn {
        /// Who gets the proof that the session works.
        waiter: u32,
        /// The key to mint first.
        key: u32,
    },
    /// The app signed the user out. Nothing is minted again before [`Event::LoggedIn`].
    LoggedOut,
    /// Another tab of the origin spoke.
    Peer(Peer),
    /// The app is done with this manager. Every caller, present and future, is refused.
    Disposed,
}

/// What the other tabs of the origin say. An attacker in one of them could say the same, so nothing here can do more
/// than delay a mint for a moment, or end what this tab holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Nobody else mints: this tab was granted the lock of mint `seq`'s key.
    Led {
        /// The number from [`Action::Ask`].
        seq: u32,
    },
    /// Another tab is minting a token of the same key, or may be: its lock was asked for.
    Behind {
        /// The number from [`Action::Ask`].
        seq: u32,
    },
    /// Another tab hands over its token. The adapter has checked that it is of this session and this key.
    Offered {
        /// The number from [`Action::Ask`].
        seq: u32,
        /// Wall clock of its end.
        ends: u64,
        /// Milliseconds that it lives in all.
        life: u64,
        /// Wall clock of the absolute end of the session.
        session_ends: u64,
    },
    /// The user did something in another tab, so many milliseconds ago.
    Input {
        /// Milliseconds.
        age: u64,
    },
    /// The app signed the user out in another tab.
    LoggedOut,
    /// The service told another tab that there is no session.
    NoSession,
    /// Somebody signed in in another tab.
    LoggedIn {
        /// Whether it is the user whose tokens this tab holds.
        same_user: bool,
    },
    /// Minting fails for another tab, so it would for this one.
    Failing {
        /// What fails.
        problem: Problem,
        /// Milliseconds until the next try.
        retry_after: u64,
        /// The server named that time.
        told: bool,
    },
    /// Minting works again.
    Recovered,
}

/// What the other tabs are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// The app signed the user out.
    LoggedOut,
    /// The service says that there is no session.
    NoSession,
    /// A sign-in was accepted.
    LoggedIn,
    /// A mint failed for a reason that all tabs share.
    Failing {
        /// What fails.
        problem: Problem,
        /// Milliseconds until the next try.
        retry_after: u64,
        /// The server named that time.
        told: bool,
    },
    /// Minting works again.
    Recovered,
}

/// How a mint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 200 with a token.
    Minted {
        /// Seconds that the token lives, from when the request was *sent* (earlier than the server meant: safe).
        expires_in: u32,
        /// Seconds to the absolute end of the session, counted the same way.
        session_expires_in: u32,
    },
    /// Any other answer.
    Refused {
        /// The HTTP status; 200 for an answer that made no sense.
        status: u16,
        /// Whether the body said `"error":"login_required"`.
        login_required: bool,
        /// `Retry-After` in milliseconds, if the answer had one.
        retry_after: Option<u64>,
    },
    /// No answer came.
    Unreachable,
    /// No readable answer came, although the service is there: it does not allow this origin.
    OriginRefused,
}

/// Something to do. To be carried out in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a mint request, and report its end with the same number.
    Mint {
        /// Number of this request. Never reused.
        seq: u32,
        /// What to ask for.
        key: u32,
        /// Seconds since the last user input, for `idle_for`.
        idle_for: u32,
    },
    /// Ask the other tabs for a token, and for the lock of its key, before minting one. Ends with [`Action::Mint`],
    /// [`Action::Hold`] or [`Action::CancelMint`] of the same number.
    Ask {
        /// Number of this request. Never reused.
        seq: u32,
        /// What to ask for.
        key: u32,
        /// The token must end after this wall clock.
        after: u64,
    },
    /// Stop waiting for a mint, or for other tabs: it took too long or does not matter any more.
    CancelMint {
        /// The number from [`Action::Mint`] or [`Action::Ask`].
        seq: u32,
    },
    /// Keep the token that mint `seq` just brought: it is the current one of its key.
    Hold {
        /// Which key.
        key: u32,
        /// Which mint.
        seq: u32,
        /// When it ends, on either clock.
        ends: crate::Clocks,
        /// Wall clock up to which it may be served without asking the machine, so that renewal on demand works.
        fresh_until: u64,
        /// Wall clock of the absolute end of the session.
        session_ends: u64,
    },
    /// Forget the token of this key.
    Drop {
        /// Which key.
        key: u32,
    },
    /// Give this caller the held token.
    Answer {
        /// Who waited.
        waiter: u32,
        /// The key whose token it gets.
        key: u32,
    },
    /// Tell this caller that it gets none.
    Fail {
        /// Who waited.
        waiter: u32,
        /// Why.
        problem: Problem,
        /// Milliseconds until it makes sense to ask again; 0 where waiting does not help or nothing is known.
        retry_after: u64,
    },
    /// Tell the app.
    Tell(Notice),
    /// Tell the other tabs.
    Announce(Announcement),
    /// Wake me up after so many milliseconds, in place of any earlier timer.
    SetTimer {
        /// At least 1.
        after: u64,
    },
    /// There is nothing to be woken up for.
    ClearTimer,
}

/// Why a caller gets no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no session: the user has to sign in.
    SignedOut,
    /// Temporary: the token endpoint did not answer in time.
    Timeout,
    /// Temporary: the token endpoint could not be reached.
    Network,
    /// Temporary: the token endpoint answered 5xx or something unreadable.
    Unavailable,
    /// Temporary: the token endpoint answered 429.
    Throttled,
    /// Permanent until somebody changes the configuration: the service does not allow this origin.
    OriginRefused,
    /// Permanent for this key: the service refuses this client, audience or scope.
    NotAllowed,
    /// The service refused the replacement token as well; a third one would not help.
    RejectedAgain,
    /// The manager was disposed.
    Disposed,
}

/// Something that the app may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There is a session: the first token came.
    SignedIn {
        /// The key of that token.
        key: u32,
    },
    /// A further token came.
    Renewed {
        /// Its key.
        key: u32,
        /// Who asked for it.
        cause: Cause,
    },
    /// There is no session any more. Said once.
    SignedOut {
        /// How that is known.
        reason: SignOutReason,
    },
    /// Minting fails for now. Tokens in hand are served until they end. Said once, until [`Notice::Recovered`].
    Degraded {
        /// What fails.
        problem: Problem,
        /// Milliseconds to the next possible try.
        retry_after: u64,
    },
    /// Minting works again.
    Recovered,
    /// The session ends soon, whatever the user does.
    Ending {
        /// Seconds left.
        seconds: u32,
    },
}

/// Why a mint was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A caller had none.
    Caller,
    /// A caller was served a token that ends soon.
    Ahead,
    /// A service refused the token.
    Rejected,
    /// Nobody asked, but the user is there.
    Background,
    /// The page stood still, and what it knew of the session may be wrong.
    Restored,
    /// Another tab had one.
    Peer,
}

/// How the machine knows that there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOutReason {
    /// The first mint said so.
    NoSession,
    /// There was one, and now the service says there is none.
    SessionEnded,
    /// The app signed out.
    LoggedOut,
    /// In another tab the app signed out, or somebody else signed in.
    Elsewhere,
}
