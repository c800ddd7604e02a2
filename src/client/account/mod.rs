//! Accounts: registration, passwords, the end.

mod available;
mod deactivate;
pub mod email_page;
pub mod email_tokens;
pub mod msisdn_tokens;
mod password;
mod register;
mod shared_secret;
pub mod third_party_ids;
mod token_validity;
mod whoami;
mod whois;

pub use available::available;
pub use deactivate::deactivate;
pub use password::change_password;
pub use register::{answer as register_answer, register};
pub use shared_secret::{nonce, register_with_secret};
pub use token_validity::token_validity;
pub use whoami::whoami;
pub use whois::whois;
