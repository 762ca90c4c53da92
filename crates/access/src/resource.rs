//! Paths of resources, and the patterns that name several at once.
//!
//! A path has one spelling only, or what a record refuses under one it could allow under another: no escapes, no empty or
//! dot segments, no slash at the end; bytes are compared as they are.

use crate::text::text;

/// Longest path or pattern in bytes.
pub const MAX_BYTES: usize = 1024;

/// Most segments of a path or pattern.
pub const MAX_SEGMENTS: usize = 12;

/// Most `*` in a pattern, a `**` at the end not counted. It bounds how many patterns can overlap on one path, and so what a
/// check costs at worst.
pub const MAX_WILDCARDS: usize = 4;

text!(
    /// One resource, e.g. `/user-credentials/refresh-tokens/users/usr_…`: 1 to 12 segments, each after a slash, of the
    /// characters that RFC 3986 §3.3 has for them without escapes and without `*`.
    ResourcePath,
    "path of a resource",
    path
);
text!(
    /// Resources. As a path, but a segment that is `*` stands for any one segment, and a `**` at the end for any number of
    /// segments, none included: `/a/**` is `/a`, `/a/b`, `/a/b/c` and so on, `/a/*` is `/a/b` alone. `/**` is everything.
    ResourcePattern,
    "pattern of resources",
    pattern
);

impl ResourcePath {
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.as_str().split('/').skip(1)
    }
}

impl ResourcePattern {
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.as_str().split('/').skip(1)
    }
}

fn path(text: &str) -> Result<(), &'static str> {
    if text.contains('*') {
        return Err("it is one resource, without `*`");
    }
    shape(text)?;
    text.split('/').skip(1).try_for_each(segment)
}

fn pattern(text: &str) -> Result<(), &'static str> {
    shape(text)?;
    let last = text.split('/').skip(1).count();
    let mut wildcards = 0;
    for (place, part) in (1..).zip(text.split('/').skip(1)) {
        match part {
            "*" => wildcards += 1,
            "**" if place == last => {}
            "**" => return Err("`**` stands at the end only"),
            _ if part.contains('*') => {
                return Err("`*` stands for a whole segment, as in `/users/*`");
            }
            _ => segment(part)?,
        }
    }
    if wildcards > MAX_WILDCARDS {
        return Err("it has at most 4 `*`; write `**` for the rest of a path");
    }
    Ok(())
}

fn shape(text: &str) -> Result<(), &'static str> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err("it begins with a slash");
    };
    if text.len() > MAX_BYTES {
        return Err("it has at most 1024 bytes");
    }
    if rest.split('/').count() > MAX_SEGMENTS {
        return Err("it has at most 12 segments");
    }
    Ok(())
}

fn segment(part: &str) -> Result<(), &'static str> {
    if part.is_empty() {
        return Err("it has no empty segments and no slash at its end");
    }
    if matches!(part, "." | "..") {
        return Err("it has no `.` and `..` segments");
    }
    if part.contains('%') {
        return Err("it has no escapes, so that there is one way to write it");
    }
    if part.contains(['{', '}']) {
        return Err("it has no placeholders; a pattern has `*` for any one segment");
    }
    if part.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err("a segment has only `a-z A-Z 0-9 - . _ ~ ! $ & ' ( ) + , ; = : @`")
    }
}

/// `pchar` of RFC 3986 without escapes and `*`.
fn is_allowed(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for good in ["/a", "/a/b", "/users/usr_Ab-1", "/a:b/c@d/e;f=1", "/..."] {
            assert_eq!(good.parse::<ResourcePath>().unwrap().as_str(), good);
            assert!(good.parse::<ResourcePattern>().is_ok(), "{good}");
        }
        for wrong in [
            "",
            "/",
            "a",
            "a/b",
            "//",
            "/a/",
            "/a//b",
            "/.",
            "/a/../b",
            "/a/./b",
            "/a%2fb",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/a b",
            "/a\0",
            "/é",
            "/{id}",
            "/a/{id}/b",
            "/a\"",
            "/<a>",
            "/a^",
            "/a|b",
            "/`a`",
        ] {
            assert!(wrong.parse::<ResourcePath>().is_err(), "{wrong}");
            assert!(wrong.parse::<ResourcePattern>().is_err(), "{wrong}");
        }
        for pattern in ["/*", "/a/*/b", "/**", "/a/**"] {
            assert!(pattern.parse::<ResourcePath>().is_err(), "{pattern}");
        }
    }

    #[test]
    fn wildcards_stand_for_whole_segments() {
        for good in ["/*", "/**", "/a/*", "/*/a/*", "/a/*/**", "/*/*/*/*/**"] {
            assert!(good.parse::<ResourcePattern>().is_ok(), "{good}");
        }
        for (wrong, why) in [
            ("/a*", "`*` stands for a whole segment, as in `/users/*`"),
            ("/a**", "`*` stands for a whole segment, as in `/users/*`"),
            ("/***", "`*` stands for a whole segment, as in `/users/*`"),
            ("/**/a", "`**` stands at the end only"),
            ("/**/**", "`**` stands at the end only"),
            (
                "/*/*/*/*/*",
                "it has at most 4 `*`; write `**` for the rest of a path",
            ),
            (
                "/{id}",
                "it has no placeholders; a pattern has `*` for any one segment",
            ),
            ("**", "it begins with a slash"),
        ] {
            let error = wrong.parse::<ResourcePattern>().unwrap_err().to_string();
            assert_eq!(
                error,
                format!("`{wrong}` is no pattern of resources: {why}")
            );
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let deep = |segments: usize| "/a".repeat(segments);
        assert!(deep(12).parse::<ResourcePath>().is_ok());
        assert!(deep(13).parse::<ResourcePath>().is_err());
        let long = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
        assert!(long(1024).parse::<ResourcePattern>().is_ok());
        let error = long(1025).parse::<ResourcePattern>().unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
    }
}
