//! Registration of endpoints.
//!
//! Paths that differ only in the names of their parameters are one path to the router, so
//! methods are gathered under the first spelling; extractors take parameters by their place.

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use ruma::api::IncomingRequest;
use ruma::api::path_builder::PathBuilder;

use super::record::{Access, Endpoint, Registered};
use super::request_log::EndpointFigures;
use crate::client::extract::{self, Ruma};

/// The endpoints of a server, gathered.
pub struct Routes<S> {
    paths: BTreeMap<String, (String, MethodRouter<S>)>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self {
            paths: BTreeMap::new(),
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Serves a ruma endpoint at all its paths (`/v3`, `/r0`, unstable ones). The endpoint follows
    /// from the last argument of `handler`, a [`Ruma`].
    #[must_use]
    pub fn ruma<M, H: RumaHandler<M, S>>(self, access: Access, handler: H) -> Self {
        handler.register(self, access, &[])
    }

    /// As [`Self::ruma`], at further paths too.
    #[must_use]
    pub fn ruma_also_at<M, H: RumaHandler<M, S>>(
        self,
        access: Access,
        more_paths: &[&'static str],
        handler: H,
    ) -> Self {
        handler.register(self, access, more_paths)
    }

    /// Serves any handler at all paths of the ruma endpoint `R`, for those whose body ruma reads
    /// otherwise than the specification.
    #[must_use]
    pub fn in_place_of<R, T, H>(self, access: Access, handler: H) -> Self
    where
        R: IncomingRequest,
        T: 'static,
        H: Handler<T, S>,
    {
        register_at_all::<R, T, H, S>(handler, self, access, &[])
    }

    /// Serves any handler at one path.
    #[must_use]
    pub fn at<T: 'static, H: Handler<T, S>>(
        self,
        method: MethodFilter,
        path: &str,
        access: Access,
        handler: H,
    ) -> Self {
        self.add(method, path, access, handler)
    }

    fn add<T: 'static, H: Handler<T, S>>(
        mut self,
        method: MethodFilter,
        path: &str,
        access: Access,
        handler: H,
    ) -> Self {
        let endpoint = Endpoint {
            template: path.to_owned(),
            access,
            figures: EndpointFigures::default(),
        };
        let handler = Registered::new(handler, endpoint);
        let (_, methods) = self
            .paths
            .entry(shape(path))
            .or_insert_with(|| (path.to_owned(), MethodRouter::new()));
        *methods = std::mem::take(methods).merge(on(method, handler));
        self
    }

    /// The router, with the specification's answers to unknown paths and methods.
    pub fn into_router(self) -> Router<S> {
        let router = self
            .paths
            .into_values()
            .fold(Router::new(), |router, (path, methods)| {
                router.route(&path, methods)
            });
        router
            .fallback(extract::unknown_path)
            .method_not_allowed_fallback(extract::unknown_method)
    }
}

/// A path without the names of its parameters.
fn shape(path: &str) -> String {
    let segment = |segment: &str| {
        if segment.starts_with('{') && !segment.starts_with("{*") {
            "{}".to_owned()
        } else {
            segment.to_owned()
        }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A handler whose last argument is a [`Ruma`] request.
pub trait RumaHandler<M, S: Clone + Send + Sync + 'static>: Sized {
    /// Registers it at all paths of its endpoint and at `more_paths`.
    fn register(self, routes: Routes<S>, access: Access, more_paths: &[&'static str]) -> Routes<S>;
}

/// Registers `handler` at the paths of `T` and at `more_paths`.
fn register_at_all<T, A, H, S>(
    handler: H,
    mut routes: Routes<S>,
    access: Access,
    more_paths: &[&'static str],
) -> Routes<S>
where
    T: IncomingRequest,
    T::PathBuilder: PathBuilder,
    A: 'static,
    H: Handler<A, S>,
    S: Clone + Send + Sync + 'static,
{
    let method = method_filter(&T::METHOD);
    for path in T::PATH_BUILDER
        .all_paths()
        .chain(more_paths.iter().copied())
    {
        routes = routes.add(method, path, access, handler.clone());
    }
    routes
}

/// A method of HTTP, as the router knows it.
pub fn method_filter(method: &http::Method) -> MethodFilter {
    match method.as_str() {
        "GET" => MethodFilter::GET,
        "PUT" => MethodFilter::PUT,
        "POST" => MethodFilter::POST,
        "DELETE" => MethodFilter::DELETE,
        "PATCH" => MethodFilter::PATCH,
        other => unreachable!("no endpoint of the specification has the method {other}"),
    }
}

macro_rules! ruma_handler {
    ($($argument:ident),*) => {
        #[allow(unused_parens)]
        impl<F, Fut, Out, T, S, $($argument),*> RumaHandler<($($argument,)* Ruma<T>,), S> for F
        where
            F: Fn($($argument,)* Ruma<T>) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Out> + Send,
            Out: axum::response::IntoResponse,
            T: IncomingRequest + Send + 'static,
            crate::server::entrance::Entrance: axum::extract::FromRef<S>,
            S: Clone + Send + Sync + 'static,
            $($argument: axum::extract::FromRequestParts<S> + Send + 'static,)*
        {
            fn register(self, routes: Routes<S>, access: Access, more_paths: &[&'static str]) -> Routes<S> {
                register_at_all::<T, _, _, S>(self, routes, access, more_paths)
            }
        }
    };
}

ruma_handler!();
ruma_handler!(A1);
ruma_handler!(A1, A2);
ruma_handler!(A1, A2, A3);
ruma_handler!(A1, A2, A3, A4);
ruma_handler!(A1, A2, A3, A4, A5);
ruma_handler!(A1, A2, A3, A4, A5, A6);
