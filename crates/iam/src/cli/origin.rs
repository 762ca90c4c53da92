//! Origins and resources as clap reads them.

use sessionmint_oauth::registration::{InvalidAddress, check_origin, check_resource};

pub(super) fn parse_origin(value: &str) -> Result<String, InvalidAddress> {
    check_origin(value)?;
    Ok(value.to_owned())
}

pub(super) fn parse_resource(value: &str) -> Result<String, InvalidAddress> {
    check_resource(value)?;
    Ok(value.to_owned())
}
