//! What an inbox that takes mail can be told.

use schemars::JsonSchema;
use serde::Deserialize;
use switchboard_plugin_sdk::SettingError;

/// Settings of an inbox that takes electronic mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The inbox's own address, such as `support@example.com`: answers are sent from it, and mail
    /// from it counts as the company's own words.
    pub address: Option<String>,

    /// The name shown beside the address in answers.
    pub display_name: Option<String>,

    /// Further addresses of the company; mail from them counts as its own words too.
    pub own_addresses: Vec<String>,

    /// Absolute `http` or `https` URL of a mail relay that takes a whole message by `POST` as
    /// `message/rfc822`. Without it nothing can be answered through this inbox.
    pub relay_url: Option<String>,

    /// Whether answers carry the secret `relay-token`, as `Authorization: Bearer`.
    pub relay_token: bool,
}

impl Settings {
    /// Whether the company writes from this address.
    pub fn is_own(&self, address: &str) -> bool {
        self.address.iter().chain(&self.own_addresses).any(|own| own.eq_ignore_ascii_case(address))
    }

    /// Everything wrong with the settings that their types let pass.
    pub fn check(&self) -> Result<(), Vec<SettingError>> {
        let address = self.address.iter().map(|own| ("/address".to_owned(), own));
        let others = self
            .own_addresses
            .iter()
            .enumerate()
            .map(|(index, own)| (format!("/own_addresses/{index}"), own));
        let mut errors: Vec<SettingError> = address
            .chain(others)
            .filter(|(_, own)| !is_address(own))
            .map(|(pointer, _)| SettingError::at(pointer, "must be an address such as support@example.com"))
            .collect();
        if self.relay_url.as_deref().is_some_and(|url| !is_http(url)) {
            let message = "must be an absolute URL that begins with https:// or http://";
            errors.push(SettingError::at("/relay_url", message));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// An address that can stand in a header without quoting: dot-atom or UTF-8 on both sides
/// (RFC 5322, section 3.4.1; RFC 6532). Refuses what would end the header or the address.
pub fn is_address(text: &str) -> bool {
    let forbidden = |char: char| char.is_control() || char.is_whitespace() || "<>()[]\\,;:\"".contains(char);
    match text.split_once('@') {
        Some((local, domain)) => {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !text.contains(forbidden)
        }
        None => false,
    }
}

fn is_http(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
