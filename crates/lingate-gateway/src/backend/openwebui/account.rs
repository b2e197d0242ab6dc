//! Whose session it is.

use bytes::Bytes;
use lingate_codec::json::Writer;
use zeroize::Zeroizing;

/// An account of one Open WebUI. Its Debug output holds no password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Account {
    address: String,
    email: String,
    password: Zeroizing<String>,
}

impl Account {
    /// `address` is the installation's URL as configured; a session is bound to it and to `email`.
    pub(crate) fn new(address: impl Into<String>, email: impl Into<String>, password: impl Into<String>) -> Self {
        Self { address: address.into(), email: email.into(), password: Zeroizing::new(password.into()) }
    }

    /// The name under which the sealed cache keeps the session. A URL holds no line feed, so no two accounts share one.
    pub(super) fn cache_name(&self) -> String {
        format!("openwebui-session\n{}\n{}", self.address, self.email)
    }

    /// The body of the sign-in request.
    pub(super) fn sign_in_body(&self) -> Bytes {
        // One allocation that never moves: no copy of the password stays behind in freed memory.
        let mut body = Vec::with_capacity(6 * (self.email.len() + self.password.len()) + 32);
        let mut writer = Writer::new(&mut body);
        writer.begin_object();
        writer.string_member("email", &self.email);
        writer.string_member("password", &self.password);
        writer.end_object();
        Bytes::from_owner(Zeroizing::new(body))
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("address", &self.address).field("email", &self.email).finish_non_exhaustive()
    }
}
