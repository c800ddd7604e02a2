//! Logging in, staying logged in, logging out.

mod auth_metadata;
mod flows;
mod login;
mod login_token;
mod logout;
mod refresh;

pub use auth_metadata::auth_metadata;
pub use flows::flows;
pub use login::login;
pub use login_token::login_token;
pub use logout::{logout, logout_all};
pub use refresh::refresh;
