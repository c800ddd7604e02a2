//! Which versions of the specification are served.

mod get;

pub use get::get;
