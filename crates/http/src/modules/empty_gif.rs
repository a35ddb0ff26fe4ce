//! `ngx_http_empty_gif_module`: one transparent pixel.

use bytes::Bytes;
use conf::{Arity, Directive};
use proto::h1::Method;

use crate::module::{LOCATION, Module, Set, doc};
use crate::modules::core::Handler;
use crate::phases::Flow;
use crate::request::Request;
use crate::response::Response;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_empty_gif_module",
    directives: &[Directive::new(
        "empty_gif",
        LOCATION,
        Arity::Exactly(0),
        Set::Level(|_, level, _| {
            level.drafts.core.handler = Some(Handler::EmptyGif);
            Ok(())
        }),
        doc(
            "empty_gif;",
            "",
            "Answers with a transparent GIF of one pixel.",
        ),
    )],
    variables: &[],
};

/// A GIF of one pixel, whose second colour is the transparent one (GIF89a §§17–23).
const GIF: [u8; 43] = [
    b'G', b'I', b'F', b'8', b'9', b'a', // header
    1, 0, 1, 0, 0x80, 1, 0, // screen of 1×1 with a table of two colours
    0, 0, 0, 0xff, 0xff, 0xff, // black, white
    0x21, 0xf9, 4, 1, 0, 0, 1, 0, // colour 1 is transparent
    0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, // an image of 1×1
    2, 2, 0x4c, 1, 0,    // its one pixel of colour 1
    0x3b, // trailer
];

/// What nginx says of its age, in seconds since 1970.
const LAST_MODIFIED: i64 = 23_349_600;

/// The handler.
pub fn run(request: &Request) -> Flow {
    if !matches!(request.method.get(), Method::Get | Method::Head) {
        return Flow::Status(405);
    }
    let mut response = Response::text(200, "image/gif", Bytes::from_static(&GIF));
    response.head.last_modified = Some(LAST_MODIFIED);
    Flow::Respond(response)
}
