//! All routes of the client API, on one page.
//!
//! `.ruma(access, handler)` serves an endpoint at all its paths. `USERS` are those with an account,
//! `GUESTS` lets guests in too (client-server API, "Guest access"); `.limited(Action::Send)` counts
//! the request against a rate limit. Who speaks is proved by the handler's `Session` argument.

use axum::routing::MethodFilter;
use ruma::api::Metadata;
use ruma::api::client::account::register;
use ruma::api::client::filter::create_filter;
use ruma::api::client::membership::{join_room_by_id, join_room_by_id_or_alias};
use ruma::api::client::search::search_events;
use ruma::api::client::typing::create_typing_event;
use ruma::api::client::{backup as backup_api, keys as keys_api};
use ruma::api::path_builder::PathBuilder;

use super::{
    account, account_data, backup, capabilities, dehydrated, delayed, device, directory,
    directory_user, fallback, filter, keys, legacy, media, membership, message, moderation, openid,
    presence, profile, push, receipt, relation, report, room, rtc, search, session, space, sso,
    state, sync, third_party, thread, to_device, typing, versions, well_known,
};
use crate::server::rate_limit::Action;
use crate::server::record::Access;
use crate::server::routes::Routes;
use crate::server::state::AppState;

const USERS: Access = Access::USERS;
const GUESTS: Access = Access::GUESTS;

/// The endpoints of the client API.
pub fn routes() -> Routes<AppState> {
    let routes = discovery(Routes::default());
    let routes = messages(routes);
    let routes = reading(routes);
    let routes = accounts(routes);
    let routes = third_party_ids(routes);
    let routes = sessions(routes);
    let routes = devices(routes);
    let routes = encryption(routes);
    let routes = backups(routes);
    let routes = profiles(routes);
    let routes = own_data(routes);
    let routes = push_rules(routes);
    let routes = people(routes);
    let routes = rooms(routes);
    let routes = waiting(routes);
    let routes = deprecated(routes);
    let routes = delayed::routes::add(routes);
    let routes = rtc::routes::add(routes);
    let routes = thread::routes::add(routes);
    let routes = sso::routes::add(routes);
    let routes = fallback::routes::add(routes);
    media::routes::add(routes)
}

fn discovery(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(GUESTS, versions::get)
        .ruma(GUESTS, capabilities::get)
        .ruma(USERS, well_known::client)
        .ruma(USERS, well_known::support)
        .at(
            MethodFilter::GET,
            "/.well-known/matrix/server",
            USERS,
            well_known::server,
        )
        .at(
            MethodFilter::GET,
            "/.well-known/matrix/policy_server",
            USERS,
            well_known::policy_server,
        )
        .at(
            MethodFilter::GET,
            "/_matrix/client/v1/auth_metadata",
            USERS,
            session::auth_metadata,
        )
}

fn waiting(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(GUESTS, sync::get)
        .in_place_of::<create_typing_event::v3::Request, _, _>(GUESTS, typing::set)
        .ruma(GUESTS, presence::get)
        .ruma(GUESTS, presence::set)
}

/// What the first clients called, and ruma has no types for.
fn deprecated(routes: Routes<AppState>) -> Routes<AppState> {
    ["/_matrix/client/v3", "/_matrix/client/r0"]
        .into_iter()
        .fold(routes, |routes, prefix| {
            let send = format!("{prefix}/rooms/{{room_id}}/send/{{event_type}}");
            let redact = format!("{prefix}/rooms/{{room_id}}/redact/{{event_id}}");
            let events = format!("{prefix}/events");
            let event = format!("{prefix}/events/{{event_id}}");
            let initial_sync = format!("{prefix}/initialSync");
            routes
                .at(MethodFilter::GET, &events, GUESTS, legacy::events)
                .at(MethodFilter::GET, &event, USERS, legacy::event)
                .at(
                    MethodFilter::GET,
                    &initial_sync,
                    USERS,
                    legacy::initial_sync,
                )
                .at(
                    MethodFilter::POST,
                    &send,
                    GUESTS.taking_part().limited(Action::Send),
                    legacy::send,
                )
                .at(
                    MethodFilter::POST,
                    &redact,
                    USERS.limited(Action::Send),
                    legacy::redact,
                )
        })
}

fn messages(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(GUESTS.taking_part().limited(Action::Send), message::send)
        .ruma(USERS.limited(Action::Send), message::redact)
        .ruma_also_at(
            GUESTS.taking_part().limited(Action::Send),
            &STATE_WITHOUT_KEY,
            message::set_state,
        )
}

fn reading(routes: Routes<AppState>) -> Routes<AppState> {
    let state = [
        "/_matrix/client/v3/rooms/{room_id}/state/{event_type}",
        "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/",
        "/_matrix/client/r0/rooms/{room_id}/state/{event_type}",
        "/_matrix/client/r0/rooms/{room_id}/state/{event_type}/",
    ];
    let summary = [
        "/_matrix/client/unstable/im.nheko.summary/summary/{room_id_or_alias}",
        "/_matrix/client/v1/rooms/{room_id_or_alias}/summary",
    ];
    routes
        .ruma(GUESTS, message::list)
        .ruma(GUESTS, message::context)
        .ruma(GUESTS, message::event)
        .ruma(GUESTS, message::near)
        .ruma(GUESTS, relation::list)
        .ruma(GUESTS, relation::list_of_kind)
        .ruma(GUESTS, relation::list_of_kind_and_type)
        .ruma(GUESTS, relation::threads)
        .ruma(GUESTS, state::list)
        .ruma_also_at(GUESTS, &state, state::get)
        .ruma(GUESTS, state::initial_sync)
        .ruma(GUESTS, state::members)
        .ruma(GUESTS, state::joined_members)
        .ruma(GUESTS, state::joined_rooms)
        .ruma(USERS, state::mutual_rooms)
        .ruma(GUESTS, state::aliases)
        .ruma(GUESTS.limited(Action::Search), state::public_rooms)
        .ruma(GUESTS.limited(Action::Search), state::public_rooms_filtered)
        .ruma(GUESTS, space::hierarchy)
        .ruma_also_at(GUESTS, &summary, space::summary)
        .ruma(USERS, receipt::set)
        .ruma(USERS, receipt::set_markers)
}

fn accounts(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .in_place_of::<register::v3::Request, _, _>(
            USERS.limited(Action::Register),
            account::register,
        )
        .ruma(USERS, account::available)
        .ruma(USERS, account::token_validity)
        .at(
            MethodFilter::GET,
            "/_synapse/admin/v1/register",
            USERS,
            account::nonce,
        )
        .at(
            MethodFilter::POST,
            "/_synapse/admin/v1/register",
            USERS,
            account::register_with_secret,
        )
        .ruma(GUESTS, account::whoami)
        .ruma(USERS, account::whois)
        .ruma(USERS, moderation::is_locked)
        .ruma(USERS, moderation::lock)
        .ruma(USERS, moderation::is_suspended)
        .ruma(USERS, moderation::suspend)
        .ruma(USERS.limited(Action::Confirm), account::change_password)
        .ruma(USERS, account::deactivate)
}

fn third_party_ids(routes: Routes<AppState>) -> Routes<AppState> {
    use account::{email_page, email_tokens, msisdn_tokens, third_party_ids as ids};
    let mail = USERS.limited(Action::Mail);
    let confirm = USERS.limited(Action::Confirm);
    let routes = routes
        .ruma(USERS, ids::list)
        .ruma(confirm, ids::add)
        .ruma(confirm, ids::bind)
        .ruma(USERS, ids::delete)
        .ruma(USERS, ids::unbind)
        .ruma(mail, email_tokens::to_add)
        .ruma(mail, email_tokens::to_register)
        .ruma(mail, email_tokens::for_password)
        .ruma(USERS, msisdn_tokens::to_add)
        .ruma(USERS, msisdn_tokens::to_register)
        .ruma(USERS, msisdn_tokens::for_password)
        .at(
            MethodFilter::GET,
            email_page::PATH,
            confirm,
            email_page::show,
        )
        .at(
            MethodFilter::POST,
            email_page::PATH,
            confirm,
            email_page::submit,
        );
    ["/_matrix/client/v3", "/_matrix/client/r0"]
        .into_iter()
        .fold(routes, |routes, prefix| {
            let path = format!("{prefix}/account/3pid");
            routes.at(MethodFilter::POST, &path, confirm, ids::add_deprecated)
        })
}

fn sessions(routes: Routes<AppState>) -> Routes<AppState> {
    let login = USERS.limited(Action::Login);
    routes
        .ruma(USERS, session::flows)
        .at(
            MethodFilter::POST,
            "/_matrix/client/v3/login",
            login,
            session::login,
        )
        .at(
            MethodFilter::POST,
            "/_matrix/client/r0/login",
            login,
            session::login,
        )
        .ruma(USERS, session::login_token)
        .ruma(USERS.limited(Action::Login), session::refresh)
        .ruma(GUESTS.even_locked(), session::logout)
        .ruma(GUESTS.even_locked(), session::logout_all)
}

fn devices(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(GUESTS, device::list)
        .ruma(GUESTS, device::get)
        .ruma(GUESTS, device::rename)
        .ruma(USERS, device::delete)
        .ruma(USERS, device::delete_many)
        .ruma(GUESTS, to_device::send)
}

fn encryption(routes: Routes<AppState>) -> Routes<AppState> {
    const DEHYDRATED: &str = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";
    let events = format!("{DEHYDRATED}/{{device_id}}/events");
    routes
        .in_place_of::<keys_api::upload_keys::v3::Request, _, _>(GUESTS, keys::upload)
        .ruma(GUESTS, keys::query)
        .ruma(GUESTS, keys::claim)
        .ruma(GUESTS, keys::changes)
        .in_place_of::<keys_api::upload_signing_keys::v3::Request, _, _>(
            USERS,
            keys::upload_cross_signing,
        )
        .in_place_of::<keys_api::upload_signatures::v3::Request, _, _>(
            USERS,
            keys::upload_signatures,
        )
        .at(MethodFilter::PUT, DEHYDRATED, USERS, dehydrated::put)
        .at(MethodFilter::GET, DEHYDRATED, USERS, dehydrated::get)
        .at(MethodFilter::DELETE, DEHYDRATED, USERS, dehydrated::delete)
        .at(MethodFilter::POST, &events, USERS, dehydrated::events)
        .at(MethodFilter::GET, &events, USERS, dehydrated::events_from)
}

fn backups(routes: Routes<AppState>) -> Routes<AppState> {
    use backup_api as api;
    routes
        .in_place_of::<api::create_backup_version::v3::Request, _, _>(USERS, backup::create)
        .in_place_of::<api::get_latest_backup_info::v3::Request, _, _>(USERS, backup::get_current)
        .in_place_of::<api::get_backup_info::v3::Request, _, _>(USERS, backup::get)
        .in_place_of::<api::update_backup_version::v3::Request, _, _>(USERS, backup::update)
        .in_place_of::<api::delete_backup_version::v3::Request, _, _>(USERS, backup::delete)
        .in_place_of::<api::add_backup_keys::v3::Request, _, _>(USERS, backup::put_all_keys)
        .in_place_of::<api::add_backup_keys_for_room::v3::Request, _, _>(
            USERS,
            backup::put_keys_of_room,
        )
        .in_place_of::<api::add_backup_keys_for_session::v3::Request, _, _>(
            USERS,
            backup::put_key_of_session,
        )
        .in_place_of::<api::get_backup_keys::v3::Request, _, _>(USERS, backup::get_all_keys)
        .in_place_of::<api::get_backup_keys_for_room::v3::Request, _, _>(
            USERS,
            backup::get_keys_of_room,
        )
        .in_place_of::<api::get_backup_keys_for_session::v3::Request, _, _>(
            USERS,
            backup::get_key_of_session,
        )
        .in_place_of::<api::delete_backup_keys::v3::Request, _, _>(USERS, backup::delete_all_keys)
        .in_place_of::<api::delete_backup_keys_for_room::v3::Request, _, _>(
            USERS,
            backup::delete_keys_of_room,
        )
        .in_place_of::<api::delete_backup_keys_for_session::v3::Request, _, _>(
            USERS,
            backup::delete_key_of_session,
        )
}

fn profiles(routes: Routes<AppState>) -> Routes<AppState> {
    let routes = routes
        .ruma(GUESTS, profile::get)
        .ruma(GUESTS, profile::get_field)
        .ruma(GUESTS.taking_part(), profile::delete_field);
    let set = ruma::api::client::profile::set_profile_field::v3::Request::PATH_BUILDER;
    set.all_paths().fold(routes, |routes, path| {
        routes.at(
            MethodFilter::PUT,
            path,
            GUESTS.taking_part(),
            profile::set_field,
        )
    })
}

/// Deletion of account data.
const MSC3391: &str = "/_matrix/client/unstable/org.matrix.msc3391";

fn own_data(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(USERS, account_data::global::get)
        .ruma(USERS, account_data::global::set)
        .ruma(USERS, account_data::room::get)
        .ruma(USERS, account_data::room::set)
        .at(
            MethodFilter::DELETE,
            &format!("{MSC3391}/user/{{user_id}}/account_data/{{event_type}}"),
            USERS,
            account_data::global::delete,
        )
        .at(
            MethodFilter::DELETE,
            &format!("{MSC3391}/user/{{user_id}}/rooms/{{room_id}}/account_data/{{event_type}}"),
            USERS,
            account_data::room::delete,
        )
        .ruma(USERS, account_data::tags::list)
        .ruma(USERS, account_data::tags::set)
        .ruma(USERS, account_data::tags::delete)
        .in_place_of::<create_filter::v3::Request, _, _>(GUESTS, filter::create)
        .ruma(GUESTS, filter::get)
}

fn push_rules(routes: Routes<AppState>) -> Routes<AppState> {
    let v3 = "/_matrix/client/v3/pushrules";
    routes
        .ruma(GUESTS, push::rules::all)
        .ruma(GUESTS, push::rules::global)
        .at(
            MethodFilter::GET,
            &format!("{v3}/global/{{kind}}/"),
            USERS,
            push::rules::kind,
        )
        .at(
            MethodFilter::PUT,
            &format!("{v3}/global/{{kind}}/"),
            USERS,
            push::rules::elsewhere,
        )
        .at(
            MethodFilter::PUT,
            &format!("{v3}/"),
            USERS,
            push::rules::elsewhere,
        )
        .at(
            MethodFilter::GET.or(MethodFilter::PUT),
            &format!("{v3}/{{*elsewhere}}"),
            USERS,
            push::rules::elsewhere,
        )
        .ruma(USERS, push::rules::get)
        .ruma(USERS, push::rules::put)
        .ruma(USERS, push::rules::delete)
        .ruma(USERS, push::rule_parts::actions)
        .ruma(USERS, push::rule_parts::set_actions)
        .ruma(USERS, push::rule_parts::enabled)
        .ruma(USERS, push::rule_parts::set_enabled)
        .ruma(USERS, push::pushers::list)
        .ruma(USERS, push::pushers::set)
        .ruma(USERS, push::notifications::list)
}

fn people(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(USERS, report::room)
        .ruma(USERS, report::event)
        .ruma(USERS, report::user)
        .ruma(USERS.limited(Action::Search), directory_user::search)
        .in_place_of::<search_events::v3::Request, _, _>(
            USERS.limited(Action::Search),
            search::find,
        )
        .ruma(USERS, openid::request_token)
        .at(
            MethodFilter::GET,
            "/_matrix/federation/v1/openid/userinfo",
            USERS,
            openid::user_info,
        )
        .ruma(USERS, third_party::protocols)
        .ruma(USERS, third_party::protocol)
        .ruma(USERS, third_party::locations)
        .ruma(USERS, third_party::locations_of_alias)
        .ruma(USERS, third_party::users)
        .ruma(USERS, third_party::users_of_id)
        .ruma(USERS, third_party::turn_server)
}

/// State with an empty key has more spellings than one.
const STATE_WITHOUT_KEY: [&str; 3] = [
    "/_matrix/client/v3/rooms/{room_id}/state/{event_type}",
    "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/",
    "/_matrix/client/r0/rooms/{room_id}/state/{event_type}",
];

fn rooms(routes: Routes<AppState>) -> Routes<AppState> {
    let taking_part = USERS.taking_part();
    let joining = GUESTS.taking_part().limited(Action::Join);
    routes
        .ruma(taking_part.limited(Action::CreateRoom), room::create)
        .ruma(taking_part.limited(Action::CreateRoom), room::upgrade)
        .in_place_of::<join_room_by_id_or_alias::v3::Request, _, _>(joining, membership::join)
        .in_place_of::<join_room_by_id::v3::Request, _, _>(joining, membership::join_by_id)
        .ruma(taking_part.limited(Action::Join), membership::knock)
        .ruma(GUESTS, membership::leave)
        .ruma(GUESTS, membership::forget)
        .ruma(taking_part.limited(Action::Invite), membership::invite)
        .ruma(taking_part, membership::kick)
        .ruma(taking_part, membership::ban)
        .ruma(taking_part, membership::unban)
        .ruma(GUESTS, directory::find_alias)
        .ruma(taking_part, directory::add_alias)
        .ruma(taking_part, directory::remove_alias)
        .ruma(GUESTS, directory::visibility)
        .ruma(taking_part, directory::set_visibility)
}
