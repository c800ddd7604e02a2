//! The routes of uploaded files. Their bodies are streams, which ruma's types are not, so only
//! the paths come from ruma.

use axum::routing::MethodFilter;
use ruma::api::Metadata;
use ruma::api::client::{authenticated_media, media};
use ruma::api::path_builder::PathBuilder;

use super::{
    config, download, download_as, legacy_download, legacy_download_as, legacy_thumbnail, preview,
    reserve, thumbnail, upload, upload_reserved,
};
use crate::server::rate_limit::Action;
use crate::server::record::Access;
use crate::server::routes::Routes;
use crate::server::state::AppState;

const USERS: Access = Access::USERS;
const GUESTS: Access = Access::GUESTS;

/// All paths of an endpoint of ruma's.
fn paths<T>() -> Vec<&'static str>
where
    T: Metadata,
    T::PathBuilder: PathBuilder,
{
    T::PATH_BUILDER.all_paths().collect()
}

/// Adds the endpoints of uploaded files.
#[allow(deprecated, reason = "older clients use the older paths")]
pub fn add(routes: Routes<AppState>) -> Routes<AppState> {
    use authenticated_media as authenticated;
    let limited = USERS.limited(Action::Upload);
    let mut routes = routes.ruma(limited, reserve);
    for path in paths::<media::create_content::v3::Request>() {
        routes = routes.at(MethodFilter::POST, path, limited, upload);
    }
    for path in paths::<media::create_content_async::v3::Request>() {
        routes = routes.at(MethodFilter::PUT, path, limited, upload_reserved);
    }
    let configs = paths::<authenticated::get_media_config::v1::Request>().into_iter();
    for path in configs.chain(paths::<media::get_media_config::v3::Request>()) {
        routes = routes.at(MethodFilter::GET, path, GUESTS, config);
    }
    for path in paths::<authenticated::get_content::v1::Request>() {
        routes = routes.at(MethodFilter::GET, path, GUESTS, download);
    }
    for path in paths::<authenticated::get_content_as_filename::v1::Request>() {
        routes = routes.at(MethodFilter::GET, path, GUESTS, download_as);
    }
    for path in paths::<authenticated::get_content_thumbnail::v1::Request>() {
        routes = routes.at(MethodFilter::GET, path, GUESTS, thumbnail);
    }
    let previewed = USERS.limited(Action::Preview);
    let previews = paths::<authenticated::get_media_preview::v1::Request>().into_iter();
    for path in previews.chain(paths::<media::get_media_preview::v3::Request>()) {
        routes = routes.at(MethodFilter::GET, path, previewed, preview);
    }
    legacy(routes)
}

/// The older endpoints, which anybody may read from.
#[allow(deprecated, reason = "older clients use them")]
fn legacy(mut routes: Routes<AppState>) -> Routes<AppState> {
    for path in paths::<media::get_content::v3::Request>() {
        routes = routes.at(MethodFilter::GET, path, GUESTS, legacy_download);
    }
    for path in paths::<media::get_content_as_filename::v3::Request>() {
        routes = routes.at(MethodFilter::GET, path, GUESTS, legacy_download_as);
    }
    for path in paths::<media::get_content_thumbnail::v3::Request>() {
        routes = routes.at(MethodFilter::GET, path, GUESTS, legacy_thumbnail);
    }
    routes
}
