//! Keys for end-to-end encryption.

mod changes;
mod claim;
mod query;
mod upload;
mod upload_cross_signing;
mod upload_signatures;

pub use changes::changes;
pub use claim::claim;
pub use query::query;
pub use upload::upload;
pub use upload_cross_signing::upload_cross_signing;
pub use upload_signatures::upload_signatures;
