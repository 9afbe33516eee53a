//! Places on the globe, and those nearest to a point.

pub mod api;
pub mod http;
pub mod places;

pub use api::respond;
pub use http::{Limits, Request, Response, Server};
pub use places::{InputError, Near, Place, Places};
