//! The garden gate: requests to addresses that somebody else chose (a link in a message, a push
//! gateway) leave the house here, and reach nothing that stands behind the same firewall.
//!
//! Laws:
//! - What is checked is the address that is connected to: names are resolved by a resolver that
//!   hands out allowed addresses only, addresses that stand in a URL are looked at before it is
//!   requested, and each redirect passes the same check again.
//! - Only addresses of the public Internet are allowed, unless the operator says otherwise.
//! - Every wait has an end, every body a largest size.
//!
//! Start reading at [`Outbound::request`], then [`AddressPolicy::allows`].

mod address;
mod body;
mod gate;
mod policy;
mod range;
mod resolver;

pub use address::is_public;
pub use body::{BodyError, read_at_most, read_beginning};
pub use gate::{Outbound, OutboundSettings, Refused, refusal};
pub use policy::AddressPolicy;
pub use range::IpRange;
pub use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode, Url, header};
