//! Aliases of rooms.

use causeway_store::rooms::find_alias;
use ruma::{OwnedRoomAliasId, RoomAliasId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::draft::bad_content;
use super::send::SendError;
use crate::{Head, Rooms};

/// Aliases that one `m.room.canonical_alias` may newly name, each of which is looked up.
const MAX_NEW_ALIASES: usize = 100;

/// What is wrong with an alias that `m.room.canonical_alias` names.
#[derive(Debug, thiserror::Error)]
pub enum AliasMistake {
    /// It is no alias at all.
    #[error("`{0}` is not a room alias")]
    Malformed(String),
    /// It does not exist, or leads to another room.
    #[error("The alias {0} does not lead to this room")]
    LeadsElsewhere(OwnedRoomAliasId),
}

/// The content of `m.room.canonical_alias`.
#[derive(Debug, Default, Deserialize)]
struct CanonicalAlias {
    alias: Option<String>,
    #[serde(default)]
    alt_aliases: Vec<String>,
}

impl CanonicalAlias {
    /// The aliases it names. An empty alias names none.
    fn named(&self) -> impl Iterator<Item = &String> {
        let main = self.alias.iter().filter(|alias| !alias.is_empty());
        main.chain(&self.alt_aliases)
    }
}

impl Rooms {
    /// Each alias that the content names and the standing event does not must lead to the room.
    pub(crate) async fn check_canonical_alias(
        &self,
        head: &Head,
        content: &RawValue,
    ) -> Result<(), SendError> {
        let new: CanonicalAlias =
            serde_json::from_str(content.get()).map_err(|error| bad_content(error.to_string()))?;
        let old: CanonicalAlias = head.content("m.room.canonical_alias").unwrap_or_default();
        let added: Vec<&String> = new
            .named()
            .filter(|alias| !old.named().any(|known| known == *alias))
            .collect();
        if added.len() > MAX_NEW_ALIASES {
            return Err(bad_content("too many aliases at once").into());
        }
        for alias in added {
            let alias =
                RoomAliasId::parse(alias).map_err(|_| AliasMistake::Malformed(alias.clone()))?;
            let found = find_alias(self.store(), &alias).await?;
            if found.is_none_or(|found| found.room != head.room()) {
                return Err(AliasMistake::LeadsElsewhere(alias).into());
            }
        }
        Ok(())
    }
}
