//! Settings: `config.example.toml` (compiled in, the defaults), then the operator's file, then
//! the environment (`CAUSEWAY_SECTION__KEY`).

mod settings;

pub use settings::*;
