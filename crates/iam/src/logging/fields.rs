//! The fields of a line of text: the message, then `name=value`, with a space between.
//!
//! Every mint writes a line, and writing values with nothing of style around them halves its cost. Whatever a value is,
//! it stays in its line and colours nothing.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// How fields become text.
pub(super) struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor {
            to: Escaping(writer),
            first: true,
            result: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'writer> {
    to: Escaping<'writer>,
    first: bool,
    result: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) -> fmt::Result {
        if !std::mem::take(&mut self.first) {
            self.to.write_str(" ")?;
        }
        if field.name() != "message" {
            self.to.write_str(field.name())?;
            self.to.write_str("=")?;
        }
        self.to.write_fmt(value)
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // What the crate `log` adds to its records is in the line already.
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.write(field, format_args!("{value:?}"));
        }
    }
}

/// Escapes control characters.
struct Escaping<'writer>(Writer<'writer>);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // All of C0, DEL, and the first byte of C1 in UTF-8.
        let may_control = |byte: u8| byte < b' ' || matches!(byte, 0x7F | 0xC2);
        if !text.bytes().any(may_control) {
            return self.0.write_str(text);
        }
        for c in text.chars() {
            if c.is_control() {
                write!(self.0, "{}", c.escape_default())?;
            } else {
                self.0.write_char(c)?;
            }
        }
        Ok(())
    }
}
