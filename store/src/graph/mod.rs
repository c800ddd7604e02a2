//! The graph of a room's events, as whoever takes in events of other servers needs it: events
//! with what they hang on, lines of states, the index of auth chains.

mod chains;
mod history;
mod imports;
mod lines;
mod nodes;
mod outliers;
mod servers;

pub use chains::{Piece, find_followed, find_pieces, load_reaches};
pub use history::{GapRow, find_place_before, list_gaps};
pub use imports::{
    ImportedMember, ensure_room, find_outside_state, insert_lines, replace_current_state,
    set_outside_state,
};
pub use lines::{LineRow, Segment, Step, find_lines, load_steps};
pub use nodes::{
    NodeRow, find_nodes, find_nodes_by_nid, list_redactions_of, list_wanted, load_replaced,
};
pub use outliers::{Outlier, insert_outliers};
pub use servers::{
    is_server_in, list_before, list_between, list_rooms_of_server, list_servers,
    list_users_of_server,
};
