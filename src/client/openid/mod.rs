//! OpenID: proving to third parties who somebody is.

mod request_token;
mod user_info;

pub use request_token::request_token;
pub use user_info::user_info;
