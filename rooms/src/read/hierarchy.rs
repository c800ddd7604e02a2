//! The rooms of a space (client-server, Spaces).

use std::collections::{HashMap, HashSet};

use causeway_store::log::Membership;
use causeway_store::timeline::{Listed, SpaceChild, children_of, list_rooms};
use ruma::{OwnedServerName, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::summary::{SummaryBody, may_know};
use super::{ReadError, Reader, bounded};

/// Levels of a space that are followed, at most. Each costs three queries.
const MAX_LEVELS: u64 = 10;

/// Rooms of a space that are looked at, at most.
const MAX_ROOMS: usize = 2_000;

/// Rooms that one answer holds when it is not told how many.
const DEFAULT_ROOMS: u64 = 50;

/// Longest `order` of a child, in letters.
const MAX_ORDER_LETTERS: usize = 50;

/// What is asked of a space.
#[derive(Debug, Clone, Copy, Default)]
pub struct HierarchyQuery<'a> {
    /// Whether only suggested children count.
    pub suggested_only: bool,
    /// Levels below the space that are wanted.
    pub max_depth: Option<u64>,
    /// Rooms, at most.
    pub limit: Option<u64>,
    /// Where to begin.
    pub from: Option<&'a str>,
}

/// A page of the rooms of a space, in the form of the specification.
#[derive(Debug, Serialize)]
pub struct HierarchyRooms {
    /// The rooms, depth first.
    pub rooms: Vec<HierarchyRoom>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_batch: Option<String>,
}

/// A room of a space.
#[derive(Debug, Serialize)]
pub struct HierarchyRoom {
    /// What the room is.
    #[serde(flatten)]
    pub body: SummaryBody,
    /// Its own children.
    pub children_state: Vec<Box<RawValue>>,
}

/// A child event that is valid and wanted.
struct Child {
    room_id: String,
    sort: (bool, String, u64),
    json: String,
}

#[derive(Deserialize)]
struct ChildEvent {
    content: ChildContent,
    origin_server_ts: u64,
    sender: String,
    state_key: String,
}

#[derive(Deserialize)]
struct ChildContent {
    via: Option<Vec<OwnedServerName>>,
    order: Option<serde_json::Value>,
    suggested: Option<serde_json::Value>,
}

/// The rooms of a space that the user may know of, with their children.
struct Tree {
    rooms: HashMap<String, (SummaryBody, Vec<Child>)>,
}

impl Reader {
    /// The rooms of a space that the user may know of, depth first
    /// (client-server, `GET /rooms/{roomId}/hierarchy`).
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] if the user may not know of the space itself.
    pub async fn hierarchy(
        &self,
        space: &RoomId,
        query: HierarchyQuery<'_>,
        user: &UserId,
    ) -> Result<HierarchyRooms, ReadError> {
        let depth = query.max_depth.unwrap_or(MAX_LEVELS).min(MAX_LEVELS);
        let mark = format!("{}_{depth}", u8::from(query.suggested_only));
        let offset = match query.from.filter(|from| !from.is_empty()) {
            None => 0,
            Some(from) => offset_of(from, &mark)?,
        };
        let limit = usize::try_from(bounded(query.limit, DEFAULT_ROOMS).max(1)).unwrap_or(1);
        let mut tree = self.tree(space, query.suggested_only, depth, user).await?;
        let order = tree.depth_first(space.as_str(), depth);
        if order.is_empty() {
            return Err(ReadError::Forbidden);
        }
        let end = offset.saturating_add(limit);
        let is_more = order.len() > end;
        let rooms = order
            .into_iter()
            .skip(offset)
            .take(limit)
            .filter_map(|id| tree.rooms.remove(&id))
            .map(|(body, children)| HierarchyRoom {
                body,
                children_state: children
                    .into_iter()
                    .filter_map(|child| RawValue::from_string(child.json).ok())
                    .collect(),
            })
            .collect();
        Ok(HierarchyRooms {
            rooms,
            next_batch: is_more.then(|| format!("h{end}_{mark}")),
        })
    }

    /// Reads a space level by level, three queries for each.
    async fn tree(
        &self,
        space: &RoomId,
        suggested_only: bool,
        depth: u64,
        user: &UserId,
    ) -> Result<Tree, ReadError> {
        let mut rooms = HashMap::new();
        let mut asked: HashSet<String> = HashSet::from([space.as_str().to_owned()]);
        let mut level: Vec<String> = vec![space.as_str().to_owned()];
        for below in 0..=depth {
            let known = self.known_rooms(&level, user).await?;
            let spaces: Vec<_> = known
                .iter()
                .filter(|(_, body)| body.room_type.as_deref() == Some("m.space"))
                .map(|(listed, _)| listed.room)
                .collect();
            let mut children: HashMap<_, Vec<Child>> = HashMap::new();
            if !spaces.is_empty() {
                for child in children_of(&self.store, &spaces).await? {
                    if let Some(valid) = Child::of(&child, suggested_only) {
                        children.entry(child.space).or_default().push(valid);
                    }
                }
            }
            let mut next = Vec::new();
            for (listed, body) in known {
                let mut own = children.remove(&listed.room).unwrap_or_default();
                own.sort_by(|a, b| (&a.sort, &a.room_id).cmp(&(&b.sort, &b.room_id)));
                for child in &own {
                    if asked.len() < MAX_ROOMS && asked.insert(child.room_id.clone()) {
                        next.push(child.room_id.clone());
                    }
                }
                rooms.insert(listed.room_id, (body, own));
            }
            if next.is_empty() || below == depth {
                break;
            }
            level = next;
        }
        Ok(Tree { rooms })
    }

    /// Those of the rooms that the user may know of. Two queries.
    async fn known_rooms(
        &self,
        ids: &[String],
        user: &UserId,
    ) -> Result<Vec<(Listed, SummaryBody)>, ReadError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let rooms: Vec<_> = list_rooms(&self.store, &ids, Some(user))
            .await?
            .into_iter()
            .map(|listed| {
                let body = SummaryBody::of(&listed);
                (listed, body)
            })
            .collect();
        let allowed: HashSet<&str> = rooms
            .iter()
            .filter(|(listed, body)| !may_know(listed, body))
            .flat_map(|(_, body)| body.allowed_room_ids.iter().map(String::as_str))
            .collect();
        let mut own: HashSet<String> = HashSet::new();
        if !allowed.is_empty() {
            let allowed: Vec<&str> = allowed.into_iter().collect();
            let lists = list_rooms(&self.store, &allowed, Some(user)).await?;
            own = lists
                .into_iter()
                .filter(|room| room.membership == Some(Membership::Join))
                .map(|room| room.room_id)
                .collect();
        }
        Ok(rooms
            .into_iter()
            .filter(|(listed, body)| {
                may_know(listed, body) || body.allowed_room_ids.iter().any(|id| own.contains(id))
            })
            .collect())
    }
}

fn offset_of(token: &str, mark: &str) -> Result<usize, ReadError> {
    let (offset, rest) = token
        .strip_prefix('h')
        .and_then(|token| token.split_once('_'))
        .ok_or(ReadError::BadToken("from"))?;
    let offset = offset.parse().map_err(|_| ReadError::BadToken("from"))?;
    if rest == mark {
        Ok(offset)
    } else {
        Err(ReadError::ChangedParameters)
    }
}

impl Child {
    /// The child that an event names; `None` if it names none (any more).
    fn of(child: &SpaceChild, suggested_only: bool) -> Option<Self> {
        let event: ChildEvent = serde_json::from_str(&child.json).ok()?;
        <&RoomId>::try_from(event.state_key.as_str()).ok()?;
        event.content.via.as_ref().filter(|via| !via.is_empty())?;
        let is_suggested = event.content.suggested == Some(true.into());
        if suggested_only && !is_suggested {
            return None;
        }
        let order = event
            .content
            .order
            .as_ref()
            .and_then(|order| order.as_str())
            .filter(|order| {
                order.len() <= MAX_ORDER_LETTERS
                    && order.bytes().all(|b| (0x20..=0x7e).contains(&b))
            });
        Some(Self {
            sort: (
                order.is_none(),
                order.unwrap_or_default().to_owned(),
                event.origin_server_ts,
            ),
            json: stripped(&event, &child.json)?,
            room_id: event.state_key,
        })
    }
}

/// The stripped form with the time, as `children_state` has it.
fn stripped(event: &ChildEvent, json: &str) -> Option<String> {
    #[derive(Serialize)]
    struct Stripped<'a> {
        content: &'a RawValue,
        origin_server_ts: u64,
        sender: &'a str,
        state_key: &'a str,
        r#type: &'a str,
    }
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let content: Content<'_> = serde_json::from_str(json).ok()?;
    serde_json::to_string(&Stripped {
        content: content.content,
        origin_server_ts: event.origin_server_ts,
        sender: &event.sender,
        state_key: &event.state_key,
        r#type: "m.space.child",
    })
    .ok()
}

impl Tree {
    /// Ids of the rooms, each space followed by what is below it. A room that is reached twice
    /// stands where it is reached first.
    fn depth_first(&self, space: &str, depth: u64) -> Vec<String> {
        let mut order = Vec::new();
        let mut seen: HashSet<&str> = HashSet::new();
        let mut stack = vec![(space, 0)];
        while let Some((id, level)) = stack.pop() {
            let Some((_, children)) = self.rooms.get(id) else {
                continue;
            };
            if !seen.insert(id) {
                continue;
            }
            order.push(id.to_owned());
            if level < depth {
                stack.extend(
                    children
                        .iter()
                        .rev()
                        .map(|child| (child.room_id.as_str(), level + 1)),
                );
            }
        }
        order
    }
}
