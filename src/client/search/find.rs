use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{
    ContextWish, EventFilter, FoundContext, FoundEvent, Group, Reader, SearchAnswer,
    SearchCriteria, SenderProfile,
};
use causeway_store::search::{Key, Order};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InQuery;
use crate::client::room_json::{asker, raw_event, raw_events};
use crate::config::Settings;

/// Events on one side of a found one when the client names no number.
const DEFAULT_CONTEXT: u64 = 5;

/// Where to go on.
#[derive(Debug, Deserialize)]
pub struct From {
    next_batch: Option<String>,
}

/// The request.
#[derive(Debug, Deserialize)]
pub struct Request {
    search_categories: Option<Categories>,
}

#[derive(Debug, Deserialize)]
struct Categories {
    room_events: Option<Criteria>,
}

#[derive(Debug, Deserialize)]
struct Criteria {
    search_term: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    filter: Option<EventFilter>,
    order_by: Option<String>,
    event_context: Option<Context>,
    #[serde(default)]
    include_state: bool,
    groupings: Option<Groupings>,
}

#[derive(Debug, Deserialize)]
struct Context {
    before_limit: Option<u64>,
    after_limit: Option<u64>,
    #[serde(default)]
    include_profile: bool,
}

#[derive(Debug, Deserialize)]
struct Groupings {
    #[serde(default)]
    group_by: Vec<GroupKey>,
}

#[derive(Debug, Deserialize)]
struct GroupKey {
    key: Option<String>,
}

/// `POST /_matrix/client/v3/search`. What is wanted in categories that are not known is passed over.
pub async fn find(
    State(reader): State<Reader>,
    State(settings): State<Arc<Settings>>,
    session: Session,
    InQuery(from): InQuery<From>,
    JsonBody(request): JsonBody<Request>,
) -> Result<Json<Answer>, ApiError> {
    let categories = request.search_categories;
    let categories =
        categories.ok_or_else(|| ApiError::missing_param("search_categories is needed"))?;
    let Some(wanted) = categories.room_events else {
        return Ok(Json(Answer::default()));
    };
    let term = wanted.search_term.as_deref();
    let term = term.ok_or_else(|| ApiError::missing_param("search_term is needed"))?;
    let groups = wanted.groupings.map(|groups| groups.group_by);
    let groups = groups.unwrap_or_default();
    let is_grouped = |name: &str| {
        groups
            .iter()
            .any(|group| group.key.as_deref() == Some(name))
    };
    let criteria = SearchCriteria {
        languages: &settings.search.language,
        term,
        keys: keys(&wanted.keys)?,
        filter: wanted.filter.unwrap_or_default().cut(),
        order: order(wanted.order_by.as_deref())?,
        context: wanted.event_context.map(|context| ContextWish {
            before: context.before_limit.unwrap_or(DEFAULT_CONTEXT),
            after: context.after_limit.unwrap_or(DEFAULT_CONTEXT),
            with_profiles: context.include_profile,
        }),
        with_state: wanted.include_state,
        group_by_room: is_grouped("room_id"),
        group_by_sender: is_grouped("sender"),
        from: from.next_batch.as_deref(),
    };
    let found = reader.search(&asker(session), &criteria).await?;
    answer(&criteria, found)
}

fn keys(names: &[String]) -> Result<Vec<Key>, ApiError> {
    let key = |name: &String| Key::ALL.into_iter().find(|key| key.path() == name);
    let unknown =
        || ApiError::invalid_param("keys: only content.body, content.name, content.topic");
    names
        .iter()
        .map(|name| key(name).ok_or_else(unknown))
        .collect()
}

fn order(name: Option<&str>) -> Result<Order, ApiError> {
    match name {
        None | Some("rank") => Ok(Order::Rank),
        Some("recent") => Ok(Order::Recent),
        Some(_) => Err(ApiError::invalid_param("order_by: only rank or recent")),
    }
}

/// The answer.
#[derive(Default, Serialize)]
pub struct Answer {
    search_categories: FoundIn,
}

#[derive(Default, Serialize)]
struct FoundIn {
    #[serde(skip_serializing_if = "Option::is_none")]
    room_events: Option<Found>,
}

#[derive(Serialize)]
struct Found {
    count: u64,
    results: Vec<Hit>,
    highlights: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<BTreeMap<String, Vec<Box<RawValue>>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    groups: BTreeMap<&'static str, BTreeMap<String, GroupOf>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch: Option<String>,
}

#[derive(Serialize)]
struct Hit {
    rank: f32,
    result: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<ContextOf>,
}

#[derive(Serialize)]
struct ContextOf {
    start: String,
    end: String,
    events_before: Vec<Box<RawValue>>,
    events_after: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_info: Option<BTreeMap<String, Profile>>,
}

#[derive(Serialize)]
struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    displayname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

#[derive(Serialize)]
struct GroupOf {
    order: usize,
    results: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch: Option<String>,
}

fn answer(criteria: &SearchCriteria<'_>, found: SearchAnswer) -> Result<Json<Answer>, ApiError> {
    let mut groups = BTreeMap::new();
    for (name, is_wanted, of) in [
        ("room_id", criteria.group_by_room, found.by_room),
        ("sender", criteria.group_by_sender, found.by_sender),
    ] {
        if is_wanted {
            groups.insert(name, of.into_iter().map(group).collect());
        }
    }
    let state = found.state.into_iter();
    let state = state.map(|(room, events)| Ok((room, raw_events(events)?)));
    let state = state.collect::<Result<_, ApiError>>()?;
    let hits = found.found.into_iter().map(hit);
    let found = Found {
        count: found.count,
        results: hits.collect::<Result<_, _>>()?,
        highlights: found.highlights,
        state: criteria.with_state.then_some(state),
        groups,
        next_batch: found.next,
    };
    Ok(Json(Answer {
        search_categories: FoundIn {
            room_events: Some(found),
        },
    }))
}

fn group((name, group): (String, Group)) -> (String, GroupOf) {
    let of = GroupOf {
        order: group.order,
        results: group.events,
        next_batch: group.next,
    };
    (name, of)
}

fn hit(found: FoundEvent) -> Result<Hit, ApiError> {
    Ok(Hit {
        rank: found.rank,
        result: raw_event(found.event)?,
        context: found.context.map(context).transpose()?,
    })
}

fn context(context: FoundContext) -> Result<ContextOf, ApiError> {
    let profile = |(user, profile): (String, SenderProfile)| {
        let profile = Profile {
            displayname: profile.display_name,
            avatar_url: profile.avatar_url,
        };
        (user, profile)
    };
    Ok(ContextOf {
        start: context.start,
        end: context.end,
        events_before: raw_events(context.before)?,
        events_after: raw_events(context.after)?,
        profile_info: context
            .profiles
            .map(|all| all.into_iter().map(profile).collect()),
    })
}
