//! The chart: CPU time of the server for one token: floors and service, the service beside peers, and both for a refresh.

use std::fmt::Write as _;

use super::goals::number;
use super::mint::names;
use super::refresh::names as refresh;
use super::results::{Contestant, Results};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 290.0;
/// Room for the figure behind the longest bar.
const RIGHT: f64 = 110.0;
const BAR: f64 = 20.0;
const ROW: f64 = 30.0;
const TITLE: f64 = 46.0;
const GAP: f64 = 26.0;

struct Bar<'a> {
    label: &'a str,
    class: &'static str,
    value: f64,
}

/// The chart as SVG; none without a mint run. Follows the reader's light or dark scheme.
pub(super) fn draw(results: &Results) -> Option<String> {
    let contestants = &results.mint.as_ref()?.contestants;
    let floors = bars(
        contestants,
        &[
            (names::FIXED, "axum, a fixed answer", "floor"),
            (names::MEMORY, "+ session, claims, no signature", "floor"),
            (names::MEMORY_EDDSA, "floor in memory, EdDSA", "floor"),
            (names::SQLITE_EDDSA, "floor on SQLite, EdDSA", "floor"),
            (names::OURS_EDDSA, "sessionmint, EdDSA", "ours"),
            (names::MEMORY_ES256, "floor in memory, ES256", "floor"),
            (names::SQLITE_ES256, "floor on SQLite, ES256", "floor"),
            (names::OURS_ES256, "sessionmint, ES256", "ours"),
        ],
    );
    let peers = bars(
        contestants,
        &[
            (names::OURS_EDDSA, "sessionmint, EdDSA", "ours"),
            (names::OURS_ES256, "sessionmint, ES256", "ours"),
            (
                names::OIDC_PROVIDER,
                "oidc-provider, silent authorize",
                "peer",
            ),
            (names::BETTER_AUTH_TUNED, "better-auth, tuned", "peer"),
            (names::BETTER_AUTH, "better-auth, as it comes", "peer"),
        ],
    );
    let mut body = String::new();
    let mut y = panel(
        &mut body,
        16.0,
        "Against the least that these libraries allow",
        &floors,
    )?;
    if peers.iter().any(|bar| bar.class == "peer") {
        y = panel(&mut body, y + GAP, "Against others", &peers)?;
    }
    if let Some(results) = &results.refresh {
        let refreshes = bars(
            &results.contestants,
            &[
                (refresh::OURS_EDDSA, "sessionmint on disk, EdDSA", "ours"),
                (refresh::OURS_ES256, "sessionmint on disk, ES256", "ours"),
                (
                    refresh::OIDC_PROVIDER,
                    "oidc-provider in memory, EdDSA",
                    "peer",
                ),
            ],
        );
        y = panel(&mut body, y + GAP, "A refresh token replaced", &refreshes)?;
    }
    let height = y + 34.0;
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">
<title id="title">CPU time of the server for one token, in microseconds; shorter is better</title>
<style>
  svg {{ font: 13px system-ui, sans-serif; --text: #1f2328; --quiet: #59636e; --back: #ffffff; --line: #d1d9e0; --floor: #9aa4af; --ours: #1a7f5a; --peer: #bc6c25; }}
  @media (prefers-color-scheme: dark) {{ svg {{ --text: #f0f6fc; --quiet: #9198a1; --back: #0d1117; --line: #3d444d; --floor: #656c76; --ours: #3fb98a; --peer: #e09a5a; }} }}
  text {{ fill: var(--text); }} .heading {{ font-weight: 600; font-size: 15px; }} .quiet {{ fill: var(--quiet); }} .strong {{ font-weight: 600; }}
  .floor {{ fill: var(--floor); }} .ours {{ fill: var(--ours); }} .peer {{ fill: var(--peer); }} .line {{ stroke: var(--line); }}
</style>
<rect width="100%" height="100%" rx="8" fill="var(--back)"/>
{body}<text class="quiet" x="{LEFT}" y="{}">CPU time of the server for one token, µs: shorter is better</text>
</svg>"#,
        y + 18.0
    )
    .ok()?;
    Some(svg)
}

/// The bars of those who took part: name, label, class.
fn bars(
    contestants: &[Contestant],
    wanted: &[(&str, &'static str, &'static str)],
) -> Vec<Bar<'static>> {
    let bar = |(name, label, class): &(&str, &'static str, &'static str)| {
        let one = contestants.iter().find(|one| one.name == *name)?;
        Some(Bar {
            label,
            class,
            value: one.cpu_us(),
        })
    };
    wanted.iter().filter_map(bar).collect()
}

/// Draws one panel from `top` down; where it ends.
fn panel(out: &mut String, top: f64, title: &str, bars: &[Bar<'_>]) -> Option<f64> {
    let most = bars.iter().map(|bar| bar.value).reduce(f64::max)?;
    let scale = (WIDTH - LEFT - RIGHT) / most;
    writeln!(
        out,
        r#"<text class="heading" x="24" y="{}">{title}</text>"#,
        top + 18.0
    )
    .ok()?;
    let first = top + TITLE - 10.0;
    let mut y = first;
    for bar in bars {
        let middle = y + BAR / 2.0 + 4.5;
        let length = (bar.value * scale).max(1.0);
        let weight = if bar.class == "ours" { "strong" } else { "" };
        writeln!(
            out,
            r#"<text class="{weight}" x="{}" y="{middle}" text-anchor="end">{}</text><rect class="{}" x="{LEFT}" y="{y}" width="{length:.1}" height="{BAR}" rx="2"/><text class="{weight}" x="{:.1}" y="{middle}">{} µs</text>"#,
            LEFT - 12.0,
            bar.label,
            bar.class,
            LEFT + length + 8.0,
            number(bar.value),
        )
        .ok()?;
        y += ROW;
    }
    let bottom = y - ROW + BAR + 6.0;
    writeln!(
        out,
        r#"<line class="line" x1="{LEFT}" x2="{LEFT}" y1="{}" y2="{bottom}"/>"#,
        first - 6.0
    )
    .ok()?;
    Some(bottom)
}
